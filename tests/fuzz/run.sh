#!/usr/bin/env bash
# tests/fuzz/run.sh SECONDS: builds the fuzz targets with clang, in build-fuzz/, and runs each from its corpus, so many seconds in
# all. Ends with "N targets, N findings". What a target found lies in build-fuzz/findings/, ready to be run again:
# build-fuzz/tests/fuzz/fuzz_NAME FILE.
set -u
seconds=${1:-60}
. "$(dirname "$0")/../setup.sh"
ak_packages+=(clang)
ak_install_packages
if command -v dpkg-query >/dev/null; then  # libFuzzer is a package of its own, which clang only recommends
  ak_packages+=("libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev")
  ak_install_packages
fi
ak_find_toolkit
build=${AK_FUZZ_BUILD_DIR:-$ak_root/build-fuzz}
log=$build/setup.log
mkdir -p "$build/findings"
options=(-DCUDAToolkit_ROOT="$ak_cuda" -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=None
         -DAK_BUILD_FUZZERS=ON -DAK_BUILD_TOOL=OFF -DAK_BUILD_TESTS=OFF -DAK_BUILD_EXAMPLES=OFF -DAK_INSTALL=OFF)
if ! { cmake -S "$ak_root" -B "$build" -G Ninja "${options[@]}" "${ak_launchers[@]}" && cmake --build "$build" --target fuzzers; } >"$log" 2>&1; then
  grep -m 20 -E 'error|Error|FAILED' "$log" >&2
  ak_fail "the fuzz targets do not build" "full log: $log"
fi

targets=("$build"/tests/fuzz/fuzz_*)
each=$((seconds / ${#targets[@]}))
[ "$each" -gt 0 ] || each=1
findings=0
for target in "${targets[@]}"; do
  name=${target##*/fuzz_}
  mkdir -p "$build/corpus/$name"
  # New inputs go to the build folder's corpus; the tree's is read.
  if ! nice "$target" -max_total_time="$each" -timeout=10 -max_len=8192 -artifact_prefix="$build/findings/$name-" \
       "$build/corpus/$name" "$ak_root/tests/fuzz/corpus/$name" >"$build/$name.log" 2>&1; then
    findings=$((findings + 1))
    grep -m 8 -E 'ERROR|runtime error|not so:|SUMMARY|Test unit written' "$build/$name.log"
  fi
done
echo "${#targets[@]} targets, $findings findings"
[ "$findings" -eq 0 ]
