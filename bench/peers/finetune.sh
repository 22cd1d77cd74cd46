#!/usr/bin/env bash
# Times a step of fine-tuning VGG16 in Keras, PyTorch and cxrnet: the same batch of 16, weights, layers and Adam, in turn.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'HELP'
usage: bench/peers/finetune.sh [--rounds N] [--steps N] [--warmup N] [--json FILE]

  --rounds N    each round runs every side, one after the other (default 3)
  --steps N     steps that are timed in each run (default 8)
  --warmup N    steps before those (default 2)
  --json FILE   every run, the ratios and the machine's description as JSON as well

A step is everything on images that are prepared: what is frozen forward, the rest forward, backward and updated. Block 5
and the head train, then all. All sides must come to the same losses, or this fails. Each uses the threads that it
chooses by itself; leave the machine alone meanwhile. PyTorch's package brings 4 GB of libraries for GPUs along. Where there
is a GPU, with nvcc and cuDNN, PyTorch and cxrnet take 25 times as many steps on it too, in f16.
HELP
}

rounds=3 steps=8 warmup=2 json=''
while [ $# -gt 0 ]; do
  case $1 in
    --rounds | --steps | --warmup | --json)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help."
      declare "${1#--}=$2"
      shift 2 ;;
    --help | -h) usage; exit 0 ;;
    *) fail "'$1' is not an option; see --help." ;;
  esac
done
require_counts rounds steps warmup
[ -z "$json" ] || json=$(realpath -m "$json")
cd "$root"

install_packages libbenchmark-dev
build_programs ON peers_finetune
require_modules bench/peers/requirements-finetune.txt tensorflow,torch
on_gpu=
if build_on_gpu peers_finetune_cuda; then on_gpu=yes; fi

work=build/peers-finetune
rm -rf "$work"
mkdir -p "$work"
model=$work/model.safetensors images=$work/images.safetensors
$python bench/peers/finetune_inputs.py --weights weights/vgg16_imagenet_notop.safetensors --model "$model" --images "$images"

timed() { # DEVICE NAME COMMAND...: the last line that it prints is the result, or why it is left out
  local device=$1 name=$2 log=$work/$round-$unfrozen-$1-$2.log
  shift 2
  run_logged "$log" "$@" || { echo "$name on $device is left out: $(tail -n 1 "$log")"; return 0; }
  tail -n 1 "$log" | sed "s/^{/{\"round\": $round, \"device\": \"$device\", \"unfrozen\": \"$unfrozen\", /" >>"$work/runs"
}

for ((round = 1; round <= rounds; ++round)); do
  for unfrozen in block5 all; do
    options=(--model "$model" --images "$images" --unfrozen "$unfrozen" --warmup "$warmup" --steps "$steps")
    timed cpu keras "$python" bench/peers/keras_finetune.py "${options[@]}"
    timed cpu torch "$python" bench/peers/torch_finetune.py "${options[@]}" --format contiguous
    timed cpu torch-channels-last "$python" bench/peers/torch_finetune.py "${options[@]}" --format channels_last
    timed cpu cxrnet build/cpu/bench/peers_finetune "$model" "$images" "$unfrozen" "$warmup" "$steps"
    if [ -n "$on_gpu" ]; then
      more=(--warmup $((warmup * 25)) --steps $((steps * 25)))
      timed cuda torch "$python" bench/peers/torch_finetune.py "${options[@]}" "${more[@]}" --format channels_last --device cuda
      timed cuda cxrnet build/cuda/bench/peers_finetune_cuda "$model" "$images" "$unfrozen" "${more[1]}" "${more[3]}"
    fi
    echo "round $round, $unfrozen unfrozen: done"
  done
done
$python bench/peers/summarise_finetune.py "$work/runs" ${json:+--json "$json"}
