#!/usr/bin/env python3
"""Compute with Keras, in double precision, what tests/unit/models_resnet.cpp compares the residual network with.

    KERAS_BACKEND=jax make_resnet.py OUT.safetensors

`files/resnet.safetensors` holds what Keras 3.15 computed: parameters; predictions with the moving averages; and of one
step of Adam, with everything training and with conv4 and the head alone, the loss, gradients and parameters after it.
"""
import argparse
import os

os.environ["JAX_ENABLE_X64"] = "1"

import jax
import keras
import numpy as np
from keras import layers

import safetensors_file

WIDTH, CLASSES, IMAGES = 3, 3, 4


def convolution(x, name, filters, kernel, stride):
    return layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False, name=name)(x)


def normalised(x, name, filters, kernel, stride):
    return layers.BatchNormalization(name=f"{name}_bn")(convolution(x, f"{name}_conv", filters, kernel, stride))


def block(x, name, filters, stride):
    shortcut = normalised(x, f"{name}_0", filters, 1, stride) if stride > 1 else x
    x = layers.ReLU(name=f"{name}_1_relu")(normalised(x, f"{name}_1", filters, 3, stride))
    x = normalised(x, f"{name}_2", filters, 3, 1)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_add")([shortcut, x]))


def network():
    image = keras.Input((9, 8, 3))
    x = layers.ReLU(name="conv1_relu")(normalised(image, "conv1", WIDTH, 3, 1))
    for stage, filters in ((2, WIDTH), (3, 2 * WIDTH), (4, 4 * WIDTH)):
        x = block(x, f"conv{stage}_block1", filters, 2 if stage > 2 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, layers.Dense(CLASSES, activation="softmax", name="dense")(x))


def name_of(variable):
    return variable.path.replace("/", ".")


def randomise(model):
    """Parameters that float32 holds exactly, far from where normalisations start."""
    random = np.random.default_rng(7)
    for variable in model.weights:
        low, high = (0.5, 1.5) if variable.name in ("gamma", "moving_variance") else (-0.5, 0.5)
        variable.assign(random.uniform(low, high, variable.shape).astype("float32"))


def step(model, images, labels):
    """Loss, gradients and variables after one step."""
    adam = keras.optimizers.Adam(0.001)
    adam.build(model.trainable_variables)
    trained = [v.value for v in model.trainable_variables]
    other = [v.value for v in model.non_trainable_variables]

    def loss_of(trained):
        predictions, changed = model.stateless_call(trained, other, images, training=True)
        return keras.losses.sparse_categorical_crossentropy(labels, predictions).mean(), changed

    (loss, changed), gradients = jax.value_and_grad(loss_of, has_aux=True)(trained)
    updated, _ = adam.stateless_apply([v.value for v in adam.variables], gradients, trained)
    found = {"loss": np.array([loss])}
    for variable, gradient, value in zip(model.trainable_variables, gradients, updated):
        found[f"gradient.{name_of(variable)}"] = gradient
        found[f"after.{name_of(variable)}"] = value
    for variable, value in zip(model.non_trainable_variables, changed):
        found[f"after.{name_of(variable)}"] = value
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    out = parser.parse_args().out
    keras.config.set_floatx("float64")
    model = network()
    randomise(model)
    images = np.random.default_rng(8).uniform(-1, 1, (IMAGES, *model.input_shape[1:])).astype("float32").astype("float64")
    labels = np.arange(IMAGES) % CLASSES
    found = {name_of(v): v.numpy() for v in model.weights}
    found.update({"images": images, "labels": labels, "predictions": model(images, training=False)})
    found.update({f"all.{name}": value for name, value in step(model, images, labels).items()})
    for layer in model.layers:
        layer.trainable = layer.name.startswith(("conv4", "dense"))
    found.update({f"conv4.{name}": value for name, value in step(model, images, labels).items()})
    safetensors_file.write(out, {name: np.asarray(value, "float32") for name, value in found.items()})


if __name__ == "__main__":
    main()
