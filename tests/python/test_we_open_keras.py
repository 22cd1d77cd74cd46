"""`evaluate` opens what Keras saves, as model.save's .keras and .h5 and as .weights.h5, and predicts the same."""

import pathlib

import common
import keras

with common.work_folder() as folder:
    folder = pathlib.Path(folder)
    data = common.make_data(folder / "data")
    model = common.reference_model(seed=4)
    model.save(folder / "saved.keras")
    model.save(folder / "saved.h5")
    model.save_weights(folder / "saved.weights.h5")
    for name in ("saved.keras", "saved.h5", "saved.weights.h5"):
        ours, said = common.our_predictions(folder / name, data / "test", folder / "predictions.csv")
        assert "rescal" in said.lower(), f"no line says that the preprocessing of {name} is taken to be the rescale:\n{said}"
        common.compare(ours, model, data / "test")
print("What Keras", keras.__version__, "saves is opened and predicts the same.")
