"""Time of a fine-tuning step in PyTorch on the CPU."""

import numpy as np
import torch
from torch import nn

import peers

BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))


def network(tensors, unfrozen):
    """VGG16's convolutions and the reference's head, as far as the softmax, which the loss applies."""

    def filled(layer, name, *axes):
        kernel = torch.from_numpy(tensors[f"{name}.kernel"].copy()).permute(*axes)
        with torch.no_grad():
            layer.weight.copy_(kernel)
            layer.bias.copy_(torch.from_numpy(tensors[f"{name}.bias"].copy()))
        return layer.requires_grad_(peers.trains(name, unfrozen))

    layers, channels = [], 3
    for block, (convolutions, filters) in enumerate(BLOCKS, 1):
        for index in range(1, convolutions + 1):
            convolution = nn.Conv2d(channels, filters, 3, padding=1)
            layers += [filled(convolution, f"block{block}_conv{index}", 3, 2, 0, 1), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), filled(nn.Linear(512, 128), "dense", 1, 0), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, filled(nn.Linear(128, 2), "dense_1", 1, 0))


def main():
    parser = peers.finetune_arguments(__doc__)
    parser.add_argument("--format", choices=("contiguous", "channels_last"), required=True)
    args = parser.parse_args()
    images = peers.read_safetensors(args.images)["images"]
    form = getattr(torch, f"{args.format}_format" if args.format == "contiguous" else args.format)
    model = network(peers.read_safetensors(args.model), args.unfrozen).to(memory_format=form).train()
    batch = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(memory_format=form)
    labels = torch.tensor(peers.labels_of(images))
    loss_of = nn.CrossEntropyLoss()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-5, eps=1e-7)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(batch), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    peers.time_steps(step, args, len(images), side=f"PyTorch {args.format}", version=f"PyTorch {torch.__version__}",
                     threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
