"""One engine, kept alive, that answers a line of JSON to each line of its input.

`outputs`: features and probabilities of all images. `forward BATCH SECONDS`: images a second, over calls of that batch
until so many seconds have passed, at least two; the first use of a batch is not timed. bench/peers/forward.cpp answers
the same requests.
"""

import argparse
import json
import os
import sys
import time

import engines
import peers


def speed(run, images, seconds, seen):
    if len(images) not in seen:
        run(images)
        seen.add(len(images))
    calls, began = 0, time.perf_counter()
    while True:
        run(images)
        calls, took = calls + 1, time.perf_counter() - began
        if calls >= 2 and took >= seconds:
            return calls * len(images) / took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=engines.ENGINES)
    parser.add_argument("--images", required=True, help="safetensors of the images, prepared")
    engines.add_arguments(parser)
    args = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    images = peers.read_safetensors(args.images)["images"]
    version, run = engines.open_engine(args.engine, args)
    seen = set()

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    answer(version=version, threads=engines.THREADS)
    for request in sys.stdin:
        what, *rest = request.split()
        if what == "outputs":
            features, probabilities = run(images)
            answer(features=features.ravel().tolist(), probabilities=probabilities.ravel().tolist())
        elif what == "forward" and int(rest[0]) <= len(images):
            answer(images_per_second=speed(run, images[: int(rest[0])], float(rest[1]), seen))
        else:
            known = f"outputs, or forward BATCH SECONDS of up to {len(images)} images"
            sys.exit(f"'{request.strip()}' is no request: {known}.")


if __name__ == "__main__":
    main()
