"""Time of a fine-tuning step in PyTorch: on the CPU in f32, on a GPU in f16 with its own scaling of the loss."""

import numpy as np
import torch

import peers
import torch_network


def main():
    parser = peers.finetune_arguments(__doc__)
    parser.add_argument("--format", choices=("contiguous", "channels_last"), required=True)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    args = parser.parse_args()
    half = args.device == "cuda"
    if half:
        torch_network.require_gpu()
        torch.backends.cudnn.benchmark = True
    images = peers.read_safetensors(args.images)["images"]
    form = getattr(torch, f"{args.format}_format" if args.format == "contiguous" else args.format)
    tensors = peers.read_safetensors(args.model)
    model = torch_network.vgg16(tensors, lambda name: peers.trains(name, args.unfrozen)).to(args.device, memory_format=form).train()
    batch = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(memory_format=form)
    labels = torch.tensor(peers.labels_of(images), device=args.device)
    loss_of = torch.nn.CrossEntropyLoss()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-5, eps=1e-7)
    scaler = torch.amp.GradScaler(args.device, init_scale=2**10, enabled=half)  # its usual 2^16 skips first steps

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(args.device, torch.float16, enabled=half):
            loss = loss_of(model(batch.to(args.device)), labels)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        return loss.item()

    numbers, version = (" f16", f", cuDNN {torch.backends.cudnn.version()}") if half else ("", "")
    peers.time_steps(step, args, len(images), side=f"PyTorch {args.format}{numbers}", version=f"PyTorch {torch.__version__}{version}",
                     threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
