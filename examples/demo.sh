#!/usr/bin/env bash
# The whole job on one machine: install, fetch, build, train, validate, test; a second run does nothing twice.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/examples/packages.sh"

usage() {
  cat <<'HELP'
usage: examples/demo.sh [--data DIR] [--epochs N] [--out RUN] [--retrain] [-- OPTIONS OF train...]

  --data DIR   real images in DIR/train, DIR/val and DIR/test, one subfolder a class
               (default: demo-data/, schematic phantoms that are made here)
  --epochs N   epochs of training (default 10)
  --out RUN    where the run is written (default runs/demo, or runs/ and the name of DIR)
  --retrain    train again although RUN holds a finished run

Options after -- go to `train`: `-- --preprocess imagenet --no-augment`, say.

Not a diagnosis: a study of a method, to complement clinicians and never to replace them.
HELP
}

data='' epochs=10 run='' retrain=no options=()
while [ $# -gt 0 ]; do
  case $1 in
    --data | --epochs | --out)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help."
      case $1 in --data) data=$2 ;; --epochs) epochs=$2 ;; --out) run=$2 ;; esac
      shift 2 ;;
    --retrain) retrain=yes; shift ;;
    --help | -h) usage; exit 0 ;;
    --) shift; options=("$@"); break ;;
    *) fail "'$1' is not an option; see --help." ;;
  esac
done
[[ $epochs =~ ^[1-9][0-9]*$ ]] || fail "--epochs is '$epochs'; give a whole number of at least 1."
if [ -n "$data" ]; then
  for part in train val test; do
    [ -d "$data/$part" ] || fail "$data/$part is not a folder; --data needs the folders train, val and test in it."
  done
  data=$(cd "$data" && pwd)
fi
[ -z "$run" ] || run=$(realpath -m "$run")
cd "$root"

step() { printf '\n== %s\n' "$*"; }

step "Packages"
install_packages "${build_packages[@]}"
echo "All there."

step "Weights"
bash weights/fetch.sh

step "Build (preset cpu, into build/cpu)"
# The tests and benchmarks need more packages; tests/run.sh switches them on in the same folder.
if [ ! -f build/cpu/build.ninja ]; then
  mkdir -p build
  cmake --preset cpu -DCXRNET_TESTS=OFF -DCXRNET_BENCH=OFF >build/configure.log 2>&1 ||
    { cat build/configure.log >&2; fail "CMake could not configure the build; its messages stand above."; }
fi
cmake --build build/cpu --target phantom train evaluate predict summary finetune
bin=$root/build/cpu/examples

if [ -z "$data" ]; then
  step "Phantoms (demo-data/)"
  data=demo-data
  if [ -f "$data/complete" ]; then
    echo "Already made."
  else
    rm -rf "$data"
    "$bin/phantom" --out "$data" --seed 0
    touch "$data/complete"
  fi
fi
[ -n "$run" ] || run=runs/$([ "$data" = demo-data ] && echo demo || basename "$data")

step "Train, validate and test ($epochs epochs, into $run)"
# A finished run of the same settings is kept; what it was is written last.
settings="data=$data epochs=$epochs options=${options[*]}"
if [ "$retrain" = no ] && [ -f "$run/demo.txt" ] && [ "$(cat "$run/demo.txt")" = "$settings" ]; then
  echo "Already trained with these settings; --retrain does it again."
else
  rm -f "$run/demo.txt" "$run/evaluation.txt" "$run/examples.txt"
  if [ "$retrain" = no ] && [ -f "$run/settings.json" ] && [ -f "$run/begun.txt" ] &&
    [ "$(cat "$run/begun.txt")" = "$settings" ]; then
    "$bin/train" --resume "$run" # ended by Ctrl-C, say
  else
    rm -f "$run/settings.json" "$run"/checkpoint*.safetensors
    mkdir -p "$run"
    printf '%s\n' "$settings" >"$run/begun.txt"
    "$bin/train" --train "$data/train" --val "$data/val" --test "$data/test" \
      --weights weights/vgg16_imagenet_notop.safetensors --epochs "$epochs" --out "$run" "${options[@]}"
  fi
  printf '%s\n' "$settings" >"$run/demo.txt"
fi

# Runs a command and keeps what it prints in a file of the run; the next time prints the file.
once() { # FILE COMMAND...
  local file=$1
  shift
  if [ ! -f "$file" ]; then
    "$@" | tee "$file.part"
    mv "$file.part" "$file"
  else
    cat "$file"
  fi
}

step "Evaluate the saved model on $data/test"
once "$run/evaluation.txt" "$bin/evaluate" --model "$run/model.h5" --data "$data/test" --json "$run/evaluation.json"

step "Predict a few images"
mapfile -t images < <(for class in "$data"/test/*/; do find "$class" -type f | sort | head -n 2; done)
once "$run/examples.txt" "$bin/predict" --model "$run/model.h5" "${images[@]}"

step "To look at"
cat <<END
In $run:
  history.svg, history.png       accuracy and loss of each epoch (history.csv, history.json: the numbers)
  metrics.json, predictions.csv  the test set: precision, recall, F1, ROC AUC; and every image's probabilities
  model.h5                       the model: keras.models.load_model opens it (model.safetensors: the same)
  run.json                       settings, versions, hashes of files and weights
In $data: the images.

Not a diagnosis: this studies a method on a small set of images; it may complement a clinician, never replace one.
END
