#!/usr/bin/env bash
# Every test: tests/run.sh [GROUP...], groups cpu, asan, tsan, onednn3, cuda, python. Installs what is missing; prints a line for each
# group and last "N passed, N failed" with what was skipped. Full output: build/logs/.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
. examples/packages.sh
groups=("$@")
[ $# -gt 0 ] || groups=(cpu asan tsan onednn3 cuda python)
for group in "${groups[@]}"; do
  case $group in cpu | asan | tsan | onednn3 | cuda | python) ;; *) fail "'$group' is not a group of tests: cpu, asan, tsan, onednn3, cuda or python." ;; esac
done

install_packages "${build_packages[@]}" "${test_packages[@]}"
install_packages "$(sanitizer_package)"
logs=build/logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0

# report NAME PASSED FAILED SKIPPED [REMARK]
report() {
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  printf '%-7s %s passed, %s failed' "$1" "$2" "$3"
  [ "$4" -eq 0 ] || printf ', %s skipped' "$4"
  printf '%s (%d s)\n' "${5:+: $5}" $((SECONDS - start))
}

# One failed step of a group: its log's end, and one failure counted.
broken() { # NAME REMARK LOG
  tail -n 40 "$3"
  report "$1" 0 1 0 "$2, see $3"
}

# Counts of a JUnit file: passed failed skipped; names of what failed on stderr.
count() {
  python3 - "$1" <<'PYTHON'
import sys
import xml.etree.ElementTree as xml

passed = failed = skipped = 0
for case in xml.parse(sys.argv[1]).getroot().iter("testcase"):
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        failed += 1
        print("FAILED:", case.get("name"), file=sys.stderr)
    elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        skipped += 1
        print("skipped:", case.get("name"), file=sys.stderr)
    else:
        passed += 1
print(passed, failed, skipped)
PYTHON
}

# Configures, builds and tests one preset: preset NAME [CMAKE ARGUMENT...]
preset() {
  local name=$1 numbers prefix=()
  shift
  # gcc 12's thread sanitizer cannot live with 32 random bits of addresses, which newer kernels use.
  [ "$name" != tsan ] || ! setarch -R true 2>/dev/null || prefix=(setarch -R)
  if ! cmake --preset "$name" "$@" >"$logs/$name-configure.log" 2>&1; then
    broken "$name" "did not configure" "$logs/$name-configure.log"
    return
  fi
  if ! "${prefix[@]}" cmake --build "build/$name" -j "$(nproc)" >"$logs/$name-build.log" 2>&1; then
    broken "$name" "did not build" "$logs/$name-build.log"
    return
  fi
  rm -f "build/$name/junit.xml"
  "${prefix[@]}" ctest --test-dir "build/$name" -LE plans-all -j "$(nproc)" --timeout 600 --output-on-failure \
    --output-junit junit.xml >"$logs/$name-test.log" 2>&1
  if ! read -r -a numbers < <(count "build/$name/junit.xml") || [ "${#numbers[@]}" -ne 3 ]; then
    broken "$name" "ctest left no results" "$logs/$name-test.log"
  elif [ $((numbers[0] + numbers[1])) -eq 0 ]; then
    report "$name" 0 1 "${numbers[2]}" "no test was run"
  else
    [ "${numbers[1]}" -eq 0 ] || grep -vE ' Passed |^ +Start ' "$logs/$name-test.log" | tail -n 200
    report "$name" "${numbers[@]}"
  fi
}

# The backend on oneDNN 3, which Debian 12 does not have and Ubuntu 24.04 does, out of the Python package index.
onednn3() {
  local root3=build/onednn3-package
  if [ ! -e "$root3/lib/libdnnl.so" ]; then
    rm -rf "$root3" "$root3.parts"
    mkdir -p "$root3.parts" "$root3"
    if ! python3 -m pip download -q --no-deps -d "$root3.parts" onednn-devel-cpu-gomp==2023.2.0 onednn-cpu-gomp==2023.2.0 \
      >"$logs/onednn3-install.log" 2>&1; then
      report onednn3 0 0 1 "pip could not download oneDNN 3, see $logs/onednn3-install.log"
      return
    fi
    for wheel in "$root3.parts"/*.whl; do python3 -m zipfile -e "$wheel" "$root3.parts/files"; done
    cp -r "$root3.parts"/files/*.data/data/. "$root3"
  fi
  preset onednn3 "-DCXRNET_DNNL_ROOT=$root/$root3"
}

# The CUDA backend, where nvcc and cuDNN are; on a GPU too, where one is.
cuda() {
  if ! command -v nvcc >/dev/null; then
    report cuda 0 0 1 "no nvcc on PATH: the CUDA backend was not built"
  elif ! cmake --preset cuda >"$logs/cuda-configure.log" 2>&1 && grep -q 'needs the CUDA Toolkit' "$logs/cuda-configure.log"; then
    report cuda 0 0 1 "no cuDNN 9 beside the CUDA Toolkit: the CUDA backend was not built"
  else
    preset cuda
  fi
}

# Keras itself reads our files and we read its: each tests/python/*.py is one test (status 77: skipped).
python_tests() {
  local venv=build/venv script status
  if ! KERAS_BACKEND=jax "$venv/bin/python" -c 'import keras, jax, h5py, numpy, onnxruntime' >/dev/null 2>&1; then
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q -r tests/python/requirements.txt; } \
      >"$logs/python-install.log" 2>&1; then
      report python 0 0 1 "pip could not install Keras, see $logs/python-install.log"
      return
    fi
  fi
  local ok=0 bad=0 left=0
  for script in tests/python/test_*.py; do
    KERAS_BACKEND=jax CXRNET_BIN=$root/build/cpu/examples CXRNET_SHARED=${CXRNET_SHARED:-$root/../shared} \
      "$venv/bin/python" "$script" >"$logs/$(basename "$script" .py).log" 2>&1
    status=$?
    case $status in
      0) ok=$((ok + 1)) ;;
      77) left=$((left + 1)); tail -n 1 "$logs/$(basename "$script" .py).log" ;;
      *) bad=$((bad + 1)); echo "FAILED: $script"; tail -n 30 "$logs/$(basename "$script" .py).log" ;;
    esac
  done
  report python "$ok" "$bad" "$left"
}

start=$SECONDS
if bash weights/fetch.sh >"$logs/weights.log" 2>&1; then
  report weights 1 0 0 "$(tail -n 1 "$logs/weights.log")"
else
  broken weights "could not be fetched" "$logs/weights.log"
fi
for group in "${groups[@]}"; do
  start=$SECONDS
  case $group in
    cpu) preset cpu -DCXRNET_TESTS=ON -DCXRNET_EXAMPLES=ON -DCXRNET_BENCH=ON -DCXRNET_UNIT_OPTIMISATION=-Og ;;
    asan | tsan) preset "$group" ;;
    onednn3) onednn3 ;;
    cuda) cuda ;;
    python) python_tests ;;
  esac
done

printf '%d passed, %d failed' "$passed" "$failed"
[ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
echo
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
