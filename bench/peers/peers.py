"""What the peers share: tensors out of files, and how a step of fine-tuning is timed."""

import argparse
import json
import pathlib
import sys
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "tests/interop"))
import safetensors_file

read_safetensors = safetensors_file.read
write_safetensors = safetensors_file.write

LEFT_OUT = 77  # exit status of a side that has nothing here to run on; its last line says what is missing


def leave_out(why):
    print(why, file=sys.stderr)
    sys.exit(LEFT_OUT)


def finetune_arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True, help="safetensors of every layer's kernel and bias")
    parser.add_argument("--images", required=True, help="safetensors with the batch, preprocessed")
    parser.add_argument("--unfrozen", choices=("block5", "all"), required=True)
    parser.add_argument("--warmup", type=int, required=True, help="steps before those that are timed")
    parser.add_argument("--steps", type=int, required=True)
    return parser


def trains(layer, unfrozen):
    """Whether a layer of that name does."""
    return unfrozen == "all" or layer.startswith(("block5", "dense"))


def labels_of(images):
    return [i % 2 for i in range(len(images))]


def time_steps(step, args, batch, **about):
    """Calls `step`, which gives the loss, and prints images a second and the losses as JSON."""
    losses = []
    for index in range(args.warmup + args.steps):
        if index == args.warmup:
            began = time.perf_counter()
        losses.append(float(step()))
    speed = args.steps * batch / (time.perf_counter() - began)
    print(json.dumps({**about, "images_per_second": speed, "losses": losses}))
