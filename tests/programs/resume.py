"""Tests of `train --resume` from outside, as programs.py's: resume.py --programs DIR --source DIR --work DIR TEST, or --list."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import programs

NEWEST, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"


# ---- running and comparing runs


def new_run(case, run, *arguments, epochs=2):
    """The command of a small run with a checkpoint after every step."""
    return ["train", "--train", case.data / "train", "--val", case.data / "val", "--test", case.data / "test",
            "--weights", case.weights, "--epochs", epochs, "--batch", 3, "--checkpoint-every", 1, "--out", run, *arguments]


def start(case, command, log):
    """Starts a program in the background, its two outputs appended to `log`."""
    with open(log, "a") as output:
        return subprocess.Popen([str(case.programs / command[0]), *map(str, command[1:])], stdout=output,
                                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)


def results(run):
    """All of a run that may not depend on how often it was ended, by file name."""
    found = {name: (run / name).read_bytes() for name in ("model.h5", "model.safetensors", "metrics.json", "predictions.csv")}
    history = json.loads((run / "history.json").read_text())
    del history["seconds"]
    found["history.json"] = history
    found["settings.json"] = json.loads((run / "settings.json").read_text())
    return found


def same_results(run, truth):
    for name, content in results(run).items():
        assert content == truth[name], f"{run / name} is not what the uninterrupted run wrote"
    left = [path.name for path in run.iterdir() if ".tmp-" in path.name]
    assert not left, f"left behind: {left}"


def begun(case, name, *arguments, checkpoints=1):
    """A run that was killed once it had written so many checkpoints."""
    run, log = case.folder / name, case.folder / f"{name}.log"
    process = start(case, new_run(case, run, *arguments), log)
    deadline = time.monotonic() + 200
    seen = set()
    while len(seen) < checkpoints:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.001)
        try:
            seen.add((run / NEWEST).stat().st_mtime_ns)
        except FileNotFoundError:
            pass
    process.kill()
    process.wait()
    for leftover in run.glob(".*.tmp-*"):
        leftover.unlink()
    return run


def flip(file, at):
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)


def metadata(checkpoint):
    raw = checkpoint.read_bytes()
    return json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]


# ---- killed


class Killer:
    """Trains into a folder and kills the process, again and again."""

    def __init__(self, case, seed):
        self.case, self.random = case, random.Random(seed)
        self.kills = {"at random": 0, "while a checkpoint was written": 0, "while results were written": 0}
        self.half_written = self.between_renames = self.without_settings = 0

    def total(self):
        return sum(self.kills.values())

    def wait(self, process, run, how, seconds):
        """Until the moment to kill: any, or when a file of that kind is being written."""
        if how == "at random":
            time.sleep(self.random.uniform(0, 0.6) * seconds)
            return
        pattern = ".checkpoint*.tmp-*"
        if how == "while a checkpoint was written":
            time.sleep(self.random.uniform(0, 0.4) * seconds)
        else:
            pattern = f".{self.random.choice(['model.h5', 'model.safetensors', 'history'])}*.tmp-*"
        while process.poll() is None and next(run.glob(pattern), None) is None:
            time.sleep(0.001)

    def chain(self, run, command, seconds):
        """Kills one run ten times at most: where it is finished before, there is no more to kill."""
        log = self.case.folder / f"{run.name}.log"
        moments = ["at random"] * 5 + ["while a checkpoint was written"] * 3
        self.random.shuffle(moments)
        for how in [*moments, *["while results were written"] * 2][: 30 - self.total()]:
            begun, newest = (run / "settings.json").exists(), (run / NEWEST).exists()
            process = start(self.case, ["train", "--resume", run] if begun else command, log)
            self.wait(process, run, how, seconds)
            process.kill()
            if process.wait() != -signal.SIGKILL:
                assert process.returncode == 0, log.read_text()
                return
            self.kills[how] += 1
            self.half_written += any(run.glob(".*.tmp-*"))
            self.between_renames += newest and not (run / NEWEST).exists()
            self.without_settings += not (run / "settings.json").exists()


def finish(case, run, log):
    process = start(case, ["train", "--resume", run], log)
    assert process.wait(timeout=280) == 0, pathlib.Path(log).read_text()


def test_killed_at_30_moments_it_ends_as_if_never_interrupted(case):
    # Images that change go through the network in every step; those that do not give features that are computed once.
    runs = {"images": (["--schedule", "cosine"], 2),
            "views": (["--views", 2, "--features-cache", case.folder / "cache"], 3),
            "features": (["--no-augment", "--early-stopping", 4, "--class-weights", "balanced"], 25)}
    truth, seconds = {}, {}
    for name, (arguments, epochs) in runs.items():
        begin = time.monotonic()
        case.passes(case.run(*new_run(case, case.folder / name, *arguments, epochs=epochs)))
        seconds[name] = time.monotonic() - begin
        truth[name] = results(case.folder / name)
    killer = Killer(case, seed=1)
    number = 0
    while killer.total() < 30:
        name = list(runs)[number % 2]
        run = case.folder / f"{name}{number}"
        killer.chain(run, new_run(case, run, *runs[name][0], epochs=runs[name][1]), seconds[name])
        finish(case, run, case.folder / f"{run.name}.log")
        same_results(run, truth[name])
        shutil.rmtree(run)
        number += 1
    print(f"{killer.total()} kills ({killer.kills}) of {number} runs: {killer.half_written} left a half-written file, "
          f"{killer.between_renames} fell between a checkpoint's two renames, {killer.without_settings} came before "
          "settings.json. Every run ended with the uninterrupted one's bytes.")
    assert killer.total() == 30 and killer.half_written > 0


# ---- stopped


def test_interrupted_it_says_how_to_resume_and_does(case):
    run, log = case.folder / "run", case.folder / "log"
    case.passes(case.run(*new_run(case, case.folder / "whole", epochs=3)))
    process = start(case, new_run(case, run, epochs=3), log)
    deadline = time.monotonic() + 200
    while not (run / NEWEST).exists():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130, log.read_text()
    assert f"train --resume {run}" in log.read_text(), log.read_text()
    assert (run / "model.h5").exists()
    case.passes(case.run("train", "--resume", run), "Continuing after")
    same_results(run, results(case.folder / "whole"))


def test_a_finished_run_is_left_alone(case):
    run = case.folder / "run"
    shutil.copytree(case.model.parent, run)
    before = {path.name: path.stat().st_mtime_ns for path in run.iterdir()}
    case.passes(case.run("train", "--resume", run), "finished", "nothing to continue")
    assert before == {path.name: path.stat().st_mtime_ns for path in run.iterdir()}


def test_a_run_without_a_checkpoint_begins_again(case):
    run = begun(case, "run")
    for name in (NEWEST, PREVIOUS):
        (run / name).unlink(missing_ok=True)
    case.passes(case.run("train", "--resume", run), "begins again")
    case.passes(case.run(*new_run(case, case.folder / "whole")))
    same_results(run, results(case.folder / "whole"))


def test_an_unfinished_run_is_not_trained_over(case):
    run = begun(case, "run")
    before = (run / NEWEST).read_bytes()
    case.refuses(case.run(*new_run(case, run)), run, "--resume")
    settings = (run / "settings.json").read_text()
    (run / "settings.json").write_text(settings[: len(settings) // 2])
    case.refuses(case.run(*new_run(case, run)), run, "remove its checkpoints")
    assert (run / NEWEST).read_bytes() == before
    (run / NEWEST).unlink()
    (run / PREVIOUS).unlink(missing_ok=True)
    case.passes(case.run(*new_run(case, run)))


def test_one_process_trains_into_a_folder(case):
    run, log = case.folder / "run", case.folder / "log"
    process = start(case, new_run(case, run, epochs=1000), log)
    try:
        while not (run / NEWEST).exists():
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
        for command in (["train", "--resume", run], new_run(case, run)):
            done = case.run(*command)
            assert done.returncode == 1 and "Another process" in done.stderr, done.stderr
    finally:
        process.kill()
        process.wait()


# ---- refused


def test_resume_takes_no_other_settings(case):
    run = begun(case, "run")
    for option in (["--epochs", 3], ["--out", case.folder / "other"], ["--train", case.data / "train"], ["--no-augment"]):
        case.refuses(case.run("train", "--resume", run, *option), option[0], "--resume")
    case.refuses(case.run("train", "--allow-different-algorithms"), "--resume")
    case.refuses(case.run("train"), "--train", "--resume")


def test_resume_says_where_there_is_no_run(case):
    case.refuses(case.run("train", "--resume", case.folder / "absent"), case.folder / "absent")
    (case.folder / "empty").mkdir()
    case.refuses(case.run("train", "--resume", case.folder / "empty"), case.folder / "empty", "--out")
    assert not any((case.folder / "empty").iterdir())


def test_a_damaged_checkpoint_makes_way_for_the_previous_one(case):
    case.passes(case.run(*new_run(case, case.folder / "whole")))
    run = begun(case, "run", checkpoints=3)
    assert (run / PREVIOUS).exists()
    flip(run / NEWEST, -5)
    case.passes(case.run("train", "--resume", run), f"{run / NEWEST}' is not sound", "previous checkpoint")
    same_results(run, results(case.folder / "whole"))


def test_two_damaged_checkpoints_are_named(case):
    run = begun(case, "run", checkpoints=3)
    flip(run / NEWEST, 100)
    flip(run / PREVIOUS, -100)
    case.refuses(case.run("train", "--resume", run), run / NEWEST, run / PREVIOUS, "train anew")


def test_changed_inputs_are_named(case):
    data = case.copy_data()
    case.data = data
    run = begun(case, "run")
    image = sorted((data / "train" / "Normal").iterdir())[1]

    def refused(*texts):
        case.refuses(case.run("train", "--resume", run), *texts)

    content = image.read_bytes()
    image.write_bytes(sorted((data / "train" / "COVID").iterdir())[1].read_bytes())
    refused(f"Normal/{image.name}", "train image")
    image.write_bytes(content)
    added = data / "val" / "COVID" / "another.png"
    added.write_bytes(programs.good_png())
    refused("COVID/another.png", "validation image", "new")
    added.unlink()
    image.rename(case.folder / "kept")
    refused(f"Normal/{image.name}", "gone")
    (case.folder / "kept").rename(image)

    settings = run / "settings.json"
    text = settings.read_text()
    settings.write_text(text.replace('"seed": 0', '"seed": 1'))
    refused(settings)
    settings.write_text(text.replace('"seed": 0', '"seed": -1'))
    refused(settings, "seed")
    settings.write_text(text[: len(text) // 2])
    refused(settings, "damaged")
    # Folders may move, for what is in them is known by its content.
    moved = case.folder / "moved"
    data.rename(moved)
    settings.write_text(text)
    refused(data)
    settings.write_text(text.replace(str(data), str(moved)))
    case.passes(case.run("train", "--resume", run))


def test_changed_weights_are_named(case):
    weights = case.folder / "weights.safetensors"
    shutil.copy(case.weights, weights)
    case.weights = weights
    run = begun(case, "run")
    flip(weights, -4)
    case.refuses(case.run("train", "--resume", run), "weight file")


def test_other_algorithms_are_refused_unless_allowed(case):
    run = begun(case, "run")
    before = metadata(run / NEWEST)["computation"]
    os.environ["ONEDNN_MAX_CPU_ISA"] = "SSE41"
    try:
        done = case.run("train", "--resume", run)
        case.refuses(done, "algorithms", "--allow-different-algorithms")
        case.passes(case.run("train", "--resume", run, "--allow-different-algorithms"), "last bits", "algorithms")
    finally:
        del os.environ["ONEDNN_MAX_CPU_ISA"]
    assert metadata(run / NEWEST)["computation"] != before


# ---- the same bits


def test_threads_that_decode_change_no_bit(case):
    # --threads sets both; OpenMP's own variable sets the network's alone, and every processor decodes.
    case.passes(case.run(*new_run(case, case.folder / "one", "--threads", 1)))
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        case.passes(case.run(*new_run(case, case.folder / "all")))
    finally:
        del os.environ["OMP_NUM_THREADS"]
    one, every = results(case.folder / "one"), results(case.folder / "all")
    del one["settings.json"], every["settings.json"]
    assert one == every


def test_two_runs_of_the_same_settings_are_the_same_to_the_bit(case):
    for name in ("a", "b"):
        case.passes(case.run(*new_run(case, case.folder / name, "--threads", 2)))
    same_results(case.folder / "a", results(case.folder / "b"))


if __name__ == "__main__":
    programs.main(globals())
