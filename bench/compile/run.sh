#!/usr/bin/env bash
# Compiles the program `train`, VGG16's forward and networks of 1, 8 and 21 layers beside dlib's; see docs/compile-time.md.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/examples/packages.sh"

usage() {
  cat <<'HELP'
usage: bench/compile/run.sh [--rounds N] [--units | --layers] [--json FILE]

  --rounds N    each round compiles every source once, one after the other (default 3; a round takes some 8 minutes)
  --units       only `train`, the forward and dlib's trainer
  --layers      only the networks of 1, 8 and 21 layers
  --json FILE   everything as JSON as well
HELP
}

rounds=3 parts=both json=''
while [ $# -gt 0 ]; do
  case $1 in
    --rounds | --json)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help."
      declare "${1#--}=$2"
      shift 2 ;;
    --units | --layers) parts=${1#--}; shift ;;
    --help | -h) usage; exit 0 ;;
    *) fail "'$1' is not an option; see --help." ;;
  esac
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || fail "--rounds takes a whole number from 1, not '$rounds'."
[ -z "$json" ] || json=$(realpath -m "$json")

install_packages "${build_packages[@]}" libdlib-dev
build=$root/build/compile
mkdir -p "$build"
cmake -G Ninja -S "$root" -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=g++ \
  -DCMAKE_EXPORT_COMPILE_COMMANDS=ON -DCXRNET_TESTS=OFF -DCXRNET_BENCH=OFF -DCXRNET_EXAMPLES=ON >"$build/cmake.log" 2>&1 ||
  fail "configuring failed: its output is in $build/cmake.log."
exec python3 "$root/bench/compile/measure.py" --commands "$build/compile_commands.json" --rounds "$rounds" \
  --parts "$parts" ${json:+--json "$json"}
