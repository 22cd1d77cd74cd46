"""Ratios and table of bench/peers/run.sh's measurements, and what the machine is."""

import json
import os
import platform
import statistics
import subprocess

NAMES = {
    "keras": "TensorFlow/Keras",
    "torch": "PyTorch",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO f32",
    "openvino-int8": "OpenVINO int8",
    "cxrnet": "cxrnet f32",
    "cxrnet-int8": "cxrnet int8",
}
CUDA_NAMES = {"torch": "PyTorch", "torch-graph": "PyTorch graph", "tensorrt": "TensorRT", "cxrnet": "cxrnet"}
median = statistics.median


def cuda_name(side):
    engine, _, numbers = side.rpartition("-")
    return f"{CUDA_NAMES[engine]} {numbers}"


def machine():
    fields = {}
    lscpu = subprocess.run(["lscpu"], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=True)
    for line in lscpu.stdout.splitlines():
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


def machine_line():
    about = machine()
    cores, memory, flags = about["logical_cores"], about["memory_gib"], " ".join(about["flags"])
    return f"{about['processor']}, {cores} logical cores, {memory} GiB; {flags}"


def gpu_line():
    """Name, driver and limits of each GPU that is here."""
    asked = "name,driver_version,memory.total,power.limit,clocks.max.sm"
    told = subprocess.run(["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader"], capture_output=True, text=True, check=True)
    return "; ".join(told.stdout.splitlines())


def finish(result, path):
    """Prints what the machine is; writes the result with it as JSON where there is a path."""
    print(machine_line())
    if path:
        temporary = path + ".tmp"
        with open(temporary, "w") as file:
            json.dump({**result, "machine": machine()}, file, indent=1)
        os.replace(temporary, path)


def of_rounds(values, **about):
    return {"median": median(values), "rounds": list(values), **about}


def unmeasured(reason):
    return {"median": None, "rounds": [], "reason": reason}


def forward_ratios(name, ours, theirs):
    """`name` is the lowest over batches 8 and 32, `name`_batchN that of each: ours over theirs, round by round."""
    by_batch = {batch: [a / b for a, b in zip(ours[batch], theirs[batch])] for batch in ours}
    lowest = min((8, 32), key=lambda batch: median(by_batch[batch]))
    yield name, of_rounds(by_batch[lowest], batch=lowest)
    for batch, values in by_batch.items():
        yield f"{name}_batch{batch}", of_rounds(values)


def cuda_ratios(cuda):
    """As forward_ratios, in each kind of number against each peer: from host memory, and of images that lie on the GPU."""
    speeds = cuda["images_per_second"]
    for how, suffix in (("forward", ""), ("resident", "_resident")):
        for side, theirs in speeds[how].items():
            peer, _, numbers = side.rpartition("-")
            if peer != "cxrnet":
                name = f"cuda_{numbers}{suffix}_vs_{peer.replace('-', '_')}"
                yield from forward_ratios(name, speeds[how][f"cxrnet-{numbers}"], theirs)
    for side, reason in cuda["left_out"].items():
        peer, _, numbers = side.rpartition("-")
        yield f"cuda_{numbers}_vs_{peer.replace('-', '_')}", unmeasured(reason)


def job_values(job, side, value):
    return [run[value] for run in job["runs"] if run["side"] == side]


def ratios(result, int8_missing):
    """Speeds: how many times as fast we are. Memory: ours over theirs. What was not measured is null, with a reason."""
    found = {}
    forward, job = result.get("forward"), result.get("job")
    absent = "this part was not run (--job-only)"
    if forward:
        speeds = forward["images_per_second"]
        work = forward["sides"]["cxrnet"]["gflop_per_image"]
        peak = {batch: [value / work for value in values] for batch, values in forward["fma_peak_gflops"].items()}
        for peer in ("openvino", "keras", "torch", "onnxruntime"):
            found.update(forward_ratios(f"f32_vs_{peer}", speeds["cxrnet"], speeds[peer]))
        found.update(forward_ratios("f32_vs_fma_peak", speeds["cxrnet"], peak))
        absent = int8_missing["forward"]
        if not absent:
            for name, peer in (("int8_vs_openvino_int8", "openvino-int8"), ("int8_vs_openvino", "openvino")):
                found.update(forward_ratios(name, speeds["cxrnet-int8"], speeds[peer]))
    else:
        found.update({name: unmeasured(absent) for name in ("f32_vs_openvino", "f32_vs_fma_peak")})
    if absent:
        found.update({name: unmeasured(absent) for name in ("int8_vs_openvino_int8", "int8_vs_openvino")})
    if result.get("cuda"):
        found.update(cuda_ratios(result["cuda"]))
    for precision, side, suffix in (("f32", "cxrnet", ""), ("int8", "cxrnet-int8", "_int8")):
        absent = None if job else "this part was not run (--forward-only)"
        if not absent and precision == "int8":
            absent = int8_missing["job"]
        speed, memory = f"job_{precision}_vs_keras", f"peak_memory{suffix}_vs_keras"
        if absent:
            found.update({speed: unmeasured(absent), memory: unmeasured(absent)})
            continue
        for peer in dict.fromkeys(run["side"] for run in job["runs"]):
            if not peer.startswith("cxrnet"):
                pairs = zip(job_values(job, peer, "seconds"), job_values(job, side, "seconds"))
                found[f"job_{precision}_vs_{peer}"] = of_rounds([theirs / ours for theirs, ours in pairs])
        pairs = zip(job_values(job, side, "peak_bytes"), job_values(job, "keras", "peak_bytes"))
        found[memory] = of_rounds([ours / theirs for ours, theirs in pairs])
    return found


def columns(*cells):
    return f"{cells[0]:18}" + "".join(f"{cell:>12}" for cell in cells[1:]) + "\n"


def table(result):
    """Everything as text: a row for each side, then the ratios."""
    text, forward, cuda, job = "", result.get("forward"), result.get("cuda"), result.get("job")
    if forward:
        speeds, work = forward["images_per_second"], forward["sides"]["cxrnet"]["gflop_per_image"]
        peaks = {batch: [peak / work for peak in values] for batch, values in forward["fma_peak_gflops"].items()}
        titles = [title.format(batch) for title in ("img/s at {}", "GFLOP/s {}") for batch in speeds["cxrnet"]]
        text += columns("forward", *titles)
        for name, by_batch in [*((NAMES[side], speeds[side]) for side in speeds), ("f32 FMA peak", peaks)]:
            middle = [median(values) for values in by_batch.values()]
            text += columns(name, *(f"{speed:.2f}" for speed in middle), *(f"{speed * work:.0f}" for speed in middle))
        text += "\n"
    if cuda:
        host, resident = cuda["images_per_second"].values()
        batches = next(iter(host.values()))
        text += columns("forward on the GPU", *(f"img/s at {batch}" for batch in batches), *(f"resident {batch}" for batch in batches))
        for side in host:
            text += columns(cuda_name(side), *(f"{median(values):.0f}" for speeds in (host, resident) for values in speeds[side].values()))
        text += "\n"
    if job:
        text += columns(f"job, {job['epochs']} epochs", "seconds", "peak MiB", "test acc.", "test AUC")
        for side in dict.fromkeys(run["side"] for run in job["runs"]):
            values = ("seconds", "peak_bytes", "test_accuracy", "test_roc_auc")
            seconds, memory, accuracy, auc = (median(job_values(job, side, value)) for value in values)
            text += columns(NAMES[side], f"{seconds:.1f}", f"{memory / 2**20:.0f}", f"{accuracy:.3f}", f"{auc:.3f}")
        text += "\n"
    width = max(28, 2 + max((len(name) for name in result), default=0))
    text += f"{'ratio':{width}}{'median':>8}{'lowest':>8}{'highest':>8}\n"
    for name, value in result.items():
        if not isinstance(value, dict) or "rounds" not in value:
            continue
        if value["median"] is None:
            text += f"{name:{width}}{'-':>8}  not measured: {value['reason']}\n"
        else:
            numbers = (value["median"], min(value["rounds"]), max(value["rounds"]))
            text += f"{name:{width}}" + "".join(f"{number:8.2f}" for number in numbers)
            text += f"  at batch {value['batch']}\n" if "batch" in value else "\n"
    if forward:
        text += "".join(f"{NAMES[side]}: {about['version']}\n" for side, about in forward["sides"].items())
    if cuda:
        text += "".join(f"{cuda_name(side)}: {about['version']}\n" for side, about in cuda["sides"].items()) + f"GPU: {cuda['gpu']}\n"
    return text + f"Every side uses {result['threads']} threads."
