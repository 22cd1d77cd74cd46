"""bench/peers on a GPU, of sides that are made up: what is compared, what is left out, what is refused, and the tables."""

import argparse
import contextlib
import io
import pathlib
import sys
import tempfile

import numpy as np

root = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(root / "bench/peers"))
import compare
import peers
import summarise
import summarise_finetune

# A side by worker.py's protocol: NAME SPEED ERROR.
SIDE = """
import json
import sys

name, speed, error = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
if name.startswith("tensorrt"):
    print("a warning\\nTensorRT is made up.", file=sys.stderr)
    sys.exit(1 if error else 77)
print(json.dumps({"version": name}), flush=True)
for request in sys.stdin:
    what, *rest = request.split()
    if what == "outputs":
        answer = {"features": [1, 0, 2, 0, 0, 3], "probabilities": [0.9 - error, 0.1 + error, 0.2, 0.8, 0.4, 0.6]}
    else:
        answer = {"images_per_second": speed * int(rest[0]) * (2 if what == "resident" else 1)}
    print(json.dumps(answer), flush=True)
"""
SPEEDS = {"keras": 1, "torch-f16": 10, "torch-graph-f16": 20, "torch-tf32": 5, "torch-graph-tf32": 8, "tensorrt-f16": 1, "tensorrt-tf32": 1}


def run_cuda(folder, error_of, ours_runs=True):
    side = folder / "side"
    side.write_text(SIDE)
    program = folder / "bench/peers_forward_cuda"
    program.parent.mkdir(exist_ok=True)
    ours = f'exec "{sys.executable}" "{side}" "cxrnet-$3" 30 0' if ours_runs else 'echo "There is no GPU that can be used." >&2; exit 77'
    program.write_text(f"#!/bin/sh\n{ours}\n")
    program.chmod(0o755)
    files = {"model": "-", "images": str(folder / "images.safetensors")}
    peers.write_safetensors(files["images"], {"mean_features": np.array([0.5, 0.5])})
    compare.peer_commands = lambda sides, files: {
        name: [sys.executable, side, name, str(SPEEDS[name]), str(error_of.get(name, 0))] for name in sides
    }
    summarise.gpu_line = lambda: "a GPU, its driver"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        found = compare.run_cuda(argparse.Namespace(cuda_programs=folder, work=folder, rounds=2, seconds=0), files)
    return found, said.getvalue()


def refused(call):
    try:
        call()
    except SystemExit as error:
        return str(error)
    raise AssertionError("nothing was refused")


def losses(device, side, *values, speed=10.0, number=1):
    return {"round": number, "device": device, "unfrozen": "block5", "side": side, "version": "0", "threads": 1,
            "images_per_second": speed, "losses": list(values)}


with tempfile.TemporaryDirectory(prefix="cxrnet-peers-") as name:
    folder = pathlib.Path(name)
    cuda, said = run_cuda(folder, {"torch-f16": 0.01})
    assert said.count("on the GPU is left out: TensorRT is made up.\n") == 2, said
    assert "TensorRT f16 on the GPU is left out" in said and "round 2: done" in said, said
    assert set(cuda["sides"]) == {*(side for side in SPEEDS if side[:2] == "to"), "cxrnet-f16", "cxrnet-tf32"}
    assert cuda["images_per_second"]["resident"]["torch-graph-f16"] == {1: [40, 40], 8: [320, 320], 32: [1280, 1280]}
    ratios = dict(summarise.cuda_ratios(cuda))
    assert ratios["cuda_f16_vs_torch"]["median"] == 3 and ratios["cuda_f16_resident_vs_torch_graph_batch1"]["rounds"] == [1.5, 1.5]
    assert ratios["cuda_tf32_vs_tensorrt"] == {"median": None, "rounds": [], "reason": "TensorRT is made up."}
    table = summarise.table({**ratios, "cuda": cuda, "threads": 1})
    assert "PyTorch graph f16           20         160         640          40" in table and "GPU: a GPU, its driver\n" in table, table
    assert "cuda_f16_vs_tensorrt " in table and " -  not measured: TensorRT is made up.\n" in table, table

    wrong = refused(lambda: run_cuda(folder, {"torch-graph-tf32": 0.05}))
    assert wrong.startswith("torch-graph-tf32 does not predict what Keras predicts"), wrong
    failed = refused(lambda: run_cuda(folder, {"tensorrt-f16": 1}))
    assert "ended early; its output is in" in failed, failed
    none, said = run_cuda(folder, {}, ours_runs=False)
    assert none is None and said == "cxrnet f16 on the GPU is left out: There is no GPU that can be used.\n", said

runs = [losses("cpu", "Keras", 0.7, 0.6), losses("cpu", "cxrnet", 0.7001, 0.599, speed=20), losses("cuda", "PyTorch f16", 0.702, 0.61, 0.5, speed=80),
        losses("cuda", "cxrnet", 0.701, 0.59, 0.4, speed=100)]
summarise_finetune.require_same_losses(runs)
with contextlib.redirect_stdout(io.StringIO()) as said:
    on_gpu = summarise_finetune.summary(runs[2:])
assert on_gpu["medians"][0]["ratio_median"] == 1.25 and "1.25 (1.25-1.25)" in said.getvalue(), on_gpu
with contextlib.redirect_stdout(io.StringIO()):
    assert "ratio_median" not in summarise_finetune.summary(runs[3:])["medians"][0], "a ratio to no peer"
assert "PyTorch f16 on cuda has losses" in refused(lambda: summarise_finetune.require_same_losses([*runs[:2], losses("cuda", "PyTorch f16", 0.72)]))
assert "cxrnet on cpu has losses" in refused(lambda: summarise_finetune.require_same_losses([runs[0], losses("cpu", "cxrnet", 0.704)]))
print("The peers on a GPU: ratios, sides that are left out, and those that compute something else.")
