"""Compiles cxrnet's and dlib's sources in turn, round after round: seconds of processor and peak resident memory."""

import argparse
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "peers"))
from summarise import finish, of_rounds  # noqa: E402

TRAIN_LIMIT, FORWARD_LIMIT = 0.8, 0.35
PEER = "dlib VGG16 trainer"
FORWARD = "VGG16 forward"


def compile_once(command, folder):
    """Processor seconds, wall seconds and peak MB of a compilation, the largest process's."""
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.chdir(folder)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"measure.py: this does not compile: {shlex.join(command)}")
    return {"seconds": usage.ru_utime + usage.ru_stime, "wall": wall, "megabytes": usage.ru_maxrss / 1000}


def train_units(commands, out):
    """What `train` is made of, compiled as CMake says but for the optimisation."""
    flags, units = None, {}
    for entry in json.loads(pathlib.Path(commands).read_text()):
        command = shlex.split(entry["command"])
        target = command[command.index("-o") + 1]
        if not any(part in target for part in ("/train.dir/", "/cxrnet_programs.dir/", "/cxrnet_compiled.dir/")):
            continue
        command = ["-O2" if part == "-O3" else part for part in command]
        command[command.index("-o") + 1] = out
        units[entry["file"].split("/examples/")[-1].split("/build/compile/")[-1]] = (command, entry["directory"])
        flags = [part for part in command if part.startswith(("-I", "-f", "-std"))] + [
            part for i, part in enumerate(command) if "-isystem" in (part, command[i - 1])]
    if "train.cpp" not in units:
        sys.exit("measure.py: compile_commands.json has no train.cpp: is CXRNET_EXAMPLES on?")
    return units, flags


def sources(arguments, out):
    """Every source by name: (command, folder)."""
    units, flags = train_units(arguments.commands, out)
    work = str(pathlib.Path(out).parent)

    def own(source, *defines):
        return (["g++", "-O2", *flags, *defines, "-o", out, "-c", str(here / source)], work)

    def peer(source, *defines):
        return (["g++", "-O2", "-std=c++20", *defines, "-o", out, "-c", str(here / source)], work)

    chosen = {}
    if arguments.parts != "layers":
        chosen[PEER] = peer("dlib_trainer.cpp")
        chosen[FORWARD] = own("cxrnet_forward.cpp", "-DCXRNET_COMPILED")
        chosen["the same, headers alone"] = own("cxrnet_forward.cpp")
        chosen["load and predict"] = own("cxrnet_predict.cpp", "-DCXRNET_COMPILED")
        chosen["load and predict, headers alone"] = own("cxrnet_predict.cpp")
        chosen |= {f"train: {name}": unit for name, unit in units.items()}
    if arguments.parts != "units":
        for trains in (0, 1):
            for distinct in (0, 1):
                for layers in (1, 8, 21):
                    defines = (f"-DLAYERS={layers}", f"-DDISTINCT={distinct}", f"-DTRAINS={trains}")
                    for library, make in (("cxrnet", own), ("dlib", peer)):
                        chosen[library, trains, distinct, layers] = make(f"{library}_layers.cpp", *defines)
    return chosen


def of_unit(rounds, name, key):
    return of_rounds([one[name][key] for one in rounds])


def ratio(rounds, name, peer, key):
    return of_rounds([one[name][key] / one[peer][key] for one in rounds])


def report_units(rounds):
    table, worst = {}, {"seconds": 0.0, "megabytes": 0.0}
    print(f"\n{'-O2':40}{'seconds':>9}{'MB':>7}{'of dlib: seconds':>18}{'memory':>8}{'bar':>6}")
    for name in (one for one in rounds[0] if isinstance(one, str)):
        entry = {key: of_unit(rounds, name, key) for key in ("seconds", "wall", "megabytes")}
        entry["of_dlib"] = {key: ratio(rounds, name, PEER, key) for key in ("seconds", "megabytes")}
        table[name] = entry
        bar = FORWARD_LIMIT if name == FORWARD else TRAIN_LIMIT if name.startswith("train: ") else None
        parts = [entry["of_dlib"][key]["median"] for key in ("seconds", "megabytes")]
        if name.startswith("train: "):
            worst = {key: max(worst[key], part) for key, part in zip(worst, parts)}
        missed = bar is not None and max(parts) > bar
        print(f"{name:40}{entry['seconds']['median']:9.1f}{entry['megabytes']['median']:7.0f}{parts[0]:18.2f}"
              f"{parts[1]:8.2f}{'' if bar is None else f'{bar:6.2f}'}{'  missed' if missed else ''}")
    return {"units": table, "train_vs_dlib": worst,
            "forward_vs_dlib": {key: table[FORWARD]["of_dlib"][key]["median"] for key in worst}}


def report_layers(rounds):
    result = []
    print(f"\n{'seconds (MB) of':26}{'':10}" + "".join(f"{f'{layers} layers':>16}" for layers in (1, 8, 21))
          + f"{'each layer: 1-8':>18}{'8-21':>8}")
    for trains in (0, 1):
        for distinct in (0, 1):
            for library in ("cxrnet", "dlib"):
                kept = {n: {key: of_unit(rounds, (library, trains, distinct, n), key)
                            for key in ("seconds", "wall", "megabytes")} for n in (1, 8, 21)}
                seconds = {n: kept[n]["seconds"]["median"] for n in kept}
                slopes = [(seconds[8] - seconds[1]) / 7, (seconds[21] - seconds[8]) / 13]
                what = f"{'training' if trains else 'forward'}, {'distinct' if distinct else 'repeated'}"
                cells = "".join(f"{seconds[n]:9.1f}{'(%.0f)' % kept[n]['megabytes']['median']:>7}" for n in kept)
                print(f"{what:26}{library:10}{cells}{slopes[0]:18.3f}{slopes[1]:8.3f}")
                result.append({"library": library, "trains": bool(trains), "distinct": bool(distinct),
                               "layers": kept, "seconds_each_layer": {"1-8": slopes[0], "8-21": slopes[1]}})
    return {"layers": result}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", required=True, help="compile_commands.json")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", choices=("both", "units", "layers"), default="both")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as work:
        chosen = sources(arguments, os.path.join(work, "unit.o"))
        for number in range(arguments.rounds):
            rounds.append({})
            for name, (command, folder) in chosen.items():
                print(f"round {number + 1}: {name}", file=sys.stderr)
                rounds[-1][name] = compile_once(command, folder)
    result = {"rounds": arguments.rounds, "limits": {"train": TRAIN_LIMIT, "forward": FORWARD_LIMIT},
              "compiler": subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0],
              "dlib": subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libdlib-dev"], capture_output=True, text=True).stdout}
    if arguments.parts != "layers":
        result |= report_units(rounds)
    if arguments.parts != "units":
        result |= report_layers(rounds)
    print(f"\n{result['compiler']}, dlib {result['dlib']}; medians of {arguments.rounds} rounds")
    finish(result, arguments.json)


main()
