"""VGG16's convolutions and the reference's head in Keras."""

import keras


def head():
    """The reference's, behind the pooled features."""
    return [keras.layers.Dense(128, activation="relu", name="dense"), keras.layers.Dense(2, activation="softmax", name="dense_1")]


def vgg16(weights=None):
    """The backbone, and the whole network, which holds its layers."""
    backbone = keras.applications.VGG16(weights=weights, include_top=False, input_shape=(224, 224, 3))
    x = keras.layers.GlobalAveragePooling2D()(backbone.output)
    for layer in head():
        x = layer(x)
    return backbone, keras.Model(backbone.input, x)


def set_weights(model, tensors):
    for layer in model.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}.kernel"], tensors[f"{layer.name}.bias"]])
