#!/usr/bin/env bash
# Builds and runs bench/fusion: VGG16's stacks, or a stack of layers of your own; see docs/fusion.md.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/examples/packages.sh"

usage() {
  cat <<'HELP'
usage: bench/fusion/run.sh [--net HEADER | --net TYPE] [--build DIR] [OPTION...]

  --net HEADER  a C++ header that says `using Net = cxrnet::Seq<...>;` (bench/fusion/sample_net.hpp is one)
  --net TYPE    the type itself: --net 'Seq<Input<56, 56, 64>, Conv2D<64, 3, Same, Relu>, MaxPool<2>>'
  --build DIR   where it is built (default build/fusion)

Without --net, the stacks of VGG16 are timed. The other options are the program's:

HELP
  [ ! -x "$build/bench/fusion" ] || "$build/bench/fusion" --help | sed -n '/^Options/,$p'
  [ -x "$build/bench/fusion" ] || echo "  (shown once it is built: --batch, --filter, --backend, --json, --csv, --plot, ...)"
}

net='' build=$root/build/fusion options=() help=''
while [ $# -gt 0 ]; do
  case $1 in
    --net | --build)
      [ $# -ge 2 ] || fail "$1 needs a value; see --help."
      declare "${1#--}=$2"
      shift 2 ;;
    --help | -h) help=1; shift ;;
    *) options+=("$1"); shift ;;
  esac
done
build=$(realpath -m "$build")
[ -z "$help" ] || { usage; exit 0; }

mkdir -p "$build"
if [[ $net == *'<'* && ! -e $net ]]; then
  printf '#include <cxrnet/predict.hpp>\nusing namespace cxrnet;\nusing Net = %s;\n' "$net" >"$build/net.new"
  cmp -s "$build/net.new" "$build/net.hpp" && rm "$build/net.new" || mv "$build/net.new" "$build/net.hpp"
  net=$build/net.hpp
elif [ -n "$net" ]; then
  [ -f "$net" ] || fail "there is no file '$net'; --net takes a header that says 'using Net = cxrnet::Seq<...>;', or such a type."
  net=$(realpath "$net")
fi

install_packages "${build_packages[@]}" libbenchmark-dev
log=$build/build.log
configure=(-DCMAKE_BUILD_TYPE=Release -DCXRNET_TESTS=OFF -DCXRNET_EXAMPLES=OFF -DCXRNET_BENCH=ON)
[ -z "$net" ] || configure+=("-DCXRNET_FUSION_NET=$net")
cmake -G Ninja -S "$root" -B "$build" "${configure[@]}" >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "CMake failed; its output is in $log."; }

if [ -n "$net" ]; then
  # The user's own unit first: what is wrong with it shows in seconds.
  if ! cmake --build "$build" --target fusion_own >"$log" 2>&1; then
    ! grep -q 'the header defines no type Net' "$log" ||
      fail "'$net' defines no type Net; write 'using Net = cxrnet::Seq<...>;' in it, outside of any namespace."
    grep -E '(error|required from here|note: .*(Got|Expects))' "$log" | head -n 20 >&2 || tail -n 20 "$log" >&2
    fail "'$net' does not compile; the compiler's whole output is in $log."
  fi
  program=fusion_net
  options=(--operations "${options[@]}")
else
  program=fusion
fi
cmake --build "$build" --target $program >"$log" 2>&1 || { tail -n 20 "$log" >&2; fail "$program does not build; the compiler's output is in $log."; }
exec "$build/bench/$program" "${options[@]}"
