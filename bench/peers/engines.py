"""The peers' engines: VGG16's convolutions, global average pooling and the head on prepared images (n x 224 x 224 x 3).

Each is called with images and gives features and probabilities, two arrays. All compute in f32 but openvino-int8.
"""

import os

import numpy as np

import peers

THREADS = len(os.sched_getaffinity(0))


def keras_engine(model, **_):
    """A traced function, which is faster than `predict` and `model(images)`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    import keras
    import tensorflow as tf

    import keras_network

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    _, whole = keras_network.vgg16()
    keras_network.set_weights(whole, peers.read_safetensors(model))
    pooled = next(layer for layer in whole.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D))
    both = keras.Model(whole.input, [pooled.output, whole.output])
    traced = tf.function(lambda images: both(images, training=False))

    def run(images):
        return [output.numpy() for output in traced(tf.constant(images))]

    return f"Keras {keras.__version__}, TensorFlow {tf.__version__}", run


def torch_engine(model, calibration, **_):
    """Eager and in inference mode; in NCHW or channels last, whichever a trial finds faster."""
    import time

    import torch

    import torch_network

    torch.set_num_threads(THREADS)
    network = torch_network.vgg16(peers.read_safetensors(model)).eval()

    def in_format(memory_format):
        def run(images):
            with torch.inference_mode():
                batch = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
                features = network[:-3](batch)
                return features.numpy(), network[-3:](features).softmax(1).numpy()

        return run

    def seconds(memory_format):
        network.to(memory_format=memory_format)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            in_format(memory_format)(calibration[:4])
            times.append(time.perf_counter() - began)
        return min(times)

    best = min((torch.contiguous_format, torch.channels_last), key=seconds)
    network.to(memory_format=best)
    return f"PyTorch {torch.__version__}, {str(best).removeprefix('torch.')}", in_format(best)


def onnx_with_features(path):
    """The bytes of convert's ONNX file, with the pooled features as its first output."""
    import onnx

    model = onnx.load(path)
    pool = next(node for node in model.graph.node if node.op_type == "GlobalAveragePool")
    flat = next(node for node in model.graph.node if pool.output[0] in node.input)
    model.graph.output.insert(0, onnx.helper.make_tensor_value_info(flat.output[0], onnx.TensorProto.FLOAT, ["N", 512]))
    return model.SerializeToString()


def onnxruntime_engine(onnx, **_):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(onnx_with_features(onnx), options, providers=["CPUExecutionProvider"])
    return f"ONNX Runtime {onnxruntime.__version__}", lambda images: session.run(None, {"image": images})


def openvino_engine(onnx, calibration=None, **_):
    """One stream on all threads, compiled for each batch; f32 is asked for, or it would compute in bf16 where it can.

    With calibration images, NNCF quantises the network first, and OpenVINO chooses the rest as it does by itself.
    """
    import io

    import openvino

    core = openvino.Core()
    network = core.read_model(io.BytesIO(onnx_with_features(onnx)))
    version = f"OpenVINO {openvino.__version__.split('-')[0]}"
    settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": THREADS}
    if calibration is None:
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    else:
        import nncf

        network = nncf.quantize(network, nncf.Dataset(calibration[:, None]), subset_size=len(calibration))
        version += f", NNCF {nncf.__version__} (post-training, {len(calibration)} training images)"
    compiled = {}

    def run(images):
        if len(images) not in compiled:
            sized = network.clone()
            sized.reshape([len(images), *images.shape[1:]])
            compiled[len(images)] = core.compile_model(sized, "CPU", settings)
        return [np.array(output) for output in compiled[len(images)](images).values()]

    return version, run


ENGINES = {
    "keras": keras_engine,
    "torch": torch_engine,
    "onnxruntime": onnxruntime_engine,
    "openvino": openvino_engine,
    "openvino-int8": openvino_engine,
}


def add_arguments(parser):
    """What engines are made of, all written by forward_inputs.py and convert."""
    parser.add_argument("--model", help="safetensors of every layer's kernel and bias")
    parser.add_argument("--onnx", help="the same network, which takes prepared images")
    parser.add_argument("--calibration", help="safetensors of prepared training images")


def open_engine(name, args, known=ENGINES):
    """Its version in words, and the function from images to features and probabilities."""
    files = {"model": args.model, "onnx": args.onnx}
    if name in ("torch", "openvino-int8"):
        files["calibration"] = peers.read_safetensors(args.calibration)["images"]
    return known[name](**files)
