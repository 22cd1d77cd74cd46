#!/usr/bin/env bash
# Times the whole network's forward and the reference job in the peers and in cxrnet, in turn; see docs/benchmarks.md.
set -euo pipefail

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage() {
  cat <<'HELP'
usage: bench/peers/run.sh [--quick] [--data DIR] [--rounds N] [--epochs N] [--forward-only | --job-only] [--json FILE]

  --quick         at most 40 minutes on two cores, installation included: shorter timings, the job once, in Keras and
                  cxrnet alone, and with fewer epochs where ten would not end in time
  --data DIR      folders DIR/train, DIR/val and DIR/test (default demo-data/, made where missing)
  --rounds N      each round runs every side, one after the other (default 3; --quick: 3 of the forward, 1 of the job)
  --epochs N      of the job (default 10)
  --forward-only  not the job
  --job-only      not the forward
  --json FILE     everything as JSON as well, and the plot beside it as .svg and .png (else build/peers/peers.*)

TensorFlow/Keras, PyTorch, ONNX Runtime, OpenVINO (f32, and int8 by NNCF) are installed into build/venv-peers; PyTorch's
package brings 4 GB of libraries for GPUs along. Every side uses one thread for each logical core; leave the machine
alone meanwhile. Without --quick, ten epochs in six engines take hours. Where there is a GPU, with nvcc and cuDNN, the
forward is compared on it too: PyTorch, TensorRT where build/venv-peers has it, and cxrnet.
HELP
}

data='' rounds='' epochs=10 json='' parts=both quick=()
while [ $# -gt 0 ]; do
  case $1 in
    --data | --rounds | --epochs | --json)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help."
      declare "${1#--}=$2"
      shift 2 ;;
    --quick) quick=(--quick); shift ;;
    --forward-only | --job-only)
      [ "$parts" = both ] || fail "--forward-only and --job-only together leave nothing to do."
      parts=${1#--} parts=${parts%-only}
      shift ;;
    --help | -h) usage; exit 0 ;;
    *) fail "'$1' is not an option; see --help." ;;
  esac
done
if [ ${#quick[@]} -gt 0 ]; then
  job_rounds=${rounds:-1} seconds=1.5 calibration=64
else
  job_rounds=${rounds:-3} seconds=4 calibration=128
fi
rounds=${rounds:-3}
require_counts rounds epochs
[ -z "$data" ] || [ -d "$data/test" ] || fail "$data/test is not a folder; --data needs the folders train, val and test in it."
[ -z "$data" ] || data=$(cd "$data" && pwd)
[ -z "$json" ] || json=$(realpath -m "$json")
cd "$root"

install_packages libbenchmark-dev
build_programs ON train phantom convert peers_forward
modules=tensorflow,torch,onnx,onnxruntime,openvino,nncf,matplotlib,scipy,sklearn,PIL
require_modules bench/peers/requirements-run.txt "$modules"
[ -n "$data" ] || data=$(demo_data)
on_gpu=()
if [ "$parts" != job ] && build_on_gpu peers_forward_cuda; then on_gpu=(--cuda-programs build/cuda); fi

work=build/peers
rm -rf "$work"
mkdir -p "$work"
plot=$work/peers
[ -z "$json" ] || plot=${json%.json}
$python bench/peers/compare.py --data "$data" --weights weights/vgg16_imagenet_notop.safetensors --programs build/cpu \
  "${on_gpu[@]}" --work "$work" --rounds "$rounds" --job-rounds "$job_rounds" --epochs "$epochs" --seconds "$seconds" \
  --calibration-images "$calibration" --parts "$parts" "${quick[@]}" --elapsed "$SECONDS" --plot "$plot" \
  ${json:+--json "$json"}
