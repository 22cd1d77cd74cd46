#!/usr/bin/env bash
# Times one core's decoding and augmentation in Pillow, Keras and cxrnet, in turn; see docs/benchmarks.md.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'HELP'
usage: bench/peers/pipeline.sh [--data DIR] [--rounds N] [--json FILE]

  --data DIR    a folder of images (default demo-data/, made where missing)
  --rounds N    each round runs both sides, one after the other (default 3)
  --json FILE   everything as JSON as well
HELP
}

data='' rounds=3 json=''
while [ $# -gt 0 ]; do
  case $1 in
    --data | --rounds | --json)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help."
      declare "${1#--}=$2"
      shift 2 ;;
    --help | -h) usage; exit 0 ;;
    *) fail "'$1' is not an option; see --help." ;;
  esac
done
require_counts rounds
[ -z "$data" ] || [ -d "$data" ] || fail "$data is not a folder."
[ -z "$data" ] || data=$(cd "$data" && pwd)
[ -z "$json" ] || json=$(realpath -m "$json")
cd "$root"

build_programs ON phantom peers_pipeline
require_modules bench/peers/requirements-run.txt keras,torch,scipy,PIL
[ -n "$data" ] || data=$(demo_data)
OMP_NUM_THREADS=1 $python bench/peers/pipeline.py --data "$data" --program build/cpu/bench/peers_pipeline --rounds "$rounds" ${json:+--json "$json"}
