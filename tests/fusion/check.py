"""Tests of bench/fusion from outside: check.py --programs DIR --source DIR --work DIR TEST, or --list."""

import argparse
import csv
import json
import pathlib
import shutil
import subprocess
import sys

QUICK = ("--seconds", 0.001, "--rounds", 2, "--triad-mb", 8)


def run(command, *arguments):
    done = subprocess.run([str(part) for part in (*command, *arguments)], capture_output=True, text=True, timeout=280)
    print("$", *command, *arguments, "->", done.returncode, "\n" + done.stdout + done.stderr)
    return done


def refuses(done, *texts):
    """A sentence that ends standard error and has every text, and a status that is a program's own."""
    assert 0 < done.returncode < 126, done.returncode
    last = done.stderr.splitlines()[-1]
    for text in texts:
        assert str(text) in last, f"the message does not name {text}"


def close(value, expected):
    assert abs(value - expected) <= 1e-9 * abs(expected), (value, expected)


def sample_work(n, fused):
    """The operations of bench/fusion/sample_net.hpp on n images, by hand: GFLOP and MB."""
    image, wide, narrow = 64 * 64 * 3, 64 * 64 * 32, 32 * 32 * 32
    flop = 2 * (wide * 9 * 3 + wide * 9 * 32 + 2 * narrow * 9 * 32)
    kernels, biases = 9 * 3 * 32 + 3 * 9 * 32 * 32, 4 * 32
    if fused:
        maps = (image + wide) + (wide + narrow) + 2 * (narrow + narrow) + 3 * narrow + 2 * narrow
    else:
        first = (image + wide) + 2 * (wide + wide)
        second = (wide + wide) + 2 * (wide + wide) + (wide + narrow)
        branch = 3 * (narrow + narrow) + 2 * (narrow + narrow)
        maps = first + second + branch + 3 * narrow + 2 * narrow
    return n * flop * 1e-9, 4 * (n * maps + kernels + biases) * 1e-6


def test_the_sample_is_measured_and_counted(case):
    files = {ending: case.work / f"sample.{ending}" for ending in ("json", "csv", "svg")}
    options = ["--batch", "1,3", "--operations", "--json", files["json"], "--csv", files["csv"], "--plot", files["svg"]]
    done = run([case.programs / "fusion_net"], *QUICK, *options)
    assert done.returncode == 0
    for text in ("unfused", "+FuseCpuMaxPool", "convolution+bias+relu+max_pool", "speed-up"):
        assert text in done.stdout, text
    result = json.loads(files["json"].read_text())
    peak, bandwidth = result["machine"]["fma_gflop_per_s"], result["machine"]["triad_gb_per_s"]
    assert peak > 0 and bandwidth > 0
    assert [(stack["stack"], stack["batch"]) for stack in result["stacks"]] == [("sample_net", 1), ("sample_net", 3)]
    for stack in result["stacks"]:
        variants = stack["variants"]
        assert [v["rules"] for v in variants] == ["unfused", "+FuseBias", "+FuseRelu", "+FuseCpuMaxPool"]
        assert [len(v["operations"]) for v in variants] == [14, 10, 7, 6]
        assert stack["runs"] >= 2
        for variant, fused in ((variants[0], False), (variants[-1], True)):
            gflop, mb = sample_work(stack["batch"], fused)
            close(variant["stated"]["gflop"], gflop)
            close(variant["stated"]["mb"], mb)
        for variant in variants:
            assert variant["ms"] > 0 and variant["speed_up"] > 0 and variant["difference"] < 1e-5
            low, high = variant["ms_quartiles"]
            assert low <= variant["ms"] <= high
            for work in (variant["stated"], variant["done"]):
                least = max(work["gflop"] / peak, work["mb"] * 1e-3 / bandwidth)
                close(work["roofline_share"], least * 1e3 / variant["ms"])
                close(work["gflop_per_s"], work["gflop"] * 1e3 / variant["ms"])
            assert any(o["algorithm"].startswith("winograd_4x3") for o in variant["operations"])
            # Winograd does less arithmetic, on more weights.
            assert variant["done"]["gflop"] < variant["stated"]["gflop"] and variant["done"]["mb"] > variant["stated"]["mb"]
    with open(files["csv"], newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 and float(rows[0]["stated_mb"]) == result["stacks"][0]["variants"][0]["stated"]["mb"]
    assert files["svg"].read_text().rstrip().endswith("</svg>")


def test_vgg16_has_every_shape(case):
    done = run([case.programs / "fusion"], "--list")
    names = done.stdout.splitlines()
    assert done.returncode == 0 and len(names) == len(set(names)) == 9 * 4 + 5 + 1
    for text in ("conv 3 to 64 at 224", "conv+bias 512 to 512 at 14", "conv+bias+relu+pool 256 to 512 at 28", "block 5", "VGG16"):
        assert text in names, text
    for backend in ("cpu", "onednn", "direct"):
        table = case.work / f"{backend}.csv"
        options = ["--filter", "relu+pool 512 to 512 at 14", "--batch", 1, "--backend", backend, "--csv", table]
        assert run([case.programs / "fusion"], *QUICK, *options).returncode == 0
        with open(table, newline="") as file:
            operations = [int(row["operations"]) for row in csv.DictReader(file)]
        assert operations == ([4, 3, 2, 1] if backend == "cpu" else [4, 3, 2]), operations


def test_it_says_what_is_wrong(case):
    program = [case.programs / "fusion_net"]
    refuses(run(program, "--filter", "nothing"), "nothing", "sample_net")
    refuses(run(program, "--plot", case.work / "plot.gif"), "plot.gif", ".svg")
    refuses(run(program, "--json", case.work / "absent" / "a.json"), "absent")
    assert run(program, "--batch", 0).returncode > 0


def test_run_sh_says_what_is_wrong_with_a_header(case):
    script = ["bash", case.source / "bench/fusion/run.sh", "--build", case.work / "build", "--net"]
    refuses(run(script, case.work / "absent.hpp"), "absent.hpp", "using Net")
    empty = case.work / "empty.hpp"
    empty.write_text("#include <cxrnet/predict.hpp>\n")
    refuses(run(script, empty), "empty.hpp", "no type Net")
    done = run(script, "Seq<Input<8, 8, 3>, Conv2D<4, 3>, Dense<2>>")
    refuses(done, "does not compile", "build.log")
    assert "Dense<2>" in done.stderr, "the compiler's error does not name the layer"


def main():
    tests = {name.removeprefix("test_"): function for name, function in globals().items() if name.startswith("test_")}
    if sys.argv[1:] == ["--list"]:
        print("\n".join(tests))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    for option in ("--programs", "--source", "--work"):
        parser.add_argument(option, required=True, type=pathlib.Path)
    parser.add_argument("test", choices=tests)
    case = parser.parse_args()
    shutil.rmtree(case.work, ignore_errors=True)
    case.work.mkdir(parents=True)
    tests[case.test](case)
    shutil.rmtree(case.work)


if __name__ == "__main__":
    main()
