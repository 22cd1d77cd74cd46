"""The peers' engines on a GPU: engines.py's network in f16, and in tf32, whose products round their operands to 10 bits.

Each is called with images in host memory and gives features and probabilities there. `resident` gives a function that runs
on images that lie on the GPU, and leaves there what it gives. Both wait for the GPU.
"""

import functools
import sys

import engines
import peers

DEVICE = "cuda"


class OnGpu:
    """`upload` brings images to the GPU, `compute` gives features and probabilities of what that returned."""

    def __init__(self, upload, compute):
        self.upload, self.compute = upload, compute

    def __call__(self, images):
        return [output.float().cpu().numpy() for output in self.compute(self.upload(images))]

    def resident(self, images):
        import torch

        there = self.upload(images)

        def run():
            self.compute(there)
            torch.cuda.synchronize()

        return run


def recorded(engine):
    """The same as a CUDA graph for each batch, recorded when one first comes."""
    import torch

    kept = {}  # by batch: where its images lie, the graph, its outputs

    def record(there):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                engine.compute(there)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = engine.compute(there)
        return there, graph, outputs

    def upload(images):
        there = engine.upload(images)
        if len(images) not in kept:
            kept[len(images)] = record(there)
        kept[len(images)][0].copy_(there)
        return len(images)

    def compute(batch):
        _, graph, outputs = kept[batch]
        graph.replay()
        return outputs

    return OnGpu(upload, compute)


def torch_engine(numbers, model, **_):
    """Eager and in inference mode, in channels last, with the algorithms that cuDNN's trials find fastest."""
    import torch

    import torch_network

    torch_network.require_gpu()
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    kind = torch.float16 if numbers == "f16" else torch.float32
    network = torch_network.vgg16(peers.read_safetensors(model)).eval().to(DEVICE, kind, memory_format=torch.channels_last)
    convolutions, head = network[:-3], network[-3:]

    def upload(images):
        return torch.from_numpy(images).to(DEVICE).to(kind).permute(0, 3, 1, 2)  # which is channels last

    @torch.inference_mode()
    def compute(batch):
        features = convolutions(batch)
        return features, head(features).softmax(1)

    return f"PyTorch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}, {numbers}", OnGpu(upload, compute)


def torch_graph_engine(numbers, model, **_):
    version, engine = torch_engine(numbers, model)
    return version + ", CUDA graph", recorded(engine)


def tensorrt_engine(numbers, onnx, **_):
    """An engine built for each batch; with f16 allowed it computes a layer in f32 where that is faster. A CUDA graph."""
    import torch

    import torch_network

    torch_network.require_gpu()
    try:
        import tensorrt
    except ImportError:
        peers.leave_out(f"TensorRT is not installed: '{sys.executable} -m pip install -r bench/peers/requirements-tensorrt.txt' does that.")
    if not tensorrt.__version__.startswith("10."):
        peers.leave_out(f"TensorRT {tensorrt.__version__} is none of 10: install what bench/peers/requirements-tensorrt.txt pins.")
    logger = tensorrt.Logger(tensorrt.Logger.WARNING)
    runtime = tensorrt.Runtime(logger)

    def built(shape):
        builder = tensorrt.Builder(logger)
        network = builder.create_network(0)
        parser = tensorrt.OnnxParser(network, logger)
        if not parser.parse(engines.onnx_with_features(onnx)):
            sys.exit(f"TensorRT cannot read {onnx}: {parser.get_error(0)}")
        config = builder.create_builder_config()  # which has TF32 on
        if numbers == "f16":
            config.set_flag(tensorrt.BuilderFlag.FP16)
        profile = builder.create_optimization_profile()
        profile.set_shape("image", shape, shape, shape)
        config.add_optimization_profile(profile)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            sys.exit(f"TensorRT cannot build {onnx} for {shape}.")
        context = runtime.deserialize_cuda_engine(plan).create_execution_context()
        context.set_input_shape("image", shape)
        outputs = []
        for index in range(network.num_outputs):
            name = network.get_output(index).name
            outputs.append(torch.empty(tuple(context.get_tensor_shape(name)), device=DEVICE))
            context.set_tensor_address(name, outputs[-1].data_ptr())
        return context, outputs

    contexts = {}

    def upload(images):
        return torch.from_numpy(images).to(DEVICE)

    def compute(there):
        if there.shape not in contexts:
            contexts[there.shape] = built(tuple(there.shape))
        context, outputs = contexts[there.shape]
        context.set_tensor_address("image", there.data_ptr())
        if not context.execute_async_v3(torch.cuda.current_stream().cuda_stream):
            sys.exit(f"TensorRT could not run a batch of {len(there)}.")
        return outputs

    return f"TensorRT {tensorrt.__version__}, {numbers}, CUDA graph", recorded(OnGpu(upload, compute))


NUMBERS = ("f16", "tf32")
ENGINES = {
    f"{name}-{numbers}": functools.partial(engine, numbers)
    for numbers in NUMBERS
    for name, engine in {"torch": torch_engine, "torch-graph": torch_graph_engine, "tensorrt": tensorrt_engine}.items()
}
