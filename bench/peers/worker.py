"""One engine, kept alive, that answers a line of JSON to each line of its input.

`outputs`: features and probabilities of all images. `forward BATCH SECONDS`: images a second, over calls of that batch
until so many seconds have passed, at least two; the first use of a batch is not timed. `resident BATCH SECONDS`: the same
on a GPU, of images that lie there. bench/peers/forward.cpp and forward_cuda.cpp answer the same requests.
"""

import argparse
import functools
import json
import os
import sys
import time

import cuda_engines
import engines
import peers

ENGINES = {**engines.ENGINES, **cuda_engines.ENGINES}


def speed(run, batch, seconds):
    calls, began = 0, time.perf_counter()
    while True:
        run()
        calls, took = calls + 1, time.perf_counter() - began
        if calls >= 2 and took >= seconds:
            return calls * batch / took


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("--images", required=True, help="safetensors of the images, prepared")
    engines.add_arguments(parser)
    args = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    images = peers.read_safetensors(args.images)["images"]
    version, run = engines.open_engine(args.engine, args, ENGINES)
    runs = {}  # by request and batch, each of which has run once

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    answer(version=version, threads=engines.THREADS)
    for request in sys.stdin:
        what, *rest = request.split()
        if what == "outputs":
            features, probabilities = run(images)
            answer(features=features.ravel().tolist(), probabilities=probabilities.ravel().tolist())
        elif what in ("forward", "resident") and int(rest[0]) <= len(images):
            batch = int(rest[0])
            if (what, batch) not in runs:
                given = images[:batch]
                runs[what, batch] = run.resident(given) if what == "resident" else functools.partial(run, given)
                runs[what, batch]()
            answer(images_per_second=speed(runs[what, batch], batch, float(rest[1])))
        else:
            known = f"outputs, or forward or resident BATCH SECONDS of up to {len(images)} images"
            sys.exit(f"'{request.strip()}' is no request: {known}.")


if __name__ == "__main__":
    main()
