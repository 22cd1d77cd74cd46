"""What the Keras tests share. Environment: CXRNET_BIN, the folder of the programs; KERAS_BACKEND."""

import csv
import os
import pathlib
import subprocess
import sys
import tempfile

import keras
import numpy as np
from PIL import Image

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import safetensors_file

root = pathlib.Path(__file__).resolve().parents[2]
programs = pathlib.Path(os.environ.get("CXRNET_BIN", root / "build/cpu/examples"))
networks = programs.parent / "tests/interop/networks"
weights = root / "weights/vgg16_imagenet_notop.safetensors"

if not (programs / "evaluate").exists() or not weights.exists():
    print(f"skipped: {programs}/evaluate or {weights} is missing; run tests/run.sh cpu first.")
    sys.exit(77)


def work_folder():
    return tempfile.TemporaryDirectory(prefix="cxrnet-keras-")


def run(program, *arguments):
    """A program by its name, or an executable by its path; what it printed."""
    command = [str(programs / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def make_data(folder):
    run("phantom", "--out", folder, "--train", 4, "--val", 2, "--test", 4, "--seed", 11)
    return folder


def our_predictions(model, data, table):
    """File -> probabilities, as `evaluate --csv` writes them; and what it printed."""
    said = run("evaluate", "--model", model, "--data", data, "--csv", table)
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["file"]: np.array([float(row["p_COVID"]), float(row["p_Normal"])]) for row in rows}, said


def prepare(path):
    """As flow_from_directory and the reference's rescale do."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.NEAREST), np.float32)
    return pixels / 255


def compare(ours, model, data):
    """Our probabilities are Keras's: within 2e-3 for PNG, 2e-2 for JPEG, whose decoders differ."""
    files = [path for path in pathlib.Path(data).rglob("*") if path.is_file()]
    assert len(ours) == len(files), (len(ours), len(files))
    for name, probabilities in ours.items():
        (path,) = (path for path in files if str(path).endswith(name))
        keras_says = model.predict(prepare(path)[None], verbose=0)[0]
        difference = np.abs(keras_says - probabilities).max()
        assert difference < (2e-3 if path.suffix == ".png" else 2e-2), (name, keras_says, probabilities)
    spread = np.ptp([p[0] for p in ours.values()])
    assert spread > 1e-3, "every image is given the same probabilities: nothing was compared"


def network(*arguments):
    """tests/interop/networks, which has the networks that the programs have not."""
    if not networks.exists():
        print(f"skipped: {networks} is missing; run tests/run.sh cpu first.")
        sys.exit(77)
    return run(networks, *arguments)


def floats(path, *shape):
    return np.fromfile(path, "<f4").reshape(shape)


def closest(ours, theirs, tolerance, what):
    """Fail unless the numbers agree and differ among themselves; returns the largest difference."""
    difference = np.abs(ours - theirs).max()
    assert ours.shape == theirs.shape and difference <= tolerance, (what, difference, ours, theirs)
    assert np.ptp(ours, axis=0).max() > 10 * tolerance, f"{what}: every image gives the same, nothing was compared"
    return difference


def reference_model(seed):
    """The reference's network with the ImageNet convolutions and a random head whose outputs differ from image to image."""
    keras.utils.set_random_seed(seed)
    backbone = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    tensors = safetensors_file.read(weights)
    for layer in backbone.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}.kernel"], tensors[f"{layer.name}.bias"]])
    backbone.trainable = False
    x = keras.layers.GlobalAveragePooling2D()(backbone.output)
    x = keras.layers.Dense(128, activation="relu")(x)
    model = keras.Model(backbone.input, keras.layers.Dense(2, activation="softmax")(x))
    last = model.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([8 * kernel, bias])
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model
