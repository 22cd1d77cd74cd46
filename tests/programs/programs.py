"""Tests of the programs from outside: programs.py --programs DIR --source DIR --work DIR TEST, or --list."""

import argparse
import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib

SKIPPED = 77


# ---- making inputs


def png(width, height, rows=None):
    """The bytes of an 8-bit grey PNG; without rows, a header that promises more than the file holds."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixels = rows if rows is not None else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def good_png(width=64, height=48, level=90):
    return png(width, height, b"".join(b"\0" + bytes((level + 3 * x + y) % 256 for x in range(width)) for y in range(height)))


def bad_images():
    """Name -> bytes of every kind of image that cannot be used."""
    whole = good_png()
    return {
        "zero_bytes.png": b"",
        "truncated.png": whole[: len(whole) // 2],
        "text.png": b"This is a text.\n" * 20,
        "text.jpg": b"Not a JPEG.\n",
        "huge.png": png(100000, 100000),
        "hostile.png": png(0x7FFFFFFF, 0x7FFFFFFF),
        "no_pixels.png": png(0, 5, b""),
    }


def edit_safetensors(source, target, edit):
    """Copies a safetensors file with its header and data passed through `edit(header, data)`."""
    raw = source.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + size]), bytearray(raw[8 + size :])
    edit(header, data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    target.write_bytes(len(text).to_bytes(8, "little") + text + data)


# ---- running programs


class Case:
    def __init__(self, arguments):
        self.programs = pathlib.Path(arguments.programs)
        self.source = pathlib.Path(arguments.source)
        self.shared = pathlib.Path(arguments.work)
        self.data = self.shared / "data"
        self.model = self.shared / "run" / "model.h5"
        self.weights = self.source / "weights" / "vgg16_imagenet_notop.safetensors"
        self.folder = self.shared / "cases" / arguments.test
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def run(self, program, *arguments, limit=None, path=os.environ["PATH"]):
        """Runs a program; `limit` bounds the size of the files that it may write, as a full disk does; `path` is where it finds others."""

        def prepare():
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        command = [str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, preexec_fn=prepare, timeout=280,
                              env={**os.environ, "PATH": str(path)})
        print("$", " ".join(command), "->", done.returncode, "\n" + done.stdout + done.stderr)
        return done

    def train(self, *arguments, data=None, **options):
        data = data or self.data
        fixed = ["--train", data / "train", "--val", data / "val", "--weights", self.weights]
        fixed += [] if "--epochs" in arguments else ["--epochs", 1]
        return self.run("train", *fixed, *arguments, **options)

    def copy_data(self):
        return pathlib.Path(shutil.copytree(self.data, self.folder / "data"))

    def passes(self, done, *texts):
        assert done.returncode == 0, f"status {done.returncode}"
        for text in texts:
            assert str(text) in done.stdout + done.stderr, f"does not say {text}"
        self.no_leftovers()

    def refuses(self, done, *texts):
        """One sentence on stderr that has every text, and a status that is a program's own."""
        assert 0 < done.returncode < 126, f"status {done.returncode}"
        lines = [line for line in done.stderr.splitlines() if line.strip() and "warning" not in line.lower()]
        assert len(lines) == 1, f"{len(lines)} lines on stderr instead of one"
        for text in texts:
            assert str(text) in lines[0], f"the message does not name {text}"
        self.no_leftovers()

    def no_leftovers(self):
        left = [path for path in self.folder.rglob("*") if ".tmp" in path.name]
        assert not left, f"left behind: {left}"


def setup(case):
    """Data of every split, and a model trained on it for one epoch."""
    shutil.rmtree(case.data, ignore_errors=True)
    shutil.rmtree(case.model.parent, ignore_errors=True)
    if not case.weights.exists():
        print("skipped: there are no weights; run weights/fetch.sh.")
        sys.exit(SKIPPED)
    case.passes(case.run("phantom", "--out", case.data, "--train", 4, "--val", 2, "--test", 3, "--seed", 5))
    case.passes(case.train("--test", case.data / "test", "--out", case.model.parent))


# ---- good runs


def test_train_writes_everything(case):
    run = case.model.parent
    for name in ("model.h5", "model.safetensors", "history.json", "history.csv", "history.svg", "history.png", "run.json",
                 "metrics.json", "predictions.csv"):
        assert (run / name).stat().st_size > 0, name
    history = json.loads((run / "history.json").read_text())
    assert all(len(history[key]) == 1 for key in ("loss", "accuracy", "val_loss", "val_accuracy")), history
    json.loads((run / "run.json").read_text())
    json.loads((run / "metrics.json").read_text())
    assert len((run / "predictions.csv").read_text().splitlines()) == 1 + 6
    assert (run / "history.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (run / "history.svg").read_text()


def test_evaluate_both_formats_alike(case):
    rows = []
    for name in ("model.h5", "model.safetensors"):
        table = case.folder / f"{name}.csv"
        case.passes(case.run("evaluate", "--model", case.model.parent / name, "--data", case.data / "test", "--csv", table,
                             "--json", case.folder / f"{name}.json"), "COVID", "Normal")
        json.loads((case.folder / f"{name}.json").read_text())
        rows.append(table.read_text())
    assert rows[0] == rows[1]


def test_predict_prints_json(case):
    images = sorted((case.data / "test").rglob("film*"))
    done = case.run("predict", "--model", case.model, "--json", *images)
    case.passes(done)
    text = json.dumps(json.loads(done.stdout))
    for image in images:
        assert image.name in text, image


def test_predict_maps_the_weights_that_an_earlier_start_packed(case):
    image = sorted((case.data / "test").rglob("film*"))[0]
    folder = case.folder / "packed"

    def predict(*options):
        done = case.run("predict", "--model", case.model, "--json", *options, image)
        case.passes(done)
        return done

    plain = predict()
    first = predict("--packed-weights", folder)
    files = list(folder.iterdir())
    again = predict("--packed-weights", folder)
    assert first.stdout == again.stdout == plain.stdout and first.stderr == again.stderr == ""
    assert len(files) == 1 and list(folder.iterdir()) == files
    files[0].write_bytes(b"short")
    mended = predict("--packed-weights", folder)
    assert "packed anew" in mended.stderr and mended.stdout == plain.stdout
    assert files[0].stat().st_size > 1 << 20
    case.refuses(case.run("predict", "--model", case.model, "--packed-weights", image, image), image)


def test_predict_keeps_to_a_file_of_algorithms(case):
    image = sorted((case.data / "test").rglob("film*"))[0]
    file = case.folder / "algorithms.json"

    def predict(*texts):
        done = case.run("predict", "--model", case.model, "--json", "--algorithms", file, image)
        case.passes(done, *texts)
        return done

    first = predict("were chosen by trial and added to", file)
    kept = json.loads(file.read_text())
    assert kept["choices"] and set(kept["choices"].values()) <= {"winograd", "onednn_winograd", "direct"}, kept
    again = predict()
    assert again.stderr == "" and again.stdout == first.stdout

    # Pinned: all direct ones, and no trial.
    kept["choices"] = dict.fromkeys(kept["choices"], "direct")
    file.write_text(json.dumps(kept))
    predict()
    assert json.loads(file.read_text()) == kept
    kept["choices"] = dict.fromkeys(kept["choices"], "guess")
    file.write_text(json.dumps(kept))
    case.refuses(case.run("predict", "--model", case.model, "--algorithms", file, image), "guess")
    for text in ("", "{}", "[1]", '{"format": "cxrnet algorithms 1", "choices": {"a": 1}}'):
        file.write_text(text)
        case.refuses(case.run("predict", "--model", case.model, "--algorithms", file, image), file)


def test_without_cuda_a_gpu_is_refused_and_auto_takes_the_cpu(case):
    image = sorted((case.data / "test").rglob("film*"))[0]
    case.refuses(case.run("predict", "--model", case.model, "--device", "cuda", image), "cannot run on a GPU", "built without CUDA")
    case.refuses(case.train("--device", "cuda", "--out", case.folder / "run"), "cannot run on a GPU")
    case.refuses(case.run("predict", "--model", case.model, "--decode", "gpu", image), "cannot be decoded on a GPU", "built without nvJPEG")
    case.refuses(case.train("--decode", "gpu", "--out", case.folder / "run"), "cannot be decoded on a GPU")
    auto = case.run("predict", "--model", case.model, "--device", "auto", image)
    case.passes(auto, "the network runs on the CPU, not on a GPU", "built without CUDA")
    assert auto.stdout == case.run("predict", "--model", case.model, image).stdout


def test_the_same_seed_trains_the_same_model(case):
    figures = []
    for threads in (1, 2):
        case.passes(case.train("--seed", 3, "--threads", threads, "--out", case.folder / str(threads)))
        history = json.loads((case.folder / str(threads) / "history.json").read_text())
        figures.append([history[key] for key in ("loss", "accuracy", "val_loss", "val_accuracy")])
    assert figures[0] == figures[1]


def cached_run(case, name, *arguments, cache="cache"):
    """A run with a cache: what it printed, and all that it computed."""
    run = case.folder / name
    keeps = ["--features-cache", case.folder / cache] if cache else []
    done = case.train("--test", case.data / "test", "--batch", 3, *(arguments or ("--seed", 7)), "--epochs", 2, "--out", run, *keeps)
    case.passes(done)
    return done.stdout, [(run / file).read_bytes() for file in ("model.h5", "model.safetensors", "metrics.json", "predictions.csv")]


def test_a_second_run_takes_features_from_the_cache(case):
    _, plain = cached_run(case, "plain", cache=None)
    printed, first = cached_run(case, "first")
    assert "Features: 0 sets taken from" in printed and ", 4 computed." in printed  # two epochs, validation, test
    printed, second = cached_run(case, "second")
    assert "Features: 4 sets taken from" in printed and ", 0 computed." in printed
    assert plain == first == second
    printed, other = cached_run(case, "other", "--seed", 8)
    assert "Features: 2 sets taken from" in printed and other != plain
    printed, other = cached_run(case, "imagenet", "--seed", 7, "--preprocess", "imagenet")
    assert "Features: 0 sets taken from" in printed and other != plain
    for file in (case.folder / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    printed, third = cached_run(case, "third")
    assert "Features: 0 sets taken from" in printed and third == plain


def test_two_processes_share_a_cache(case):
    _, plain = cached_run(case, "plain", cache=None)
    fixed = ["--train", case.data / "train", "--val", case.data / "val", "--test", case.data / "test", "--weights", case.weights,
             "--epochs", 2, "--batch", 3, "--seed", 7, "--features-cache", case.folder / "cache"]
    runs = [subprocess.Popen([str(case.programs / "train"), *map(str, fixed), "--out", str(case.folder / name)],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for name in ("a", "b")]
    for run in runs:
        _, said = run.communicate(timeout=280)
        assert run.returncode == 0 and "damaged" not in said, said
    for name in ("a", "b"):
        files = ("model.h5", "model.safetensors", "metrics.json", "predictions.csv")
        assert [(case.folder / name / file).read_bytes() for file in files] == plain
    printed, _ = cached_run(case, "c")
    assert "Features: 4 sets taken from" in printed


def test_int8_trains_predicts_and_is_evaluated(case):
    run = case.folder / "run"
    case.passes(case.train("--precision", "int8", "--test", case.data / "test", "--out", run))
    assert b'"precision":"int8"' in (run / "model.safetensors").read_bytes()[:100000].replace(b": ", b":")
    done = case.run("evaluate", "--model", run / "model.safetensors", "--data", case.data / "test", "--csv", case.folder / "again.csv")
    case.passes(done)
    assert (case.folder / "again.csv").read_bytes() == (run / "predictions.csv").read_bytes()
    case.passes(case.run("predict", "--model", run / "model.h5", *sorted((case.data / "test").rglob("film*"))))  # in floats
    case.passes(case.train("--precision", "auto", "--out", case.folder / "auto"), "Precision: ")


def test_int8_does_not_train_vgg16(case):
    done = case.train("--precision", "int8", "--unfreeze-from", 5, "--out", case.folder / "run")
    case.refuses(done, "VGG16 in int8 is frozen: train its blocks in float32.")


def test_evaluate_takes_features_from_the_cache(case):
    printed = []
    for name in ("first", "second"):
        done = case.run("evaluate", "--model", case.model, "--data", case.data / "test", "--csv", case.folder / name,
                        "--features-cache", case.folder / "cache")
        case.passes(done)
        printed.append(done.stdout)
    assert printed[0] == printed[1] and len(list((case.folder / "cache").iterdir())) == 1
    assert (case.folder / "first").read_bytes() == (case.folder / "second").read_bytes()
    case.refuses(case.run("evaluate", "--model", case.model, "--data", case.data / "test", "--features-cache", case.model),
                 case.model.name)


def test_help_has_the_ethical_note(case):
    for program in ("train", "evaluate", "predict"):
        done = case.run(program, "--help")
        case.passes(done)
        assert "diagnos" in done.stdout.lower() and "clinician" in done.stdout.lower(), program


def test_phantoms_follow_from_the_seed(case):
    def digest(folder, seed):
        case.passes(case.run("phantom", "--out", folder, "--train", 8, "--val", 0, "--test", 1, "--seed", seed))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        names = [str(path.relative_to(folder)) for path in files]
        return names, [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]

    first, again, other = (digest(case.folder / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert first == again
    assert not set(first[1]) & set(other[1])
    assert len(set(first[1])) == len(first[1])
    # File format says nothing of the class.
    count = {(c, e): sum(n.startswith(f"train/{c}/") and n.endswith(e) for n in first[0])
             for c in ("COVID", "Normal") for e in (".png", ".jpg")}
    assert set(count.values()) == {4}, count


def test_phantom_refuses_to_mix(case):
    case.passes(case.run("phantom", "--out", case.folder / "p", "--train", 1, "--val", 0, "--test", 0))
    case.refuses(case.run("phantom", "--out", case.folder / "p", "--train", 1), case.folder / "p" / "train")
    (case.folder / "file").write_text("")
    case.refuses(case.run("phantom", "--out", case.folder / "file", "--train", 1), case.folder / "file")


# ---- bad images


def test_predict_names_a_bad_image(case):
    for name, content in bad_images().items():
        path = case.folder / name
        path.write_bytes(content)
        case.refuses(case.run("predict", "--model", case.model, path), name)


def test_predict_names_a_missing_image(case):
    case.refuses(case.run("predict", "--model", case.model, case.folder / "absent.png"), "absent.png")


def test_evaluate_names_a_bad_image_or_skips_it(case):
    data = case.copy_data()
    for name, content in bad_images().items():
        (data / "test" / "COVID" / name).write_bytes(content)
    done = case.run("evaluate", "--model", case.model, "--data", data / "test", "--csv", case.folder / "p.csv")
    case.refuses(done)
    assert any(name in done.stderr for name in bad_images()), "no file is named"
    assert not (case.folder / "p.csv").exists()
    done = case.run("evaluate", "--model", case.model, "--data", data / "test", "--csv", case.folder / "p.csv", "--skip-bad")
    case.passes(done, *bad_images())
    assert len((case.folder / "p.csv").read_text().splitlines()) == 1 + 6


def test_train_names_a_bad_image_or_skips_it(case):
    data = case.copy_data()
    for part in ("train", "val"):
        for name, content in bad_images().items():
            (data / part / "Normal" / f"{part}_{name}").write_bytes(content)
    done = case.train("--out", case.folder / "run", data=data)
    case.refuses(done)
    assert any(name in done.stderr for name in bad_images()), "no file is named"
    assert not (case.folder / "run" / "model.h5").exists()
    done = case.train("--out", case.folder / "run", "--skip-bad", data=data)
    case.passes(done, *(f"{part}_{name}" for part in ("train", "val") for name in bad_images()))


# ---- bad folders


def test_train_names_an_empty_class(case):
    data = case.copy_data()
    for path in (data / "train" / "COVID").iterdir():
        path.unlink()
    case.refuses(case.train("--out", case.folder / "run", data=data), "COVID")


def test_train_asks_for_gnuplot_before_it_trains(case):
    case.refuses(case.train("--out", case.folder / "run", path=case.folder), "gnuplot is not on the PATH; install it")
    assert not any((case.folder / "run").iterdir()), "the run was begun"


def test_train_names_a_missing_folder(case):
    data = case.copy_data()
    shutil.rmtree(data / "val")
    case.refuses(case.train("--out", case.folder / "run", data=data), data / "val")


def test_train_names_a_missing_class(case):
    data = case.copy_data()
    shutil.rmtree(data / "val" / "COVID")
    case.refuses(case.train("--out", case.folder / "run", data=data), "COVID")


def test_train_refuses_a_third_class(case):
    data = case.copy_data()
    for part in ("train", "val"):
        (data / part / "Other").mkdir()
        (data / part / "Other" / "a.png").write_bytes(good_png())
    case.refuses(case.train("--out", case.folder / "run", data=data), data / "train")


def test_evaluate_refuses_other_classes(case):
    data = case.copy_data()
    (data / "test" / "Normal").rename(data / "test" / "Pneumonia")
    case.refuses(case.run("evaluate", "--model", case.model, "--data", data / "test"), "Pneumonia")


def test_evaluate_refuses_an_unknown_positive_class(case):
    case.refuses(case.run("evaluate", "--model", case.model, "--data", case.data / "test", "--positive", "Flu"), "Flu")


# ---- bad weights and models


def test_train_refuses_bad_weights(case):
    good, bad = case.weights, case.folder / "bad.safetensors"
    case.weights = bad

    def refused(*texts):
        case.refuses(case.train("--out", case.folder / "run"), bad, *texts)
        assert not (case.folder / "run" / "model.h5").exists()

    def other_shape(header, data):
        header["block1_conv2.bias"]["shape"] = [8, 8]

    def not_a_number(header, data):
        begin = header["block3_conv1.kernel"]["data_offsets"][0]
        data[begin : begin + 4] = struct.pack("<f", float("nan"))

    def renamed(header, data):
        header["other.kernel"] = header.pop("block5_conv3.kernel")

    for edit, layer in ((other_shape, "block1_conv2"), (not_a_number, "block3_conv1"), (renamed, "block5_conv3")):
        edit_safetensors(good, bad, edit)
        refused(layer)
    whole = good.read_bytes()
    for content in (whole[: len(whole) // 3], b"\xff" * 64, b""):
        bad.write_bytes(content)
        refused()
    bad.unlink()
    refused()


def test_predict_refuses_bad_models(case):
    image = next((case.data / "test" / "COVID").iterdir())
    for suffix in ("h5", "safetensors"):
        whole = (case.model.parent / f"model.{suffix}").read_bytes()
        for name, content in (("cut", whole[: len(whole) // 2]), ("text", b"no model\n" * 9), ("empty", b"")):
            bad = case.folder / f"{name}.{suffix}"
            bad.write_bytes(content)
            case.refuses(case.run("predict", "--model", bad, image), bad)
    case.refuses(case.run("predict", "--model", case.folder / "absent.h5", image), case.folder / "absent.h5")
    case.refuses(case.run("predict", "--model", case.folder, image), case.folder)


def test_predict_refuses_odd_metadata(case):
    image = next((case.data / "test" / "COVID").iterdir())
    bad = case.folder / "bad.safetensors"
    for key, value in (("preprocess", "\x1b[31mother"), ("classes", "COVID"), ("classes", '["A"]'), ("classes", '["A", "A"]')):
        edit_safetensors(case.model.with_suffix(".safetensors"), bad, lambda header, _: header["__metadata__"].update({key: value}))
        done = case.run("predict", "--model", bad, image)
        case.refuses(done, bad)
        assert "\x1b" not in done.stderr, "an escape sequence reaches the terminal"


# ---- outputs that cannot be written


def test_train_names_an_output_that_is_a_file(case):
    file = case.folder / "file"
    file.write_text("mine")
    case.refuses(case.train("--out", file), file)
    case.refuses(case.train("--out", file / "run"), file)
    assert file.read_text() == "mine"


def test_train_looks_at_its_outputs_before_it_trains(case):
    for name in ("model.safetensors", "history.png", "predictions.csv"):
        run = case.folder / name.replace(".", "-")
        (run / name).mkdir(parents=True)
        done = case.train("--out", run)
        case.refuses(done, run / name)
        assert "Epoch" not in done.stdout, "it has trained before it looked"


def test_train_leaves_no_metrics_of_another_model(case):
    run = case.folder / "run"
    shutil.copytree(case.model.parent, run)
    case.passes(case.train("--out", run))
    assert not (run / "metrics.json").exists() and not (run / "predictions.csv").exists()


def test_train_on_a_full_disk_keeps_the_old_model(case):
    run = case.folder / "run"
    shutil.copytree(case.model.parent, run)
    before = (run / "model.h5").read_bytes()
    case.refuses(case.train("--out", run, limit=1 << 20), run)
    assert (run / "model.h5").read_bytes() == before


def test_evaluate_names_an_output_that_is_a_folder(case):
    target = case.folder / "taken"
    target.mkdir()
    for option in ("--json", "--csv"):
        case.refuses(case.run("evaluate", "--model", case.model, "--data", case.data / "test", option, target), target)


# ---- arguments and interruption


def test_train_refuses_senseless_numbers(case):
    for option, value in (("--epochs", "0"), ("--batch", "0"), ("--threads", "-1"), ("--seed", "x"), ("--preprocess", "none")):
        done = case.run("train", "--train", case.data / "train", "--val", case.data / "val", "--weights", case.weights,
                        "--out", case.folder / "run", option, value)
        assert 0 < done.returncode < 126 and option in done.stderr, option
    assert not (case.folder / "run" / "model.h5").exists()


def test_interrupted_training_saves_what_there_is(case):
    run, log = case.folder / "run", case.folder / "log"
    command = [case.programs / "train", "--train", case.data / "train", "--val", case.data / "val", "--weights", case.weights,
               "--epochs", "1000", "--out", run]
    with open(log, "w") as output:
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 200
        while "val_loss" not in log.read_text():  # the first epoch is over
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=60)
    finally:
        process.kill()
    print(log.read_text())
    assert status in (0, 130), status
    assert "model.h5" in log.read_text() or str(run) in log.read_text(), "does not say what was saved"
    history = json.loads((run / "history.json").read_text())
    assert 1 <= len(history["loss"]) < 1000
    case.passes(case.run("predict", "--model", run / "model.h5", next((case.data / "test" / "COVID").iterdir())))


def main(names):
    """Runs the test that the command line names, out of a script's global names."""
    tests = {name.removeprefix("test_"): function for name, function in names.items() if name.startswith("test_")}
    if sys.argv[1:] == ["--list"]:
        print("\n".join(tests))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--programs", "--source", "--work"):
        parser.add_argument(option, required=True)
    parser.add_argument("test", choices=["setup", *tests])
    arguments = parser.parse_args()
    case = Case(arguments)
    if not arguments.test.startswith(("setup", "phantom")) and not case.model.exists():
        print("skipped: there is no trained model, see programs.setup.")
        sys.exit(SKIPPED)
    (setup if arguments.test == "setup" else tests[arguments.test])(case)
    shutil.rmtree(case.folder, ignore_errors=True)


if __name__ == "__main__":
    main(globals())
