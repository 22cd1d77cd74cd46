#!/usr/bin/env python3
"""Save models with Keras in each of its HDF5 layouts, and beside each the tensors that cxrnet must find in it.

    KERAS_BACKEND=jax make_keras_models.py OUT [--vgg16 CONVOLUTIONS.safetensors]

`files/` holds what Keras 3.15 made, without --vgg16; the unit test reads it, or the folder CXRNET_KERAS_MODELS. Keras 2
and Keras 3.0 are not at hand: their layouts are made by hand from its source's description.
"""
import argparse
import pathlib
import shutil

import h5py
import keras
import numpy as np
from keras import layers

import safetensors_file


def tensors_of(model):
    """Kernels and biases in the order of the layers, nested models flattened."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found.update(tensors_of(layer))
        else:
            found.update({f"{layer.name}.{weight.name}": np.asarray(weight) for weight in layer.weights})
    return found


def randomise(model):
    random = np.random.default_rng(7)
    model.set_weights([random.normal(size=w.shape).astype("float32") for w in model.get_weights()])


def save(out, name, model):
    for suffix, write in ((".h5", model.save), (".weights.h5", model.save_weights), (".keras", model.save)):
        write(out / (name + suffix))
        safetensors_file.write(out / (name + suffix + ".safetensors"), tensors_of(model))


def small_base(name=None):
    image = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="block1_conv1")(image)
    x = layers.MaxPooling2D(2, name="block1_pool")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="block2_conv1")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="block2_conv2")(x)
    return keras.Model(image, x, **({"name": name} if name else {}))


def with_head(base, units):
    x = layers.GlobalAveragePooling2D()(base.output)
    x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(0.5)(x)
    return keras.Model(base.input, layers.Dense(2, activation="softmax")(x))


def make_small(out):
    model = with_head(small_base(), 5)
    randomise(model)
    save(out, "functional", model)

    model = with_head(small_base(), 5)  # dense_2, dense_3
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((4, 6, 6, 3)), np.eye(2)[[0, 1, 1, 0]], verbose=0)
    save(out, "trained", model)

    base = small_base("vgg16")
    for layer in base.layers:
        layer.trainable = layer.name == "block2_conv2"  # whose weights Keras then lists first
    model = keras.Sequential([keras.Input((6, 6, 3)), base, layers.Flatten(), layers.Dense(2, activation="softmax")])
    randomise(model)
    save(out, "nested", model)

    model = keras.Sequential([keras.Input((3,))] + [layers.Dense(3) for _ in range(12)])  # dense_10 sorts before dense_2
    randomise(model)
    save(out, "deep", model)

    image = keras.Input((6, 6, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", use_bias=False)(image))
    y = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(layers.Activation("relu")(x)))
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    model = keras.Model(image, layers.Dense(2, activation="sigmoid")(x))
    randomise(model)
    save(out, "residual", model)

    half = keras.Sequential([keras.Input((3,)), layers.Dense(2, dtype=keras.DTypePolicy("float16"))])
    randomise(half)
    save(out, "half", half)

    # Keras 3.0 does not write the layers' own names.
    shutil.copy(out / "functional.weights.h5", out / "unnamed.weights.h5")
    shutil.copy(out / "functional.weights.h5.safetensors", out / "unnamed.weights.h5.safetensors")
    with h5py.File(out / "unnamed.weights.h5", "a") as file:
        file.visititems(lambda _, item: item.attrs.pop("name", None))


def keras2_layer(root, group, weights):
    """One layer group as Keras 2 writes it: fixed-length names, `kernel:0`, perhaps compressed by a later tool."""
    at = root.create_group(group)
    at.attrs["weight_names"] = np.array([name.encode() for name in weights] or np.zeros(0))
    for name, value in weights.items():
        at.create_dataset(name, data=value, compression="gzip" if value.ndim == 4 else None)


def make_keras2(out):
    model = with_head(small_base(), 5)
    randomise(model)
    tensors = tensors_of(model)

    def weights(layer, prefix=""):
        return {f"{prefix}{layer}/{kind}:0": tensors[f"{layer}.{kind}"] for kind in ("kernel", "bias")
                if f"{layer}.{kind}" in tensors}

    head = [name.removesuffix(".kernel") for name in tensors if name.startswith("dense") and name.endswith("kernel")]
    base = ["block1_conv1", "block2_conv1", "block2_conv2"]
    for name, nested in (("keras2.h5", False), ("keras2_nested.h5", True)):
        with h5py.File(out / name, "w") as file:
            file.attrs["keras_version"] = np.bytes_(b"2.15.0")
            root = file.create_group("model_weights")
            names = ["vgg16"] if nested else ["input_1", "block1_conv1", "block1_pool", *base[1:]]
            root.attrs["layer_names"] = np.array([n.encode() for n in [*names, *head]])
            if nested:
                keras2_layer(root, "vgg16", {k: v for layer in base for k, v in weights(layer).items()})
            else:
                for layer in names:
                    keras2_layer(root, layer, weights(layer))
            for layer in head:
                keras2_layer(root, layer, weights(layer))
        safetensors_file.write(out / (name + ".safetensors"), tensors)


def make_vgg16(out, convolutions):
    """The reference's network, real convolutions, in both layouts."""
    base = keras.applications.VGG16(weights=None, include_top=False, input_shape=(224, 224, 3))
    for name, value in safetensors_file.read(convolutions).items():
        layer, kind = name.split(".")
        getattr(base.get_layer(layer), kind).assign(value)
    base.trainable = False
    x = layers.GlobalAveragePooling2D()(base.output)
    x = layers.Dense(128, activation="relu")(x)
    save(out, "vgg16_head", keras.Model(base.input, layers.Dense(2, activation="softmax")(x)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--vgg16", metavar="FILE", help="also the reference's network with these convolutions (180 MB)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    make_small(options.out)
    make_keras2(options.out)
    if options.vgg16:
        make_vgg16(options.out, options.vgg16)
