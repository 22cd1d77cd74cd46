"""VGG16's convolutions and the reference's head in PyTorch, as far as the softmax."""

import torch
from torch import nn

import peers

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def require_gpu():
    """Leaves this side out where PyTorch has no GPU to run on."""
    try:
        torch.cuda.init()
    except (AssertionError, RuntimeError) as error:
        peers.leave_out(f"PyTorch {torch.__version__} has no GPU to run on: {str(error).splitlines()[0]}")


def vgg16(tensors, trains=lambda name: False):
    """A Sequential; `trains` tells by a layer's name whether it does. Its last three are the head."""

    def filled(layer, name, *axes):
        kernel = torch.from_numpy(tensors[f"{name}.kernel"].copy()).permute(*axes)
        with torch.no_grad():
            layer.weight.copy_(kernel)
            layer.bias.copy_(torch.from_numpy(tensors[f"{name}.bias"].copy()))
        return layer.requires_grad_(trains(name))

    layers, channels = [], 3
    for block, (convolutions, filters) in enumerate(BLOCKS, 1):
        for index in range(1, convolutions + 1):
            convolution = nn.Conv2d(channels, filters, 3, padding=1)
            layers += [filled(convolution, f"block{block}_conv{index}", 3, 2, 0, 1), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), filled(nn.Linear(512, 128), "dense", 1, 0), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, filled(nn.Linear(128, 2), "dense_1", 1, 0))
