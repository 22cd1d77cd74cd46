"""Medians and ratio of bench/peers/run.sh's times, with what the machine is."""

import argparse
import json
import os
import platform
import statistics
import subprocess


def machine():
    fields = {}
    for line in subprocess.run(["lscpu"], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=True).stdout.splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    flags = fields.get("Flags", "").split()
    wanted = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": fields.get("Model name", platform.machine()),
        "logical_cores": len(os.sched_getaffinity(0)),
        "threads_per_core": fields.get("Thread(s) per core", "?"),
        "flags": [flag for flag in wanted if flag in flags],
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
    }


def finish(result, path):
    """Prints what the machine is; writes the result with it as JSON where there is a path."""
    about = machine()
    print(f"{about['processor']}, {about['logical_cores']} logical cores, {about['memory_gib']} GiB; {' '.join(about['flags'])}")
    if path:
        temporary = path + ".tmp"
        with open(temporary, "w") as file:
            json.dump({**result, "machine": about}, file, indent=1)
        os.replace(temporary, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", help="a line for each round: seconds of Keras, seconds of cxrnet")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--options", default="", help="what train was given besides")
    parser.add_argument("--json")
    args = parser.parse_args()
    with open(args.times) as file:
        rounds = [tuple(map(float, line.split())) for line in file]
    ratios = [ours / keras for keras, ours in rounds]
    result = {
        "epochs": args.epochs,
        "options": args.options,
        "rounds": [{"keras_s": keras, "cxrnet_s": ours} for keras, ours in rounds],
        "keras_median_s": statistics.median(keras for keras, _ in rounds),
        "cxrnet_median_s": statistics.median(ours for _, ours in rounds),
        "ratio_median": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
    }
    print(f"median {result['keras_median_s']:9.2f} {result['cxrnet_median_s']:10.2f} {result['ratio_median']:8.3f}")
    finish(result, args.json)


if __name__ == "__main__":
    main()
