"""Tests of `finetune` from outside, as programs.py's: finetune.py --programs DIR --source DIR --work DIR TEST, or --list."""

import json
import signal
import statistics
import subprocess
import time

import programs

PHASE_FILES = ("model.h5", "model.safetensors", "history.json", "history.csv", "history.svg", "history.png", "run.json",
               "metrics.json", "predictions.csv")
FIGURES = ("accuracy", "precision", "recall", "f1", "roc_auc")


def command(case, run, *arguments, epochs=1, data=None):
    data = data or case.data
    return ["finetune", "--train", data / "train", "--val", data / "val", "--test", data / "test", "--weights", case.weights,
            "--epochs", epochs, "--batch", 4, "--out", run, *arguments]


def tensors(file):
    """Name -> bytes of each tensor of a safetensors file."""
    raw = file.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + size]), raw[8 + size :]
    return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items() if name != "__metadata__"}


def layers_that_differ(one, other):
    """Names of the layers, each with a parameter that is not the same to the bit."""
    return {name.split(".")[0] for name in one.keys() & other.keys() if one[name] != other[name]}


def figures_of(metrics):
    """What comparison.json takes of metrics.json."""
    scores = next(c for c in metrics["per_class"] if c["class"] == metrics["positive_class"])
    return {"accuracy": metrics["accuracy"], "precision": scores["precision"], "recall": scores["recall"],
            "f1": scores["f1"], "roc_auc": metrics["positive_against_rest"]["roc_auc"]}


def history_of(folder):
    return json.loads((folder / "history.json").read_text())


def block(*numbers):
    convolutions = {1: 2, 2: 2, 3: 3, 4: 3, 5: 3}
    return {f"block{n}_conv{i + 1}" for n in numbers for i in range(convolutions[n])}


HEAD = {"dense", "dense_1"}


# ---- good runs


def test_it_writes_both_phases_and_the_control(case):
    run = case.folder / "run"
    case.passes(case.run(*command(case, run)), "phase1", "control", "phase2", run)
    for phase in ("phase1", "control", "phase2"):
        for name in PHASE_FILES:
            assert (run / phase / name).stat().st_size > 0, f"{phase}/{name}"
    for name in ("comparison.json", "history.json", "history.csv", "history.svg", "history.png"):
        assert (run / name).stat().st_size > 0, name
    # One history after the other, each phase's own beside it.
    assert history_of(run)["epoch"] == [1, 2]
    assert history_of(run / "phase1")["epoch"] == [1] and history_of(run / "phase2")["epoch"] == [2]
    assert history_of(run)["learning_rate"] == [0.001, 1e-05]
    assert history_of(run)["val_loss"] == history_of(run / "phase1")["val_loss"] + history_of(run / "phase2")["val_loss"]
    recorded = json.loads((run / "phase2" / "run.json").read_text())["settings"]
    assert recorded["unfreeze_from"] == 5 and recorded["learning_rate"] == 1e-05, recorded

    # The figures are those of the files, as `evaluate` gives them.
    comparison = json.loads((run / "comparison.json").read_text())
    assert [model["name"] for model in comparison["models"]] == ["phase1", "control", "phase2"]
    for model in comparison["models"]:
        folder = run / model["name"]
        evaluated = case.folder / "evaluated.json"
        case.passes(case.run("evaluate", "--model", folder / "model.h5", "--data", case.data / "test", "--json", evaluated))
        assert evaluated.read_bytes() == (folder / "metrics.json").read_bytes(), folder
        assert model["seeds"] == [{"seed": 0, **figures_of(json.loads(evaluated.read_text()))}]


def test_phase_2_changes_what_is_unfrozen_and_nothing_else(case):
    start = tensors(case.weights)
    for first in (5, 3):
        run = case.folder / str(first)
        case.passes(case.run(*command(case, run, "--unfreeze-from", first, "--no-control")))
        one, two = (tensors(run / phase / "model.safetensors") for phase in ("phase1", "phase2"))
        assert layers_that_differ(start, one) == set()
        assert layers_that_differ(start, two) == block(*range(first, 6))
        assert layers_that_differ(one, two) == block(*range(first, 6)) | HEAD
        assert not (run / "control" / "model.h5").exists()


def test_the_backbone_stays_at_a_rate_of_0(case):
    run = case.folder / "run"
    case.passes(case.run(*command(case, run, "--backbone-rate", 0, "--no-control")))
    assert layers_that_differ(*(tensors(run / phase / "model.safetensors") for phase in ("phase1", "phase2"))) == HEAD


def test_the_control_is_what_train_gives_in_as_many_epochs(case):
    run, straight = case.folder / "run", case.folder / "straight"
    case.passes(case.run(*command(case, run, "--epochs-2", 2, "--seed", 3)))
    fixed = ["--train", case.data / "train", "--val", case.data / "val", "--weights", case.weights]
    case.passes(case.run("train", *fixed, "--epochs", 3, "--batch", 4, "--seed", 3, "--out", straight))
    assert (run / "control" / "model.safetensors").read_bytes() == (straight / "model.safetensors").read_bytes()


def test_two_runs_of_the_same_settings_are_the_same_to_the_bit(case):
    runs = [case.folder / name for name in ("a", "b")]
    for run in runs:
        case.passes(case.run(*command(case, run, "--threads", 2, "--no-control", "--schedule", "cosine")))
    for name in ("phase1/model.h5", "phase1/model.safetensors", "phase2/model.h5", "phase2/model.safetensors",
                 "phase2/metrics.json", "phase2/predictions.csv"):
        assert (runs[0] / name).read_bytes() == (runs[1] / name).read_bytes(), name
    histories = [history_of(run) for run in runs]
    for history in histories:
        del history["seconds"]
    assert histories[0] == histories[1]


def test_several_seeds_stand_side_by_side(case):
    run = case.folder / "run"
    done = case.run(*command(case, run, "--seeds", 2, "--seed", 7, "--no-augment", "--preprocess", "imagenet",
                             "--early-stopping", 1, "--schedule", "plateau", "--clip-norm", 1, "--weight-decay", 0.01,
                             epochs=2))
    case.passes(done, "mean", "sd", "phase2's lead on control")
    comparison = json.loads((run / "comparison.json").read_text())
    models = {model["name"]: model for model in comparison["models"]}
    for name, model in models.items():
        assert [one["seed"] for one in model["seeds"]] == [7, 8]
        for one in model["seeds"]:
            metrics = json.loads((run / f"seed{one['seed']}" / name / "metrics.json").read_text())
            assert {figure: one[figure] for figure in FIGURES} == figures_of(metrics)
        for figure in FIGURES:
            values = [one[figure] for one in model["seeds"]]
            assert abs(model["mean"][figure] - statistics.mean(values)) < 1e-12
            assert abs(model["standard_deviation"][figure] - statistics.stdev(values)) < 1e-12
    lead = next(entry for entry in comparison["leads"] if entry["on"] == "control")
    for figure in FIGURES:
        values = [a[figure] - b[figure] for a, b in zip(models["phase2"]["seeds"], models["control"]["seeds"])]
        assert abs(lead["mean"][figure] - statistics.mean(values)) < 1e-12
    assert (run / "seed7/phase1/model.safetensors").read_bytes() != (run / "seed8/phase1/model.safetensors").read_bytes()


def test_its_help_says_what_to_compare(case):
    done = case.run("finetune", "--help")
    case.passes(done, "RUN/control", "memory")
    assert "diagnos" in done.stdout.lower() and "clinician" in done.stdout.lower()


# ---- bad arguments, bad folders, interruption


def test_it_refuses_to_unfreeze_what_there_is_not(case):
    for first in (0, 6, -1):
        done = case.run(*command(case, case.folder / "run", "--unfreeze-from", first))
        case.refuses(done, f"block {first}", "1 to 5")
    assert not (case.folder / "run").exists()


def test_it_refuses_senseless_options(case):
    for option, value in (("--epochs", 0), ("--epochs-2", 0), ("--seeds", 0), ("--learning-rate-2", -1),
                          ("--backbone-rate", -1), ("--schedule", "none"), ("--clip-norm", 0), ("--early-stopping", 0)):
        done = case.run(*command(case, case.folder / "run", option, value))
        assert 0 < done.returncode < 126 and option in done.stderr, option
    assert not (case.folder / "run").exists()


def test_it_mixes_no_two_runs(case):
    run = case.folder / "run"
    (run / "control").mkdir(parents=True)
    (run / "control" / "model.h5").write_text("mine")
    case.refuses(case.run(*command(case, run)), run / "control")
    assert (run / "control" / "model.h5").read_text() == "mine"


def test_it_can_be_run_again_after_bad_input(case):
    run, data = case.folder / "run", case.copy_data()
    bad = data / "val" / "Normal" / "bad.png"
    bad.write_bytes(b"no image\n")
    case.refuses(case.run(*command(case, run, data=data)), bad)
    bad.unlink()
    case.passes(case.run(*command(case, run, "--no-control", data=data)))


def test_interrupted_in_phase_2_it_saves_what_there_is(case):
    run, log = case.folder / "run", case.folder / "log"
    arguments = command(case, run, "--epochs-2", 1000, "--no-control")
    with open(log, "w") as output:
        process = subprocess.Popen([str(case.programs / arguments[0]), *map(str, arguments[1:])], stdout=output,
                                   stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 200
        while log.read_text().count("val_loss") < 2:  # an epoch of phase 2 is over
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=60)
    finally:
        process.kill()
    print(log.read_text())
    assert status == 130, status
    assert str(run) in log.read_text(), "does not say where it is"
    assert 2 <= len(history_of(run)["loss"]) < 1001
    assert not (run / "phase2" / "metrics.json").exists() and not (run / "comparison.json").exists()
    for phase in ("phase1", "phase2"):
        case.passes(case.run("evaluate", "--model", run / phase / "model.safetensors", "--data", case.data / "test"))


if __name__ == "__main__":
    programs.main(globals())
