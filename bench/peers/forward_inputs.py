"""The network and the images of bench/peers/run.sh's forward: VGG16's weights with a head, images of the data."""

import argparse
import pathlib

import numpy as np
from PIL import Image

import peers
import torch_network

FORWARD = 32


def spread_out(folder, number):
    """So many files of a folder's classes, evenly out of the sorted list."""
    files = sorted(file for file in pathlib.Path(folder).glob("*/*") if file.is_file())
    if not files:
        raise SystemExit(f"{folder} has no images in subfolders; give --data the folders train, val and test.")
    return [files[index] for index in np.linspace(0, len(files) - 1, min(number, len(files))).astype(int)]


def prepared(files):
    """As the reference prepares them: nearest resize, then 1/255."""
    images = [np.asarray(Image.open(file).convert("RGB").resize((224, 224), Image.NEAREST)) for file in files]
    return np.stack(images).astype("f4") / 255


def head_for(features, random):
    """Weights for which the images differ in their probabilities: random directions in standardised features."""
    first = random.standard_normal((512, 128)) / features.std(0)[:, None].clip(1e-3) / np.sqrt(512)
    second = random.standard_normal((128, 2)) / np.sqrt(32)
    hidden = np.maximum((features - features.mean(0)) @ first, 0)
    return {
        "dense.kernel": first,
        "dense.bias": -features.mean(0) @ first,
        "dense_1.kernel": second,
        "dense_1.bias": -hidden.mean(0) @ second,
    }


def main():
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True, help="weights/fetch.sh's safetensors")
    parser.add_argument("--data", required=True, help="folder with train/ and test/")
    parser.add_argument("--calibration-images", type=int, required=True, help="how many of train/")
    parser.add_argument("--model", required=True, help="written: those weights and a head")
    parser.add_argument("--images", required=True, help=f"written: {FORWARD} images of test/; mean features of train/")
    parser.add_argument("--calibration", required=True, help="written: images of train/, prepared")
    args = parser.parse_args()
    tensors = dict(peers.read_safetensors(args.weights))
    images = prepared(spread_out(args.data + "/test", FORWARD))
    images = np.resize(images, (FORWARD, *images.shape[1:]))
    calibration = prepared(spread_out(args.data + "/train", args.calibration_images))
    empty = {"dense.kernel": (512, 128), "dense.bias": (128,), "dense_1.kernel": (128, 2), "dense_1.bias": (2,)}
    network = torch_network.vgg16({**tensors, **{name: np.zeros(shape, "f4") for name, shape in empty.items()}})[:-3]
    with torch.inference_mode():
        batches = torch.from_numpy(calibration).permute(0, 3, 1, 2).split(8)
        features = torch.cat([network(batch) for batch in batches]).numpy()
    tensors.update(head_for(features, np.random.default_rng(0)))
    peers.write_safetensors(args.model, tensors)
    peers.write_safetensors(args.images, {"images": images, "mean_features": features.mean(0)})
    peers.write_safetensors(args.calibration, {"images": calibration})


if __name__ == "__main__":
    main()
