#!/usr/bin/env bash
# Uses the library as its users do, outside the tree: from an install prefix in C++ and in C (find_package, then pkg-config),
# and with add_subdirectory. Arguments: the source and the build folder. Ends with "N passed, N failed".
set -u
source=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # name, command...
  local name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1))
    echo "ok: $name"
  else
    failed=$((failed + 1))
    echo "ERROR: $name"
    tail -n 30 "$work/log"
  fi
}

launchers=()
command -v ccache >/dev/null && launchers=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

build_and_run() { # project, options...
  local project=$1 out=$work/$1-$RANDOM
  shift
  cp -r "$here/$project" "$out" &&
    cmake -S "$out" -B "$out/build" -G Ninja -DCMAKE_BUILD_TYPE=Release "${launchers[@]}" "$@" &&
    cmake --build "$out/build" --target consumer && "$out/build/consumer"
}

with_pkg_config() { # compiler, file, options...
  local compiler=$1 file=$2
  shift 2
  local flags
  flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name autokernel.pc)") pkg-config --cflags --libs autokernel) || return 1
  # shellcheck disable=SC2086
  "$compiler" "$@" "$here/$file" $flags -o "$work/with_pkg_config" && "$work/with_pkg_config"
}

readme_example() {
  awk '/^```cpp/ { on = 1; next } /^```/ { if (on) exit } on' "$source/README.md" >"$work/readme.cpp"
  local cuda flags
  cuda=$(sed -n 's/^CUDAToolkit_NVCC_EXECUTABLE[^=]*=\(.*\)\/bin\/nvcc$/\1/p' "$build/CMakeCache.txt")
  flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name autokernel.pc)") pkg-config --cflags --libs autokernel) || return 1
  # shellcheck disable=SC2086
  [ -s "$work/readme.cpp" ] && g++ -std=c++17 -Wall -Wextra -Werror -I"$cuda/include" "$work/readme.cpp" $flags -L"$cuda/lib64" -lcudart_static -lrt -o "$work/readme"
}

check "install" cmake --install "$build" --prefix "$work/prefix"
check "C++ through find_package" build_and_run cpp -DCMAKE_PREFIX_PATH="$work/prefix"
check "C alone through find_package" build_and_run c -DCMAKE_PREFIX_PATH="$work/prefix"
check "C++17 through pkg-config" with_pkg_config g++ cpp/main.cpp -std=c++17 -Wall -Wextra -pedantic -Werror
check "C99 through pkg-config" with_pkg_config gcc c/main.c -std=c99 -Wall -Wextra -pedantic -Werror
check "the README's example compiles and links" readme_example
check "add_subdirectory" build_and_run subdirectory -DAK_SOURCE_DIR="$source"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
