#!/usr/bin/env bash
# Uses the library as its users do, outside the tree: from an install prefix in C++ and in C (find_package, then pkg-config),
# with add_subdirectory, as a shared library, and without the LLM client. Arguments: the source and the build folder. With
# AK_TEST_ALL=1 what takes minutes too: add_subdirectory, the shared library and the one without an LLM are configured, built and
# installed as a user would.
# Ends with "N passed, N failed".
set -u
source=$1 build=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../setup.sh"
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

# The support kernels take nvcc minutes; those of the build are of the same sources.
toolkit=(-DAK_SUPPORT_FATBIN="$build/support.fatbin")

build_project() { # project, target, options...
  local project=$1 target=$2 out=$work/$1
  shift 2
  rm -rf "$out" && cp -r "$here/$project" "$out" &&
    cmake -S "$out" -B "$out/build" -G Ninja -DCMAKE_BUILD_TYPE=Release "${ak_launchers[@]}" "$@" &&
    cmake --build "$out/build" --target "$target"
}

build_and_run() { # project, options...
  local project=$1
  shift
  build_project "$project" consumer "$@" && "$work/$project/build/consumer"
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

readme_lines_of_c() {
  awk '/^```c$/ { on = 1; next } /^```/ { if (on) exit } on' "$source/README.md" >"$work/readme.lines"
  [ -s "$work/readme.lines" ] || return 1
  {
    echo '#include <ak/ak.h>'
    echo '#include <stdio.h>'
    echo 'void layer(ak_stream stream, long tokens, long in, long out, void *x_data, void *w_data, void *bias, void *y_data) {'
    cat "$work/readme.lines"
    echo '}'
  } >"$work/readme.c"
  gcc -std=c99 -Wall -Wextra -Werror -I"$source/include" -fsyntax-only "$work/readme.c"
}

# What a Release build makes for others to ship.
small_when_stripped() { # program
  local bytes
  strip -o "$work/stripped" "$1" && bytes=$(stat -c %s "$work/stripped") || return 1
  [ "$bytes" -le 7000000 ] || { echo "$1 has $bytes bytes when stripped, more than 7 MB"; return 1; }
}

# The files of `build` that ctest built: every object is compiled once, so these cost a link.
exports_only_ours() { # library
  local foreign
  foreign=$(nm -D --defined-only "$1" | awk '{ print $3 }' | grep -vE '^(ak_[a-zA-Z_]+|_ZNK?2ak[0-9].*|_ZT[ISV]N2ak5ErrorE)$')
  [ -z "$foreign" ] || { echo "$1 exports what is not ours:"; echo "$foreign"; return 1; }
  [ "$(nm -D --defined-only "$1" | grep -cE ' ak_(context_create|matmul_act|cublasGemmEx)$')" = 3 ]
}

with_shared() { # library, compiler, file, options...
  local library=$1 compiler=$2 file=$3
  shift 3
  "$compiler" "$@" -I"$source/include" "$here/$file" "$library" -Wl,-rpath,"$(dirname "$library")" -o "$work/with_shared" && "$work/with_shared"
}

# The worker's own driver is the fake one too. A program without a worker searches and says so, which is no success here.
searches_with_worker() { # program
  LD_LIBRARY_PATH=$build/tests/fake "$1" && ! LD_LIBRARY_PATH=$build/tests/fake AK_WORKER=/nowhere "$1"
}

doctor_names_worker() { # prefix
  "$1/bin/ak" doctor --json | grep -A 2 '"what": "worker"' | grep -F "\"$1/libexec/ak/ak-worker\""
}

# Beside an installed library, wherever the installation was moved.
static_finds_worker() { # prefix, where the program goes
  local flags
  flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$1" -name autokernel.pc)") pkg-config --cflags --libs autokernel) || return 1
  # shellcheck disable=SC2086
  g++ -std=c++17 "$here/worker/main.cpp" $flags -o "$2" && searches_with_worker "$2"
}
shared_finds_worker() { # library
  g++ -std=c++17 -I"$source/include" "$here/worker/main.cpp" "$1" -Wl,-rpath,"$(dirname "$1")" -o "$work/with_worker" &&
    searches_with_worker "$work/with_worker"
}
moved_shared_finds_worker() {
  mkdir -p "$work/moved/lib" && cp "$build/tests/libak_shared.so" "$work/moved/lib" &&
    cp -r "$work/prefix/libexec" "$work/moved" && shared_finds_worker "$work/moved/lib/libak_shared.so"
}

needs_no_curl() { # library or program
  ! readelf -d "$1" | grep NEEDED | grep curl
}

# Nothing in the pkg-config file or the package of a library without an LLM asks for curl.
asks_for_no_curl() { # prefix
  ! grep -r -e curl -e 'if(ON)' "$(dirname "$(find "$1" -name autokernel.pc)")" "$1"/lib*/cmake 2>/dev/null
}

# Configured only: what is compiled is every source, wherever the checkout lies.
has_all_sources() { # folder
  mkdir -p "$1" && cp -r "$source"/{CMakeLists.txt,LICENSE,cache,include,kernels,src} "$1" &&
    cmake -S "$1" -B "$1/build" -G Ninja "${ak_launchers[@]}" "${toolkit[@]}" -DCMAKE_UNITY_BUILD=OFF -DAK_BUILD_TESTS=OFF \
          -DAK_BUILD_EXAMPLES=OFF || return 1
  sed -n "s|^ *\"file\": \"$1/\(.*\.cpp\)\".*|\1|p" "$1/build/compile_commands.json" | grep -v '^build/' | sort -u >"$work/compiled"
  (cd "$1" && find src cache -name '*.cpp') | grep -vx 'src/search/no_llm.cpp' | sort | diff - "$work/compiled"
}

# Built and installed for real.
variant() { # name, options...
  local name=$1
  shift
  cmake -S "$source" -B "$work/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release "${ak_launchers[@]}" "${toolkit[@]}" -DAK_BUILD_TESTS=OFF \
    -DAK_BUILD_EXAMPLES=OFF -DCMAKE_INSTALL_PREFIX="$work/$name-prefix" "$@" && cmake --build "$work/$name" &&
    cmake --install "$work/$name"
}

check "install" cmake --install "$build" --prefix "$work/prefix"
check "C++ through find_package" build_and_run cpp -DCMAKE_PREFIX_PATH="$work/prefix"
check "C alone through find_package" build_and_run c -DCMAKE_PREFIX_PATH="$work/prefix"
check "C++17 through pkg-config" with_pkg_config g++ cpp/main.cpp -std=c++17 -Wall -Wextra -pedantic -Werror
check "C99 through pkg-config" with_pkg_config gcc c/main.c -std=c99 -Wall -Wextra -pedantic -Werror
check "the README's example compiles and links" readme_example
check "the README's lines of C compile" readme_lines_of_c
case $(sed -n 's/^CMAKE_BUILD_TYPE:[^=]*=//p' "$build/CMakeCache.txt") in
  '' | Release)
    check "the tool is small" small_when_stripped "$work/prefix/bin/ak"
    check "the README's example, linked statically, is small" small_when_stripped "$work/readme"
    ;;
esac
check "the installed tool names the installed worker" doctor_names_worker "$work/prefix"
check "a program beside an installation uses its worker" static_finds_worker "$work/prefix" "$work/prefix/bin/with_worker"
check "an installed shared library uses the installed worker" moved_shared_finds_worker
check "add_subdirectory, and a call is compiled" build_project subdirectory call -DAK_SOURCE_DIR="$source" "${toolkit[@]}"
check "a checkout below a folder src/cli has all its sources" has_all_sources "$work/src/cli/ak"
check "one below a folder with spaces too" has_all_sources "$work/a checkout/ak"
check "a shared library exports ak's symbols alone" exports_only_ours "$build/tests/libak_shared.so"
check "C++17 with the shared library; an error crosses its border" with_shared "$build/tests/libak_shared.so" g++ cpp/main.cpp -std=c++17
check "C99 with the shared library" with_shared "$build/tests/libak_shared.so" gcc c/main.c -std=c99
check "without an LLM there is no curl" needs_no_curl "$build/tests/libak_shared_no_llm.so"
check "without an LLM one that is configured is refused, naming AK_WITH_LLM" \
  with_shared "$build/tests/libak_shared_no_llm.so" g++ no_llm/main.cpp -std=c++17
if [ "${AK_TEST_ALL:-}" = 1 ]; then
  check "add_subdirectory" build_and_run subdirectory -DAK_SOURCE_DIR="$source" "${toolkit[@]}"
  check "BUILD_SHARED_LIBS=ON" variant shared -DBUILD_SHARED_LIBS=ON
  check "it exports ak's symbols alone" exports_only_ours "$(find "$work/shared-prefix" -name 'libak.so')"
  check "C++ through find_package, shared" build_and_run cpp -DCMAKE_PREFIX_PATH="$work/shared-prefix"
  check "C alone through find_package, shared" build_and_run c -DCMAKE_PREFIX_PATH="$work/shared-prefix"
  check "the tool of a shared build" "$work/shared-prefix/bin/ak" --version
  check "its tool names its worker" doctor_names_worker "$work/shared-prefix"
  check "its library uses its worker" shared_finds_worker "$(find "$work/shared-prefix" -name 'libak.so')"
  check "AK_WITH_LLM=OFF" variant no_llm -DAK_WITH_LLM=OFF
  check "nothing in it asks for curl" asks_for_no_curl "$work/no_llm-prefix"
  check "its tool needs no curl" needs_no_curl "$work/no_llm-prefix/bin/ak"
  check "a program elsewhere uses the worker of the prefix that was configured" \
    static_finds_worker "$work/no_llm-prefix" "$work/with_configured_worker"
  check "C++ through find_package, without an LLM" build_and_run cpp -DCMAKE_PREFIX_PATH="$work/no_llm-prefix"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
