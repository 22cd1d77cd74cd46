# Sourced by examples/demo.sh and tests/run.sh: what apt provides on Debian 12 and Ubuntu 24.04.

build_packages=(
  build-essential cmake ninja-build ca-certificates curl
  libdnnl-dev libxtensor-dev libstb-dev libjpeg-dev libdeflate-dev libhdf5-dev libzip-dev libonnx-dev libprotobuf-dev
  nlohmann-json3-dev libcli11-dev libssl-dev
  gnuplot-nox librsvg2-bin python3 python3-pip python3-venv)
test_packages=(git catch2 libbenchmark-dev clang)

fail() { # one sentence on stderr, and the end
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

missing_packages() { # those of the arguments that are not installed
  local package
  for package; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  else
    command -v sudo >/dev/null || fail "packages are missing and there is no sudo: run as root '$*', then this again."
    sudo "$@"
  fi
}

# Installs those of the arguments that are missing, and says which; silent where none is.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "this needs ${missing[*]}: install them (the names are Debian 12's), then run this again."
  echo "Installing with apt: ${missing[*]}"
  as_root apt-get update -qq || fail "apt could not refresh its lists: check the network and /etc/apt/sources.list."
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
    fail "apt could not install ${missing[*]}: its message stands above."
}

# The run-time libraries of clang's sanitizers, of the version that `clang` is; call once clang is installed.
sanitizer_package() { echo "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"; }
