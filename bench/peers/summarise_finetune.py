"""Table of bench/peers/finetune.sh's runs: images a second, and the ratio to the faster of Keras and PyTorch."""

import argparse
import json
import statistics
import sys

import summarise

OURS = "cxrnet"


def differing(runs):
    """Sides whose losses are not those of the first: the first step's within 0.1 %, the later ones' within 2 %."""
    found = []
    for run in runs[1:]:
        errors = [abs(a / b - 1) for a, b in zip(run["losses"], runs[0]["losses"])]
        if not (errors[0] <= 1e-3 and all(error <= 0.02 for error in errors)):
            found.append(f"{run['side']} has losses {run['losses']}, {runs[0]['side']} {runs[0]['losses']}")
    return found


def rows_of(runs):
    """For each part that was unfrozen: speeds by side, a round each, and cxrnet's ratio to the fastest peer."""
    for unfrozen in dict.fromkeys(run["unfrozen"] for run in runs):
        speeds, ratios = {}, []
        for number in sorted({run["round"] for run in runs}):
            here = [run for run in runs if run["unfrozen"] == unfrozen and run["round"] == number]
            for problem in differing(here):
                sys.exit(f"{unfrozen}, round {number}: {problem}; these are not the same computation.")
            by_side = {run["side"]: run["images_per_second"] for run in here}
            for side, speed in by_side.items():
                speeds.setdefault(side, []).append(speed)
            ratios.append(by_side[OURS] / max(speed for side, speed in by_side.items() if side != OURS))
        yield {
            "unfrozen": unfrozen,
            "images_per_second": {side: statistics.median(values) for side, values in speeds.items()},
            "ratio_median": statistics.median(ratios),
            "ratio_range": [min(ratios), max(ratios)],
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", help="a line of JSON for each run")
    parser.add_argument("--json")
    args = parser.parse_args()
    with open(args.runs) as file:
        runs = [json.loads(line) for line in file]
    rows = list(rows_of(runs))
    sides = {run["side"]: {"version": run["version"], "threads": run["threads"]} for run in runs}
    print("".join(f"{title:>22}" for title in ("unfrozen, img/s", *sides, "cxrnet / faster peer")))
    for row in rows:
        low, high = row["ratio_range"]
        cells = [f"{row['images_per_second'][side]:.2f}" for side in sides]
        cells.append(f"{row['ratio_median']:.2f} ({low:.2f}-{high:.2f})")
        print("".join(f"{cell:>22}" for cell in (row["unfrozen"], *cells)))
    for side, about in sides.items():
        print(f"{side}: {about['version']}, {about['threads']} threads")
    summarise.finish({"sides": sides, "medians": rows, "runs": runs}, args.json)


if __name__ == "__main__":
    main()
