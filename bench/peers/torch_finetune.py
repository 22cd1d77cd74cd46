"""Time of a fine-tuning step in PyTorch on the CPU."""

import numpy as np
import torch

import peers
import torch_network


def main():
    parser = peers.finetune_arguments(__doc__)
    parser.add_argument("--format", choices=("contiguous", "channels_last"), required=True)
    args = parser.parse_args()
    images = peers.read_safetensors(args.images)["images"]
    form = getattr(torch, f"{args.format}_format" if args.format == "contiguous" else args.format)
    tensors = peers.read_safetensors(args.model)
    model = torch_network.vgg16(tensors, lambda name: peers.trains(name, args.unfrozen)).to(memory_format=form).train()
    batch = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(memory_format=form)
    labels = torch.tensor(peers.labels_of(images))
    loss_of = torch.nn.CrossEntropyLoss()
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
