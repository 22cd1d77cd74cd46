"""keras.models.load_model opens the .h5 that `train` writes, and the .keras that `convert` makes of it, and predicts the
same as `evaluate`."""

import pathlib

import common
import keras
import numpy as np

with common.work_folder() as folder:
    folder = pathlib.Path(folder)
    data = common.make_data(folder / "data")
    common.run("train", "--train", data / "train", "--val", data / "val", "--weights", common.weights, "--epochs", 3, "--out", folder / "run")
    common.run("convert", "--in", folder / "run" / "model.h5", "--out", folder / "run" / "model.keras")
    for opened in ("model.h5", "model.keras"):
        model = keras.models.load_model(folder / "run" / opened)
        assert model.output_shape == (None, 2), model.output_shape
        assert sum(int(np.prod(w.shape)) for w in model.weights) == 14_714_688 + 512 * 128 + 128 + 128 * 2 + 2
        for name in ("model.h5", "model.safetensors", "model.keras"):
            ours, _ = common.our_predictions(folder / "run" / name, data / "test", folder / "predictions.csv")
            common.compare(ours, model, data / "test")
print("Keras", keras.__version__, "opens our model and predicts the same.")
