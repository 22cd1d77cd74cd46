"""Tests of `own_network` from outside, as programs.py's: own_network.py --programs DIR --source DIR --work DIR TEST, or --list."""

import re

import programs


def test_it_learns_phantoms_from_scratch(case):
    data, model = case.folder / "data", case.folder / "model.safetensors"
    case.passes(case.run("phantom", "--out", data, "--train", 120, "--val", 30, "--test", 60, "--seed", 4))
    done = case.run("own_network", data, model)
    case.passes(done, "epoch 30", "ROC AUC")
    low = float(re.search(r"^accuracy .* interval (\S+) to", done.stdout, re.MULTILINE).group(1))
    majority = float(re.search(r"^majority accuracy +(\S+)", done.stdout, re.MULTILINE).group(1))
    assert low > majority + 0.05, "hardly better than chance"
    assert model.stat().st_size > 0


def test_it_says_what_is_wrong(case):
    case.refuses(case.run("own_network"), "usage")
    case.refuses(case.run("own_network", case.folder / "absent", case.folder / "m.safetensors"), "absent")


if __name__ == "__main__":
    programs.main(globals())
