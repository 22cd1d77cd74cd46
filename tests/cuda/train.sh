#!/usr/bin/env bash
# train --device cuda: on a GPU runs on phantoms, whose test metrics the CPU confirms, with plans from a folder, by trial, and on block 5;
# without one, one sentence. Usage: train.sh PROGRAMS FOLDER [WEIGHTS [IMAGES BATCH]]   IMAGES to train on, half as many to test
set -euo pipefail

programs=$1 folder=$2
weights=${3:-$(dirname "${BASH_SOURCE[0]}")/../../weights/vgg16_imagenet_notop.safetensors}
images=${4:-48} batch=${5:-32}
rm -rf "$folder"
mkdir -p "$folder"
"$programs/phantom" --out "$folder/data" --train "$images" --val $((images / 2)) --test $((images / 2)) >/dev/null

# train NAME OPTION...
train() {
  local name=$1
  shift
  "$programs/train" --train "$folder/data/train" --val "$folder/data/val" --test "$folder/data/test" --weights "$weights" \
    --device cuda --epochs 1 --batch "$batch" --preprocess imagenet --out "$folder/$name" "$@" >"$folder/$name.log" 2>&1
}
# same NAME OTHER: two runs ended in the same model.
same() {
  cmp "$folder/$1/model.safetensors" "$folder/$2/model.safetensors"
  echo "$1 and $2 ended in the same model"
}
# believed NAME: every plan that its folder has could be used.
believed() { ! grep 'cannot be used' "$folder/$1.log"; }
# confirmed NAME: what was trained on the GPU, in half, predicts on the CPU, in floats, as there.
confirmed() {
  for device in cuda cpu; do
    "$programs/evaluate" --model "$folder/$1/model.safetensors" --data "$folder/data/test" --device $device --csv "$folder/$device.csv"
  done
  python3 - "$folder/cuda.csv" "$folder/cpu.csv" <<'PYTHON'
import csv
import sys

here, there = [[float(v) for row in list(csv.reader(open(p)))[1:] for v in row[3:]] for p in sys.argv[1:]]
worst = max(abs(a - b) for a, b in zip(here, there, strict=True))
print(f"{len(here)} probabilities of the GPU and the CPU differ by {worst:.1e} at most")
sys.exit(not here or worst > 0.01)
PYTHON
}
trap 'cat "$folder"/*.log' ERR

if ! train plain; then
  trap - ERR
  cat "$folder/plain.log"
  [ "$(wc -l <"$folder/plain.log")" -eq 1 ] && grep -q '^error: The network cannot run on a GPU: There is no GPU that can be used: .* needs CUDA' "$folder/plain.log"
  exit
fi
cat "$folder/plain.log"
confirmed plain

train kept --cuda-plans "$folder/plans"
train loaded --cuda-plans "$folder/plans"
same plain kept
same kept loaded
believed loaded

batch=$(((batch + 3) / 4))  # of other graphs
train tried --cuda-trial --cuda-plans "$folder/tried-plans"
train tried-before --cuda-plans "$folder/tried-plans"
same tried tried-before
believed tried-before

train block5 --unfreeze-from 5 --learning-rate 1e-5
cat "$folder/block5.log"
confirmed block5
