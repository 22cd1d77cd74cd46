"""The reference job in Keras: VGG16's frozen convolutions, a head of two dense layers, ten epochs, a test set.

With --engine another engine computes the convolutions, and Keras trains the head on what it gives.
"""

import argparse
import functools
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import matplotlib

matplotlib.use("Agg")
import keras
import matplotlib.pyplot as plt
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score

import engines
import keras_network
import peers


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="folder with one subfolder a class")
    parser.add_argument("--val", required=True)
    parser.add_argument("--test", help="independent test folder")
    parser.add_argument("--weights", required=True, help="weights/fetch.sh's safetensors, or Keras's official no-top .h5")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", choices=engines.ENGINES, help="what computes the convolutions instead of Keras")
    engines.add_arguments(parser)
    parser.add_argument("--out", default="keras-run", help="folder for model, plot and metrics")
    return parser.parse_args()


class FeatureBatches(keras.utils.PyDataset):
    """A generator's batches as features, in its order."""

    def __init__(self, batches, run):
        super().__init__()
        self.batches, self.run = batches, run
        self.classes, self.class_indices = batches.classes, batches.class_indices

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        images, labels = self.batches[index]
        return self.run(images)[0], labels

    def on_epoch_end(self):
        self.batches.on_epoch_end()


def build(args):
    """The model, and what turns a generator's batches into what it takes."""
    if args.engine:
        _, run = engines.open_engine(args.engine, args)
        model = keras.Sequential([keras.Input((512,)), *keras_network.head()])
        adapt = functools.partial(FeatureBatches, run=run)
    else:
        official = args.weights.endswith(".h5")
        backbone, model = keras_network.vgg16(args.weights if official else None)
        if not official:
            keras_network.set_weights(backbone, peers.read_safetensors(args.weights))
        backbone.trainable = False

        def adapt(batches):
            return batches

    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model, adapt


def plot(history, path):
    figure, panels = plt.subplots(1, 2, figsize=(12, 4))
    for panel, name in zip(panels, ("accuracy", "loss")):
        panel.plot(history[name], label="Train")
        panel.plot(history["val_" + name], label="Validation")
        panel.set_title(name.capitalize())
        panel.set_xlabel("Epoch")
        panel.legend()
    figure.savefig(path)


def test_metrics(model, adapt, folder, flow):
    generator = adapt(ImageDataGenerator(rescale=1 / 255).flow_from_directory(folder, shuffle=False, **flow))
    probabilities = model.predict(generator)
    truth, predicted = generator.classes, probabilities.argmax(axis=1)
    precision, recall, f1, _ = precision_recall_fscore_support(truth, predicted, pos_label=0, average="binary", zero_division=0)
    return {
        "positive": sorted(generator.class_indices)[0],
        "accuracy": accuracy_score(truth, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": roc_auc_score(truth == 0, probabilities[:, 0]),
    }


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    keras.utils.set_random_seed(args.seed)
    flow = {"target_size": (224, 224), "batch_size": args.batch, "class_mode": "categorical"}
    augmentation = ImageDataGenerator(
        rescale=1 / 255,
        rotation_range=20,
        width_shift_range=0.2,
        height_shift_range=0.2,
        shear_range=0.2,
        zoom_range=0.2,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    train = augmentation.flow_from_directory(args.train, seed=args.seed, **flow)
    val = ImageDataGenerator(rescale=1 / 255).flow_from_directory(args.val, shuffle=False, **flow)
    model, adapt = build(args)
    began = time.perf_counter()
    history = model.fit(adapt(train), validation_data=adapt(val), epochs=args.epochs, verbose=2).history
    result = {"keras": keras.__version__, "backend": keras.backend.backend(), "engine": args.engine}
    result.update(seed=args.seed, epochs=args.epochs)
    result["fit_seconds"] = time.perf_counter() - began
    result["history"] = history
    plot(history, os.path.join(args.out, "history.png"))
    model.save(os.path.join(args.out, "model.h5"))
    if args.test:
        result["test"] = test_metrics(model, adapt, args.test, flow)
        print(result["test"])
    with open(os.path.join(args.out, "result.json"), "w") as file:
        json.dump(result, file, indent=1, default=float)


if __name__ == "__main__":
    main()
