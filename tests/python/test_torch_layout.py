"""torchvision's VGG16 as safetensors gives here what PyTorch gives, and goes back to the same tensors.

Where PyTorch is not installed (it is large), JAX computes the network as torchvision defines it: channels first.
"""

import pathlib

import common
import jax
import numpy as np
import safetensors_file
from jax import lax, nn

CONVOLUTIONS = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def random_state():
    random = np.random.default_rng(1)
    state, index, channels = {}, 0, 3

    def add(name, *shape):
        fan_in = np.prod(shape[1:])
        state[f"{name}.weight"] = random.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
        state[f"{name}.bias"] = random.normal(0, 0.1, shape[0]).astype(np.float32)

    for width in CONVOLUTIONS:
        if width == "M":
            index += 1
            continue
        add(f"features.{index}", width, channels, 3, 3)
        index, channels = index + 2, width
    for index, (out, size) in {0: (4096, 25088), 3: (4096, 4096), 6: (1000, 4096)}.items():
        add(f"classifier.{index}", out, size)
    return state


def by_jax(state, x):
    """Features (NCHW) and probabilities of prepared NCHW images."""
    index = 0
    with jax.default_matmul_precision("highest"):
        for width in CONVOLUTIONS:
            if width == "M":
                x = lax.reduce_window(x, -np.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
                index += 1
                continue
            x = lax.conv_general_dilated(x, state[f"features.{index}.weight"], (1, 1), "SAME")
            x = nn.relu(x + state[f"features.{index}.bias"][:, None, None])
            index += 2
        features = x
        x = x.reshape(len(x), -1)
        for index in (0, 3, 6):
            x = x @ state[f"classifier.{index}.weight"].T + state[f"classifier.{index}.bias"]
            x = nn.relu(x) if index < 6 else nn.softmax(x)
    return np.asarray(features), np.asarray(x)


def by_torch(state, x):
    import torch
    import torchvision

    model = torchvision.models.vgg16(weights=None).eval()
    model.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in state.items()})
    with torch.no_grad():
        return model.features(torch.from_numpy(x)).numpy(), torch.softmax(model(torch.from_numpy(x)), 1).numpy()


with common.work_folder() as folder:
    folder = pathlib.Path(folder)
    state = random_state()
    safetensors_file.write(folder / "torch.safetensors", dict(sorted(state.items())))  # as safetensors.torch writes them
    images = np.random.default_rng(2).uniform(0, 255, (2, 224, 224, 3)).astype(np.float32)
    images[1] *= np.linspace(0, 1, 224, dtype=np.float32)[:, None, None]
    images.tofile(folder / "images.f32")
    prepared = np.ascontiguousarray(((images / 255 - MEAN) / DEVIATION).transpose(0, 3, 1, 2), np.float32)
    judges = {"JAX": by_jax(state, prepared)}
    try:
        judges["PyTorch"] = by_torch(state, prepared)
    except ImportError:
        print("PyTorch is not installed: JAX alone judges.")

    ours = {}
    for network, outputs in (("vgg16-notop", 7 * 7 * 512), ("vgg16", 1000)):
        said = common.run("convert", "--in", folder / "torch.safetensors", "--out", folder / "ours.safetensors", "--network", network,
                          "--preprocess", "imagenet-torch")
        assert "features.28 is block5_conv3" in said and "0 tensors matched by name" in said, said
        common.network("run", network, folder / "ours.safetensors", folder / "images.f32", folder / "out.f32")
        ours[network] = common.floats(folder / "out.f32", 2, outputs)
    for judge, (features, probabilities) in judges.items():
        features = features.transpose(0, 2, 3, 1).reshape(2, -1)
        worst = np.abs(ours["vgg16-notop"] - features).max() / np.abs(features).max()
        assert worst < 1e-4, (judge, "features", worst)
        odds = np.abs(np.log(ours["vgg16"]) - np.log(probabilities)).max() / np.abs(np.log(probabilities)).max()
        assert odds < 1e-4, (judge, "probabilities", odds)
        assert np.ptp(probabilities, axis=0).max() > 1e-3, "both images give the same, nothing was compared"
        print(f"{judge}: features within {worst:.1e} of the largest, logarithms of probabilities within {odds:.1e}")

    common.run("convert", "--in", folder / "ours.safetensors", "--out", folder / "back.safetensors", "--network", "vgg16", "--layout", "torch")
    back = safetensors_file.read(folder / "back.safetensors")
    assert back.keys() == state.keys()
    assert all(np.array_equal(back[name], value) for name, value in state.items())
print("The way back gives PyTorch's tensors bit for bit.")
