"""Table of bench/peers/finetune.sh's runs: images a second, and the ratio to the faster of Keras and PyTorch."""

import argparse
import json
import statistics
import sys

import summarise

OURS = "cxrnet"


LIMITS = {"cpu": (1e-3, 0.02), "cuda": (5e-3, 0.05)}  # of losses in f32 and f16


def differing(runs):
    """Sides whose losses are not those of the first: in the first step, and in the later ones that the first has too."""
    found = []
    for run in runs[1:]:
        first, later = LIMITS[run["device"]]
        errors = [abs(a / b - 1) for a, b in zip(run["losses"], runs[0]["losses"])]
        if not (errors[0] <= first and all(error <= later for error in errors)):
            found.append(f"{run['side']} on {run['device']} has losses {run['losses']}, {runs[0]['side']} {runs[0]['losses']}")
    return found


def require_same_losses(runs):
    for number, unfrozen in dict.fromkeys((run["round"], run["unfrozen"]) for run in runs):
        here = [run for run in runs if run["unfrozen"] == unfrozen and run["round"] == number]
        for problem in differing(here):
            sys.exit(f"{unfrozen}, round {number}: {problem}; these are not the same computation.")


def rows_of(runs):
    """For each part that was unfrozen: speeds by side, a round each, and cxrnet's ratio to the fastest peer, where both ran."""
    for unfrozen in dict.fromkeys(run["unfrozen"] for run in runs):
        speeds = {}
        for run in runs:
            if run["unfrozen"] == unfrozen:
                speeds.setdefault(run["side"], []).append(run["images_per_second"])
        peers = [values for side, values in speeds.items() if side != OURS]
        row = {"unfrozen": unfrozen, "images_per_second": {side: statistics.median(values) for side, values in speeds.items()}}
        if peers and OURS in speeds:
            ratios = [ours / max(theirs) for ours, *theirs in zip(speeds[OURS], *peers)]
            row.update(ratio_median=statistics.median(ratios), ratio_range=[min(ratios), max(ratios)])
        yield row


def summary(runs):
    """Of one device's runs; printed too."""
    rows = list(rows_of(runs))
    sides = {run["side"]: {"version": run["version"], "threads": run["threads"]} for run in runs}
    print("".join(f"{title:>26}" for title in ("unfrozen, img/s", *sides, "cxrnet / faster peer")))
    for row in rows:
        cells = [f"{row['images_per_second'][side]:.2f}" for side in sides]
        cells.append("{:.2f} ({:.2f}-{:.2f})".format(row["ratio_median"], *row["ratio_range"]) if "ratio_median" in row else "-")
        print("".join(f"{cell:>26}" for cell in (row["unfrozen"], *cells)))
    for side, about in sides.items():
        print(f"{side}: {about['version']}, {about['threads']} threads")
    return {"sides": sides, "medians": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", help="a line of JSON for each run")
    parser.add_argument("--json")
    args = parser.parse_args()
    with open(args.runs) as file:
        runs = [json.loads(line) for line in file]
    require_same_losses(runs)
    result = summary([run for run in runs if run["device"] == "cpu"])
    on_gpu = [run for run in runs if run["device"] == "cuda"]
    if on_gpu:
        print(f"\nOn the GPU, {summarise.gpu_line()}:")
        result["cuda"] = {"gpu": summarise.gpu_line(), **summary(on_gpu)}
    summarise.finish({**result, "runs": runs}, args.json)


if __name__ == "__main__":
    main()
