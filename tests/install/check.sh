#!/usr/bin/env bash
# check.sh package|subdirectory SOURCE BUILD COMPILER: builds the consumer here with the installed package (from BUILD)
# or with the source folder, in a folder of its own, and runs its programs.
set -euo pipefail

way=$1 source=$2 build=$3 compiler=$4
work=$build/tests/install/$way
rm -rf "$work"
mkdir -p "$work"
options=(-G Ninja "-DCMAKE_CXX_COMPILER=$compiler")
case $way in
  package)
    cmake --install "$build" --prefix "$work/prefix" >/dev/null
    options+=("-DCMAKE_PREFIX_PATH=$work/prefix") ;;
  subdirectory) options+=("-DCXRNET_SOURCE=$source") ;;
  *) echo "check.sh: '$way' is neither package nor subdirectory." >&2; exit 2 ;;
esac
cmake -S "$source/tests/install" -B "$work/build" "${options[@]}" >"$work/configure.log" 2>&1 || { cat "$work/configure.log"; exit 1; }
if [ "$way" = package ]; then # the package, and not the source tree, must have been used
  grep -q "^cxrnet_DIR:PATH=$work/prefix/" "$work/build/CMakeCache.txt"
  ! grep -rqF "$source/include" "$work/prefix" || { echo "An installed file names the source folder." >&2; exit 1; }
fi
cmake --build "$work/build"
"$work/build/shapes"
# Without arguments the consumer's library throws, and its program prints the sentence.
for consumer in consumer consumer_compiled; do
  "$work/build/$consumer" 2>"$work/error.txt" && { echo "$consumer accepted no arguments." >&2; exit 1; }
  grep -qx 'usage: classify MODEL IMAGE...' "$work/error.txt"
done
# The README shows this very program.
python3 - "$source" <<'PYTHON'
import pathlib, sys
root = pathlib.Path(sys.argv[1])
program = (root / "tests/install/consumer.cpp").read_text()
sys.exit(0 if program in (root / "README.md").read_text() else "README.md does not show tests/install/consumer.cpp as it is")
PYTHON
