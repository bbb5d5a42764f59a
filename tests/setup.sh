# Sourced by the scripts of tests/ and examples/: installs what is missing on Debian, configures and builds in build/. Prints
# nothing that a second run would not want to read.

ak_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ak_build=${AK_BUILD_DIR:-$ak_root/build}
ak_packages=(g++ cmake ninja-build pkg-config libcurl4-openssl-dev libsimdjson-dev libfmt-dev nlohmann-json3-dev liblmdb-dev
             libzstd-dev libxxhash-dev libcli11-dev libcpp-httplib-dev doctest-dev locales clang libisl-dev)
ak_launchers=() # for CMake
command -v ccache >/dev/null && ak_launchers=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

ak_fail() { # what is wrong, what to do
  printf 'error: %s\n       %s\n' "$1" "$2" >&2
  exit 3
}

ak_install_packages() {
  local missing=() package
  command -v dpkg-query >/dev/null || return 0 # not Debian: CMake names what it lacks
  for package in "${ak_packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || ak_fail "missing packages: ${missing[*]}" "install them as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  echo "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
         apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    ak_fail "could not install: ${missing[*]}" "install them by hand: apt-get install ${missing[*]} (full log: $log)"
  fi
  rm -f "$log"
}

# nvcc and the headers of CUDA 13; the libraries are opened when the program runs.
ak_find_toolkit() {
  local nvcc release
  for nvcc in "${CUDA_HOME:-}/bin/nvcc" "${CUDA_PATH:-}/bin/nvcc" "$(command -v nvcc)" /usr/local/cuda/bin/nvcc; do
    [ -x "$nvcc" ] && break
  done
  [ -x "$nvcc" ] || ak_fail "no CUDA toolkit: nvcc is neither on PATH nor under \$CUDA_HOME or /usr/local/cuda" \
    "install CUDA 13 (developer.nvidia.com/cuda-downloads), or set CUDA_HOME to where it is"
  release=$("$nvcc" --version | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
  [ "${release:-0}" -ge 13 ] || ak_fail "the CUDA toolkit of $nvcc is release ${release:-unknown}, 13 is needed" \
    "install CUDA 13 (developer.nvidia.com/cuda-downloads), or set CUDA_HOME to where it is"
  ak_cuda=$(cd "$(dirname "$(readlink -f "$nvcc")")/.." && pwd)
}

# The user's own settings are not seen; where to build is none of them.
ak_forget_settings() {
  local name
  for name in $(compgen -e | grep '^AK_' | grep -v 'BUILD_DIR$'); do unset "$name"; done
}

# The user's own records are neither seen nor touched. The folder goes when the script ends.
ak_own_cache() {
  AK_CACHE_DIR=$(mktemp -d) && export AK_CACHE_DIR
  trap 'rm -rf "$AK_CACHE_DIR"' EXIT
}

# Builds the named targets (all without any). Quiet when all goes well; the compiler's own words when not.
ak_build_targets() {
  ak_install_packages
  ak_find_toolkit
  command -v g++ >/dev/null || ak_fail "no C++ compiler: g++ is not on PATH" "apt-get install g++"
  local log
  mkdir -p "$ak_build"
  log=$ak_build/setup.log
  [ -f "$ak_build/build.ninja" ] || echo "configuring in $ak_build"
  # The folder may have been configured before by someone who wanted no tests.
  cmake -S "$ak_root" -B "$ak_build" -G Ninja -DAK_BUILD_TESTS=ON -DAK_BUILD_EXAMPLES=ON -DCUDAToolkit_ROOT="$ak_cuda" \
        "${ak_launchers[@]}" >"$log" 2>&1 || {
    grep -A 12 'CMake Error' "$log" >&2
    ak_fail "CMake could not configure the build" "the lines above name what it lacks (full log: $log)"
  }
  local targets=() target
  for target in "$@"; do targets+=(--target "$target"); done
  [ -f "$ak_build/.built" ] || echo "building (a few minutes the first time)"
  if ! cmake --build "$ak_build" "${targets[@]}" >"$log" 2>&1; then
    grep -m 20 -E 'error|FAILED' "$log" >&2
    ak_fail "the build failed" "full log: $log"
  fi
  touch "$ak_build/.built"
}
