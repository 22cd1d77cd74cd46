"""What ptxas makes of every kernel, for each architecture: registers, shared memory, spills (none may be), as a table; and
whether a block of ours fits the GPUs of that architecture.
Usage: ptxas.py NVCC KERNELS.cu INCLUDE... -- PROPERTIES..."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

THREADS = 256  # of a block: launch_kernel


def kernels_of(nvcc, source, includes, architecture):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [nvcc, "-std=c++20", "--expt-relaxed-constexpr", f"-arch=sm_{architecture}", "-cubin", "-Xptxas", "-v", *[f"-I{i}" for i in includes], source,
             "-o", f"{folder}/kernels.cubin"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"nvcc failed for sm_{architecture}:\n{done.stdout}{done.stderr}")
    text = subprocess.run(["c++filt"], input=done.stdout + done.stderr, capture_output=True, text=True, check=True).stdout
    rows = {}
    for part in text.split("Compiling entry function")[1:]:
        name = re.search(r"run_kernel<cxrnet::cuda::(.+?)\s*>\(", part) or re.search(r"'(.+?)'", part)
        registers = int(re.search(r"Used (\d+) registers", part)[1])
        shared = re.search(r"(\d+) bytes smem", part)
        spills = sum(int(n) for n in re.findall(r"(\d+) bytes spill", part))
        rows[name[1].replace("cxrnet::cuda::", "")] = (registers, int(shared[1]) if shared else 0, spills)
    return rows


def main():
    split = sys.argv.index("--")
    nvcc, source, *includes = sys.argv[1:split]
    gpus = [json.loads(pathlib.Path(p).read_text()) for p in sys.argv[split + 1:]]
    architectures = sorted({g["deviceVer"] // 10 for g in gpus})
    tables = {a: kernels_of(nvcc, source, includes, a) for a in architectures}
    wrong = 0
    print(f"{'registers (shared bytes)':44}" + "".join(f"{'sm_' + str(a):>9}" for a in architectures))
    for name in sorted({n for t in tables.values() for n in t}):
        cells = []
        for a in architectures:
            registers, shared, spills = tables[a][name]
            fits = all(registers * THREADS <= g["regsPerBlock"] and shared <= g["maxSharedMemoryPerBlock"]
                       for g in gpus if g["deviceVer"] // 10 == a)
            bad = spills > 0 or not fits
            wrong += bad
            cells.append(f"{registers}" + (f" ({shared})" if shared else "") + (f" SPILLS {spills}" if spills else "") + ("" if fits else " TOO LARGE"))
        print(f"{name:44}" + "".join(f"{c:>9}" for c in cells))
    count = sum(len(t) for t in tables.values())
    print(f"{count} kernels of {len(architectures)} architectures, {wrong} spill or do not fit")
    sys.exit(1 if wrong or not count else 0)


main()
