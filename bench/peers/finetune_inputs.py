"""The network and the batch that every side of bench/peers/finetune.sh starts from."""

import argparse

import numpy as np

import peers

BATCH = 16


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True, help="weights/fetch.sh's safetensors")
    parser.add_argument("--model", required=True, help="written: those weights and a random head")
    parser.add_argument("--images", required=True, help=f"written: {BATCH} random images, 0 to 1")
    args = parser.parse_args()
    random = np.random.default_rng(0)
    tensors = dict(peers.read_safetensors(args.weights))
    for name, units in (("dense", (512, 128)), ("dense_1", (128, 2))):
        limit = np.sqrt(6 / sum(units))
        tensors[f"{name}.kernel"] = random.uniform(-limit, limit, units)
        tensors[f"{name}.bias"] = np.zeros(units[1])
    peers.write_safetensors(args.model, tensors)
    peers.write_safetensors(args.images, {"images": random.random((BATCH, 224, 224, 3))})


if __name__ == "__main__":
    main()
