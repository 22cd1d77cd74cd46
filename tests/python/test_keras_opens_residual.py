"""Keras opens a residual network with batch normalisations as .keras and .h5, and we what Keras makes of it."""

import pathlib

import common
import keras
import numpy as np

with common.work_folder() as folder:
    folder = pathlib.Path(folder)
    common.network("save", folder)
    images = common.floats(folder / "images.f32", 5, 16, 12, 3)
    ours = common.floats(folder / "rescale.f32", 5, 3)
    for name in ("model.keras", "model.h5"):
        model = keras.models.load_model(folder / name)
        worst = common.closest(ours, model.predict(images / 255, verbose=0), 1e-5, name)
        print(f"Keras {keras.__version__} opens {name}: largest difference {worst:.1e}")
        model.evaluate(images / 255, np.eye(3)[[0, 1, 2, 0, 1]], verbose=0)  # it is compiled

    random = np.random.default_rng(3)
    model.set_weights([w * random.uniform(0.8, 1.2, w.shape) for w in model.get_weights()])
    theirs = model.predict(images / 255, verbose=0)
    for name, save in (("again.keras", model.save), ("again.h5", model.save), ("again.weights.h5", model.save_weights)):
        save(folder / name)
        common.network("run", "residual", folder / name, folder / "images.f32", folder / "out.f32")
        worst = common.closest(common.floats(folder / "out.f32", 5, 3), theirs, 1e-5, name)
        print(f"Keras's {name} opens here: largest difference {worst:.1e}")
