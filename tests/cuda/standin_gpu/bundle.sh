#!/usr/bin/env bash
# Plans that were built where the GPU is not are those that training asks for: the folder gets no other. Usage: bundle.sh PLANS PROGRAMS GPU FOLDER WEIGHTS
set -euo pipefail

plans=$1 programs=$2 gpu=$3 folder=$4 weights=$5
rm -rf "$folder"
mkdir -p "$folder"
"$programs/phantom" --out "$folder/data" --train 2 --val 1 --test 1 >/dev/null
"$plans" --gpu "$gpu" --out "$folder/bundle" --batch 2
ls "$folder/bundle" >"$folder/before"
for depth in 6 5; do
  "$programs/train" --train "$folder/data/train" --val "$folder/data/val" --weights "$weights" --device cuda --batch 2 --epochs 1 \
    --unfreeze-from $depth --cuda-plans "$folder/bundle" --out "$folder/run" >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
  ls "$folder/bundle" | diff "$folder/before" -
  rm -r "$folder/run"
done
echo "training the head and block 5 took all of its plans from $(wc -l <"$folder/before") that were there"
