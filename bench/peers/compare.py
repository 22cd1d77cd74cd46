"""Runs bench/peers/run.sh's forward and job on every side in turn, and gives table, plot and JSON."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import numpy as np

import cuda_engines
import engines
import peers
import plot
import summarise

BATCHES = (1, 8, 32)
QUICK_SECONDS = 37 * 60  # of the 40 minutes that run.sh --quick may take, all told
PYTHON_IMAGES_PER_SECOND = 35  # Pillow and SciPy, one thread


class LeftOut(Exception):
    """A side has nothing here that it could run on."""


class Worker:
    """A side's process, which answers requests; see worker.py. While nobody asks it is stopped (SIGSTOP): threads that
    wait by spinning, as OpenMP's and ONNX Runtime's do for a while, then take nothing from the side that is timed, and
    every side keeps the wait policy that it is fastest with."""

    def __init__(self, command, log):
        self.log = log
        with open(log, "w") as errors:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
            self.process = subprocess.Popen(command, text=True, **pipes)
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            if self.process.wait() == peers.LEFT_OUT:
                raise LeftOut(pathlib.Path(self.log).read_text().splitlines()[-1])
            fail(f"'{' '.join(map(str, self.process.args))}' ended early", self.log)
        self.process.send_signal(signal.SIGSTOP)
        return json.loads(line)

    def ask(self, request):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.kill()
        self.process.wait()


def fail(what, log):
    tail = "".join(open(log, errors="replace").readlines()[-20:])
    sys.exit(f"{tail}{what}; its output is in {log}.")


def why_no_int8(program):
    """None where a program of ours says that it computes in int8; else the reason why nothing of that is measured."""
    told = subprocess.run([program, "--help"], capture_output=True, text=True)
    return None if re.search(r"--precision\b.*int8", told.stdout + told.stderr, re.DOTALL) else f"{pathlib.Path(program).name} has no --precision int8"


def agreement(outputs, reference, mean):
    """How far a side's outputs are from the reference's: probabilities, and features as directions from their mean."""
    features, others = ((np.array(side["features"]).reshape(-1, mean.size) - mean) for side in (outputs, reference))
    cosine = (features * others).sum(1) / np.linalg.norm(features, axis=1) / np.linalg.norm(others, axis=1)
    difference = np.abs(np.subtract(outputs["probabilities"], reference["probabilities"])).max()
    return {"max_probability_difference": float(difference), "mean_cosine": float(cosine.mean())}


LIMITS = {"int8": (1, 0.95), "f16": (0.02, 0.9999), "tf32": (0.02, 0.9999)}  # f32: the same probabilities within 1e-3


def require_agreement(outputs, images):
    """Ends this unless every side computes the network that Keras does, as closely as its numbers allow."""
    mean = peers.read_safetensors(images)["mean_features"]
    reference = outputs["keras"]
    spread = float(np.ptp(reference["probabilities"]))
    if spread < 0.1:
        sys.exit(f"The images' probabilities differ by {spread:.3g} only, which compares nothing; use other --data.")
    print(f"Against Keras, {len(reference['probabilities']) // 2} images (probabilities spread over {spread:.2f}):")
    found = {}
    for side, values in outputs.items():
        found[side] = agreement(values, reference, mean)
        difference, cosine = found[side].values()
        print(f"  {side:14} probabilities within {difference:.1e}, features' mean cosine {cosine:.6f}", flush=True)
        most, least = LIMITS.get(side.rpartition("-")[2], (1e-3, 0.99999))
        if not (difference <= most and cosine >= least):
            sys.exit(f"{side} does not predict what Keras predicts: a comparison of different networks is worthless.")
    return found


def make_inputs(args, files):
    written = [option for name in ("model", "images", "calibration") for option in (f"--{name}", files[name])]
    inputs = ["--weights", args.weights, "--data", args.data, "--calibration-images", str(args.calibration_images)]
    run_timed([sys.executable, "bench/peers/forward_inputs.py", *inputs, *written], {}, args.work / "inputs.log")
    convert = [args.programs / "examples/convert", "--in", files["model"], "--out", files["onnx"]]
    run_timed([*convert, "--preprocess", "rescale", "--onnx-input", "prepared"], {}, args.work / "convert.log")


def peer_commands(sides, files):
    inputs = [option for name in ("images", "model", "onnx", "calibration") for option in (f"--{name}", files[name])]
    return {side: [sys.executable, "bench/peers/worker.py", side, *inputs] for side in sides}


def outputs_of(workers):
    return {side: worker.ask("outputs") for side, worker in workers.items()}


def run_forward(args, files, int8_missing):
    commands = peer_commands(engines.ENGINES, files)
    commands["cxrnet"] = [args.forward_program, files["model"], files["images"]]
    if not int8_missing:
        commands["cxrnet-int8"] = [*commands["cxrnet"], "--precision", "int8", "--calibration", files["calibration"]]
    speeds = {side: {batch: [] for batch in BATCHES} for side in commands}
    peaks = {batch: [] for batch in BATCHES}
    with contextlib.ExitStack() as stack:
        workers = {}
        for side, command in commands.items():
            workers[side] = Worker(command, args.work / f"forward-{side}.log")
            stack.callback(workers[side].close)
        sides = {side: worker.about for side, worker in workers.items()}
        agreed = require_agreement(outputs_of(workers), files["images"])
        for number in range(args.rounds):
            for batch in BATCHES:
                for side in rotated(list(workers), number):
                    answer = workers[side].ask(f"forward {batch} {args.seconds}")
                    speeds[side][batch].append(answer["images_per_second"])
                    if side == "cxrnet":
                        peaks[batch].append(workers[side].ask(f"peak {min(1.0, args.seconds)}")["gflops"])
            print(f"forward, round {number + 1}: done", flush=True)
    return {"sides": sides, "agreement": agreed, "images_per_second": speeds, "fma_peak_gflops": peaks}


def run_cuda(args, files):
    """The forward on the GPU, from host memory and of images that lie there; None where ours has none to run on."""
    ours = [args.cuda_programs / "bench/peers_forward_cuda", files["model"], files["images"]]
    commands = {f"cxrnet-{numbers}": [*ours, numbers] for numbers in cuda_engines.NUMBERS}
    commands.update(peer_commands(cuda_engines.ENGINES, files))
    left_out = {}
    with contextlib.ExitStack() as stack:
        workers = {}
        for side, command in commands.items():
            try:
                workers[side] = Worker(command, args.work / f"cuda-{side}.log")
            except LeftOut as reason:
                left_out[side] = str(reason)
                print(f"{summarise.cuda_name(side)} on the GPU is left out: {reason}", flush=True)
                if side.startswith("cxrnet"):
                    return None
            else:
                stack.callback(workers[side].close)
        sides = {side: worker.about for side, worker in workers.items()}
        speeds = {how: {side: {batch: [] for batch in BATCHES} for side in workers} for how in ("forward", "resident")}
        for number in range(args.rounds):
            for batch in BATCHES:
                for how, found in speeds.items():
                    for side in rotated(list(workers), number):
                        found[side][batch].append(workers[side].ask(f"{how} {batch} {args.seconds}")["images_per_second"])
            print(f"forward on the GPU, round {number + 1}: done", flush=True)
        outputs = outputs_of(workers)  # of what was timed, as it was recorded meanwhile
    with contextlib.closing(Worker(peer_commands(["keras"], files)["keras"], args.work / "cuda-keras.log")) as keras:
        outputs = {"keras": keras.ask("outputs"), **outputs}
    agreed = require_agreement(outputs, files["images"])
    return {"gpu": summarise.gpu_line(), "sides": sides, "left_out": left_out, "agreement": agreed, "images_per_second": speeds}


def rotated(sides, number):
    """Each round begins with another side."""
    first = number % len(sides)
    return sides[first:] + sides[:first]


def epochs_that_fit(args, forward, seconds):
    """Ten, or fewer where ten epochs of Keras and of ours would not end in time at the speed of the forward."""
    median = {side: summarise.median(speeds[32]) for side, speeds in forward["images_per_second"].items()}
    images = sum(1 for part in ("train", "val") for file in pathlib.Path(args.data, part).glob("*/*") if file.is_file())
    keras = images / median["keras"] + images / PYTHON_IMAGES_PER_SECOND
    each = keras * (1 + sum(median["keras"] / speed for side, speed in median.items() if side.startswith("cxrnet")))
    return int(min(args.epochs, max(1, (seconds - 60) // each)))


def run_timed(command, env, log):
    """Seconds and peak resident bytes of a process, start-up included."""
    with open(log, "w") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **env})
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        took = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        fail(f"'{' '.join(map(str, command))}' failed", log)
    return took, usage.ru_maxrss * 1024


def test_metrics(out):
    """Accuracy and AUC on the test images, as Keras's script or `train` wrote them."""
    keras = out / "result.json"
    if keras.exists():
        found = json.loads(keras.read_text())["test"]
        return {"test_accuracy": found["accuracy"], "test_roc_auc": found["roc_auc"]}
    found = json.loads((out / "metrics.json").read_text())
    return {"test_accuracy": found["accuracy"], "test_roc_auc": found["positive_against_rest"]["roc_auc"]}


def run_job(args, files, int8_missing, epochs):
    folders = ["--train", f"{args.data}/train", "--val", f"{args.data}/val", "--test", f"{args.data}/test"]
    common = [*folders, "--weights", args.weights, "--epochs", str(epochs)]
    script = [sys.executable, "bench/peers/keras_reference.py", *common]
    made_of = ["--model", files["model"], "--onnx", files["onnx"], "--calibration", files["calibration"]]
    commands = {"keras": script}
    if not args.quick:
        commands.update({side: [*script, "--engine", side, *made_of] for side in engines.ENGINES if side != "keras"})
    commands["cxrnet"] = [args.train_program, *common, "--threads", str(engines.THREADS)]
    if not int8_missing:
        commands["cxrnet-int8"] = [*commands["cxrnet"], "--precision", "int8"]
    runs = []
    for number in range(args.job_rounds):
        for side in rotated(list(commands), number):
            name = f"job-{number + 1}-{side}"
            env = {
                "KERAS_BACKEND": "torch" if side == "torch" else "tensorflow",
                "XDG_CACHE_HOME": str((args.work / name / "cache").resolve()),  # nothing is left of an earlier run
            }
            command = [*commands[side], "--seed", str(number), "--out", str(args.work / name / "run")]
            (args.work / name).mkdir()
            seconds, memory = run_timed(command, env, args.work / f"{name}.log")
            runs.append({"round": number + 1, "side": side, "seconds": seconds, "peak_bytes": memory})
            runs[-1].update(test_metrics(args.work / name / "run"))
            print(f"job, round {number + 1}, {side}: {seconds:.1f} s, {memory / 2**20:.0f} MiB", flush=True)
    return {"epochs": epochs, "runs": runs}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder with train/, val/ and test/")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="folder that CMake built in")
    parser.add_argument("--cuda-programs", type=pathlib.Path, help="the same with the CUDA backend, where there is a GPU")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="an empty folder for logs and models")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--job-rounds", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="how long each forward is timed")
    parser.add_argument("--calibration-images", type=int, required=True)
    parser.add_argument("--parts", choices=("both", "forward", "job"), required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--elapsed", type=float, default=0, help="seconds that installing and building took")
    parser.add_argument("--plot", required=True, help="where the plot goes, without .svg and .png")
    parser.add_argument("--json")
    args = parser.parse_args()
    args.train_program = args.programs / "examples/train"
    args.forward_program = args.programs / "bench/peers_forward"
    return args


def main():
    args = arguments()
    began = time.monotonic() - args.elapsed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the workers, which may be stopped, too
    os.environ["OMP_NUM_THREADS"] = str(engines.THREADS)
    files = {name: str(args.work / f"{name}.safetensors") for name in ("model", "images", "calibration")}
    files["onnx"] = str(args.work / "model.onnx")
    make_inputs(args, files)

    result = {"quick": args.quick, "threads": engines.THREADS, "calibration_images": args.calibration_images}
    missing = {"forward": why_no_int8(args.forward_program), "job": why_no_int8(args.train_program)}
    if args.parts != "job":
        result["forward"] = run_forward(args, files, missing["forward"])
        if args.cuda_programs:
            result["cuda"] = run_cuda(args, files)
    if args.parts != "forward":
        epochs = args.epochs
        if args.quick and "forward" in result:
            epochs = epochs_that_fit(args, result["forward"], QUICK_SECONDS - (time.monotonic() - began))
        result["job"] = run_job(args, files, missing["job"], epochs)
    result = {**summarise.ratios(result, missing), **result}
    print("\n" + summarise.table(result))
    plot.draw(result, summarise.machine_line(), args.plot)
    print(f"Drawn in {args.plot}.svg and .png.")
    summarise.finish(result, args.json)


if __name__ == "__main__":
    main()
