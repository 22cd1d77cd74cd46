#!/usr/bin/env python3
"""Open a model.h5 of cxrnet's with Keras itself and compare.

    KERAS_BACKEND=jax keras_reads_ours.py MODEL.h5 [--weights MODEL.safetensors]
        [--input PREPARED.npy --predictions OURS.npy|.csv|.json [--tolerance 1e-4]]

--weights: Keras's weights must be those tensors bit for bit. --input: prepared images (float32 NHWC, as the network's
first layer reads them); Keras's predictions must be ours within the tolerance. Ours: .npy (N x classes), .csv whose
columns `p_<class>` are the probabilities in the order of the classes, or .json (a list of lists). Saves the model again
with Keras, opens that, and expects the same. Ends with status 1 where anything differs.
"""
import argparse
import csv
import json
import pathlib
import sys
import tempfile

import keras
import numpy as np

import safetensors_file


def probabilities(path):
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".json":
        return np.array(json.loads(path.read_text()))
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in rows[0] if name.startswith("p_")]
    if not columns:
        sys.exit(f"{path} has no columns p_<class>")
    return np.array([[float(row[name]) for name in columns] for row in rows])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--input", type=pathlib.Path)
    parser.add_argument("--predictions", type=pathlib.Path)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    options = parser.parse_args()

    model = keras.models.load_model(options.model)
    print(f"Keras {keras.__version__} opens {options.model}: {len(model.layers)} layers, {model.count_params()} parameters")
    failed = False

    if options.weights:
        ours = safetensors_file.read(options.weights)
        theirs = {f"{layer.name}.{kind}": np.asarray(getattr(layer, kind)) for layer in model.layers if layer.weights
                  for kind in ("kernel", "bias")}
        differing = [name for name in ours.keys() | theirs.keys()
                     if name not in ours or name not in theirs or not np.array_equal(ours[name], theirs[name])]
        print(f"weights: {len(theirs)} tensors, " + (f"DIFFERENT: {differing}" if differing else "equal bit for bit"))
        failed |= bool(differing)

    shape = model.input_shape[1:]
    images = np.load(options.input) if options.input else np.random.default_rng(1).random((3, *shape), dtype=np.float32)
    theirs = model.predict(images, verbose=0)
    if options.predictions:
        ours = probabilities(options.predictions)
        if ours.shape != theirs.shape:
            sys.exit(f"our predictions have the shape {ours.shape}, Keras's {theirs.shape}")
        largest = np.abs(ours - theirs).max()
        print(f"predictions: {len(ours)} images, largest difference {largest:.2e}, tolerance {options.tolerance:.0e}")
        failed |= not largest <= options.tolerance

    with tempfile.TemporaryDirectory() as folder:
        again = pathlib.Path(folder) / "again.h5"
        model.save(again)
        same = np.array_equal(keras.models.load_model(again).predict(images, verbose=0), theirs)
        print("saved by Keras and opened again: " + ("the same predictions" if same else "DIFFERENT predictions"))
        failed |= not same
    sys.exit(int(failed))


if __name__ == "__main__":
    main()
