#!/usr/bin/env bash
# Times the reference job in Keras and in cxrnet on the same folders, in turn, start-up included on both sides.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'HELP'
usage: bench/peers/run.sh [--data DIR] [--rounds N] [--epochs N] [--json FILE] [-- OPTIONS OF train...]

  --data DIR    folders DIR/train, DIR/val and DIR/test (default demo-data/, made where missing)
  --rounds N    each round runs Keras, then cxrnet (default 3)
  --epochs N    epochs of each run (default 10)
  --json FILE   the times, the ratio and the machine's description as JSON as well

Both sides use the threads that they choose by themselves; leave the machine alone meanwhile.
HELP
}

data='' rounds=3 epochs=10 json='' options=()
while [ $# -gt 0 ]; do
  case $1 in
    --data | --rounds | --epochs | --json)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help."
      declare "${1#--}=$2"
      shift 2 ;;
    --help | -h) usage; exit 0 ;;
    --) shift; options=("$@"); break ;;
    *) fail "'$1' is not an option; see --help." ;;
  esac
done
require_counts rounds epochs
[ -z "$data" ] || [ -d "$data/test" ] || fail "$data/test is not a folder; --data needs the folders train, val and test in it."
[ -z "$data" ] || data=$(cd "$data" && pwd)
[ -z "$json" ] || json=$(realpath -m "$json")
cd "$root"

build_programs OFF train phantom
require_modules bench/peers/requirements.txt tensorflow,matplotlib,scipy,sklearn,PIL
weights=weights/vgg16_imagenet_notop.safetensors
if [ -z "$data" ]; then
  data=$root/demo-data
  [ -f "$data/complete" ] || { rm -rf "$data" && build/cpu/examples/phantom --out "$data" --seed 0 && touch "$data/complete"; }
fi

work=build/peers
rm -rf "$work"
mkdir -p "$work"
folders=(--train "$data/train" --val "$data/val" --test "$data/test" --weights "$weights" --epochs "$epochs")

# Seconds that a command takes, its output in a log.
seconds() { # LOG COMMAND...
  local began=$EPOCHREALTIME
  run_logged "$@"
  awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", b - a }'
}

printf '%6s %10s %10s %8s\n' round Keras/s cxrnet/s ratio
for ((round = 1; round <= rounds; ++round)); do
  keras=$(seconds "$work/keras-$round.log" "$python" bench/peers/keras_reference.py "${folders[@]}" --seed "$round" --out "$work/keras-$round")
  ours=$(seconds "$work/cxrnet-$round.log" build/cpu/examples/train "${folders[@]}" --seed "$round" --out "$work/cxrnet-$round" "${options[@]}")
  printf '%s %s\n' "$keras" "$ours" >>"$work/times"
  awk -v r="$round" -v k="$keras" -v o="$ours" 'BEGIN { printf "%6d %10.2f %10.2f %8.3f\n", r, k, o, o / k }'
done
python3 bench/peers/summarise.py "$work/times" --epochs "$epochs" "--options=${options[*]}" ${json:+--json "$json"}
