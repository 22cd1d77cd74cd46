"""ONNX Runtime runs what we export, and gives the same probabilities."""

import json
import os
import pathlib
import sys

import common
import numpy as np
import onnxruntime
from PIL import Image


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def residual_network(folder):
    images = common.floats(folder / "images.f32", 5, 16, 12, 3)
    prepared = {
        "rescale": images / 255,
        "imagenet": images[..., ::-1] - np.array([103.939, 116.779, 123.68]),
        "imagenet-torch": (images / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225]),
    }
    for name, inputs in prepared.items():
        ours = common.floats(folder / f"{name}.f32", 5, 3)
        model = session(folder / f"{name}.onnx")
        worst = common.closest(ours, model.run(["probabilities"], {"image": images})[0], 1e-5, name)
        alone = model.run(None, {"image": images[2:3]})[0]
        assert np.abs(alone - ours[2:3]).max() <= 1e-5, "one image gives something else than five"
        metadata = model.get_modelmeta().custom_metadata_map
        assert metadata["preprocess"] == name and json.loads(metadata["classes"]) == ["a", "b", "c"], metadata
        bare = session(folder / f"{name}-prepared.onnx").run(None, {"image": inputs.astype(np.float32)})[0]
        common.closest(ours, bare, 1e-5, f"{name}, prepared images")
        print(f"residual network, {name}: largest difference {worst:.1e}")


def reference(folder):
    """Keras's model, through `convert`: Keras's probabilities, and those of `evaluate`."""
    data = common.make_data(folder / "data")
    model = common.reference_model(seed=5)
    model.save(folder / "model.keras")
    said = common.run("convert", "--in", folder / "model.keras", "--out", folder / "model.onnx", "--classes", "COVID,Normal")
    assert "rescale" in said, said
    common.run("convert", "--in", folder / "model.onnx", "--out", folder / "back.safetensors")
    ours, _ = common.our_predictions(folder / "back.safetensors", data / "test", folder / "predictions.csv")
    network = session(folder / "model.onnx")
    files = sorted(path for path in (data / "test").rglob("*") if path.is_file())
    pixels = np.stack([255 * common.prepare(path) for path in files]).astype(np.float32)
    theirs = network.run(None, {"image": pixels})[0]
    worst = common.closest(theirs, model.predict(pixels / 255, verbose=0), 1e-5, "Keras's probabilities")
    print(f"reference network, ONNX Runtime and Keras: largest difference {worst:.1e}")
    same = [i for i, path in enumerate(files) if path.suffix == ".png"]  # which both decode alike
    here = np.array([next(p for name, p in ours.items() if str(files[i]).endswith(name)) for i in same])
    worst = common.closest(here, theirs[same], 2e-3, "evaluate's probabilities")
    print(f"reference network, ONNX Runtime and evaluate: largest difference {worst:.1e}")


def recorded(folder, golden):
    """The model whose predictions Keras recorded."""
    common.run("convert", "--in", golden / "keras_seed_model.h5", "--out", folder / "golden.onnx")
    files = json.loads((golden / "files.json").read_text())
    pixels = np.stack([255 * common.prepare(golden.parents[1] / "cxr" / file) for file in files]).astype(np.float32)
    theirs = np.load(golden / "predictions.npy")
    worst = common.closest(session(folder / "golden.onnx").run(None, {"image": pixels})[0], theirs, 1e-5, "recorded")
    print(f"recorded predictions of {len(files)} images and ONNX Runtime: largest difference {worst:.1e}")


with common.work_folder() as folder:
    folder = pathlib.Path(folder)
    common.network("save", folder)
    if not (folder / "rescale.onnx").exists():
        print("skipped: the programs were built without libonnx-dev.")
        sys.exit(77)
    residual_network(folder)
    reference(folder)
    golden = pathlib.Path(os.environ.get("CXRNET_SHARED", common.root.parent / "shared")) / "golden/e2e"
    if golden.is_dir():
        recorded(folder, golden)
