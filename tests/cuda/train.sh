#!/usr/bin/env bash
# train --device cuda: on a GPU a run on phantoms, whose test metrics the CPU confirms; without one, one sentence.
# Usage: train.sh PROGRAMS FOLDER [WEIGHTS]
set -euo pipefail

programs=$1 folder=$2
weights=${3:-$(dirname "${BASH_SOURCE[0]}")/../../weights/vgg16_imagenet_notop.safetensors}
rm -rf "$folder"
mkdir -p "$folder"
"$programs/phantom" --out "$folder/data" --train 48 --val 16 --test 16 >/dev/null
data=(--train "$folder/data/train" --val "$folder/data/val" --test "$folder/data/test" --weights "$weights")

if ! "$programs/train" "${data[@]}" --device cuda --epochs 3 --preprocess imagenet --out "$folder/run" >"$folder/log" 2>&1; then
  cat "$folder/log"
  [ "$(wc -l <"$folder/log")" -eq 1 ] && grep -q '^error: The network cannot run on a GPU: There is no GPU that can be used: .* needs CUDA' "$folder/log"
  exit
fi
cat "$folder/log"
# What was trained on the GPU, in half, predicts on the CPU, in floats, as there.
for device in cuda cpu; do
  "$programs/evaluate" --model "$folder/run/model.safetensors" --data "$folder/data/test" --device $device --csv "$folder/$device.csv"
done
python3 - "$folder/cuda.csv" "$folder/cpu.csv" <<'PYTHON'
import csv
import sys

here, there = [[float(v) for row in list(csv.reader(open(p)))[1:] for v in row[3:]] for p in sys.argv[1:]]
worst = max(abs(a - b) for a, b in zip(here, there, strict=True))
print(f"{len(here)} probabilities of the GPU and the CPU differ by {worst:.1e} at most")
sys.exit(not here or worst > 0.01)
PYTHON
