# shellcheck shell=bash
# Sourced by run.sh, finetune.sh and pipeline.sh: the repository's root, what both build and install.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/examples/packages.sh"
python=build/venv-peers/bin/python

require_counts() { # NAME...: variables that must hold whole numbers of at least 1
  local name
  for name; do
    [[ ${!name} =~ ^[1-9][0-9]*$ ]] || fail "--$name is '${!name}'; give a whole number of at least 1."
  done
}

# build_programs BENCH TARGET...: the weights, and programs of ours; BENCH is ON where benchmarks are among them.
build_programs() {
  local bench=$1
  shift
  install_packages "${build_packages[@]}"
  bash weights/fetch.sh
  if [ ! -f build/cpu/build.ninja ]; then
    cmake --preset cpu -DCXRNET_TESTS=OFF "-DCXRNET_BENCH=$bench"
  elif [ "$bench" = ON ]; then
    cmake --preset cpu -DCXRNET_BENCH=ON
  fi
  cmake --build build/cpu --target "$@"
}

# build_on_gpu TARGET...: programs of ours for the GPU that is here; false, with a line that says why, where nothing could run on one.
build_on_gpu() {
  local why="" log=build/cuda-configure.log
  if ! nvidia-smi -L 2>/dev/null | grep -q '^GPU '; then why="there is no GPU that nvidia-smi lists"
  elif ! command -v nvcc >/dev/null; then why="there is no nvcc on PATH to build ours with"
  elif ! cmake --preset cuda -DCXRNET_BENCH=ON >$log 2>&1; then why="CMake could not set up the CUDA backend, see $log"
  fi
  [ -z "$why" ] || { echo "What runs on a GPU is left out: $why."; return 1; }
  cmake --build build/cuda --target "$@" || fail "the programs for the GPU could not be built; the compiler's message stands above."
}

require_modules() { # REQUIREMENTS MODULES: Python with what that file lists, in a virtual environment
  $python -c "import $2" >/dev/null 2>&1 && return
  [ -x "$python" ] || python3 -m venv build/venv-peers
  $python -m pip install -q -r "$1" || fail "pip could not install what $1 lists; check the network."
}

demo_data() { # the folder of schematic films, drawn where they are missing; the program phantom is built
  local data=$root/demo-data
  [ -f "$data/complete" ] || { rm -rf "$data" && build/cpu/examples/phantom --out "$data" --seed 0 >&2 && touch "$data/complete"; } || return
  echo "$data"
}

run_logged() { # LOG COMMAND...: its output in a log, whose end is shown where it fails; false where there is nothing here to run it on
  local log=$1 status=0
  shift
  "$@" >"$log" 2>&1 || status=$?
  [ $status -eq 0 ] || [ $status -eq 77 ] || { tail -n 20 "$log" >&2; fail "'$*' failed; its output is in $log."; }
  return $status
}
