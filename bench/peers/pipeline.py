"""Images a second on one core: decoding with resizing in Pillow and cxrnet, the reference's augmentation with rescaling in Keras
and cxrnet. Same files, in turn; see docs/benchmarks.md."""

import argparse
import io
import json
import os
import pathlib
import statistics
import subprocess
import time

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="torch")

SIDE = 224


def rate(seconds, items, run):
    """How many items a second, going through all of them again and again."""
    for item in items:
        run(item)
    start, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds:
        for item in items:
            run(item)
        done += len(items)
    return done / spent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


def main():
    args = arguments()
    import numpy as np
    from keras.src.legacy.preprocessing.image import ImageDataGenerator
    from PIL import Image

    files = sorted(p for p in args.data.rglob("*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
    if not files:
        raise SystemExit(f"there are no images in '{args.data}'")
    contents = [p.read_bytes() for p in files]

    def decode(data):
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.NEAREST))

    generator = ImageDataGenerator(rescale=1 / 255, rotation_range=20, width_shift_range=0.2, height_shift_range=0.2,
                                   shear_range=0.2, zoom_range=0.2, horizontal_flip=True, fill_mode="nearest")
    images = [decode(data).astype("float32") for data in contents]
    np.random.seed(7)
    pairs = [(x, generator.get_random_transform(x.shape)) for x in images]

    def augment(pair):
        generator.standardize(generator.apply_transform(*pair))

    rounds = []
    for number in range(args.rounds):
        ours = json.loads(subprocess.run([args.program, str(args.seconds), *map(str, files)], check=True, capture_output=True, text=True).stdout)
        theirs = {"decode": rate(args.seconds, contents, decode), "augment": rate(args.seconds, pairs, augment)}
        rounds.append({"cxrnet": ours, "peers": theirs})
    simd = rounds[0]["cxrnet"]["simd"]
    print(f"{len(files)} images, one core, {args.rounds} rounds, {simd}")
    print(f"{'images/s':40}{'peer':>10}{'cxrnet':>10}  ratio")
    result = {"images": len(files), "simd": simd, "rounds": rounds}
    for key, name in (("decode", "decoded, 224 x 224 (Pillow)"), ("augment", "augmented, rescaled (Keras)")):
        ratios = [r["cxrnet"][key] / r["peers"][key] for r in rounds]
        medians = [statistics.median(r[side][key] for r in rounds) for side in ("peers", "cxrnet")]
        print(f"{name:40}{medians[0]:10.1f}{medians[1]:10.1f}  {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        result[key] = {"median": statistics.median(ratios), "rounds": ratios}
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


main()
