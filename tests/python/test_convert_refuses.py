"""`convert` refuses what does not fit in one sentence, and leaves no file."""

import pathlib
import subprocess

import common

with common.work_folder() as folder:
    folder = pathlib.Path(folder)
    common.network("save", folder)
    (folder / "text.onnx").write_text("no model at all")
    cut = (folder / "model.keras").read_bytes()
    (folder / "cut.keras").write_bytes(cut[: len(cut) // 2])

    def refused(expected, file, out, *options):
        target = folder / out
        command = [common.programs / "convert", "--in", file, "--out", target, *options]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == 1 and not target.exists(), (command, done)
        said = done.stderr.strip().splitlines()[-1]
        assert said.startswith("error: ") and all(part in said for part in expected), (expected, said)

    other, weights = folder / "rescale.safetensors", common.weights
    refused(["does not fit this network", "it lacks block1_conv1", "the network has no conv1_conv"], other, "a.h5")
    refused(["it lacks fc1 (25088, 4096) (4096)"], weights, "a.h5", "--network", "vgg16", "--preprocess", "imagenet")
    refused(["give --preprocess"], weights, "a.onnx", "--network", "vgg16-notop")
    refused(["'rescale', not with 'imagenet'"], other, "a.h5", "--preprocess", "imagenet")
    backbone = ["--network", "vgg16-notop", "--preprocess", "imagenet"]
    refused(["--classes has 2 names", "0 classes"], weights, "a.h5", *backbone, "--classes", "a,b")
    refused(["PyTorch's layout is written as .safetensors"], weights, "a.h5", *backbone, "--layout", "torch")
    refused(["written as .safetensors, .keras or .h5"], weights, "a.txt", *backbone)
    refused(["create the folder"], weights, "none/a.h5", *backbone)
    refused(["text.onnx' is no safetensors"], folder / "text.onnx", "a.h5")
    refused(["cut.keras' is not a sound model file"], folder / "cut.keras", "a.h5")
    refused(["No such file"], folder / "missing.onnx", "a.h5")
print("What does not fit is refused by name.")
