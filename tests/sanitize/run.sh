#!/usr/bin/env bash
# tests/sanitize/run.sh asan|tsan [BUILD]: builds test_unit, test_driver and the worker with that preset's sanitizers, in
# build-asan/ or build-tsan/, and runs them. BUILD is another build of these sources, whose support kernels are taken. Ends with
# "N passed, N failed". What the sanitizers say of any process, the worker's too, is printed, and a failure.
set -u
kind=${1:?asan or tsan}
. "$(dirname "$0")/../setup.sh"
ak_install_packages
ak_find_toolkit
build=$ak_root/build-$kind
log=$build/setup.log
mkdir -p "$build"
options=(-DCUDAToolkit_ROOT="$ak_cuda" -DAK_SUPPORT_FATBIN="${2:+$(cd "$2" && pwd)/support.fatbin}")
cd "$ak_root" || exit 3
if ! { cmake --preset "$kind" "${options[@]}" "${ak_launchers[@]}" && cmake --build "$build" --target test_unit test_driver; } >"$log" 2>&1; then
  grep -m 20 -E 'error|Error|FAILED' "$log" >&2
  ak_fail "the tests do not build with the preset $kind" "full log: $log"
fi

ak_forget_settings
ak_own_cache
# The worker's standard error is nobody's, so reports go to files.
rm -f "$build"/report.*
report=log_path=$build/report
export ASAN_OPTIONS=$report:protect_shadow_gap=0:detect_leaks=1 UBSAN_OPTIONS=$report:print_stacktrace=1 TSAN_OPTIONS=$report
# The pins go through millions of source texts, one after the other on one thread: minutes, and nothing new.
passed=0 failed=0
for tier in unit driver; do
  if timeout 600 "$build/tests/test_$tier" -tce='pin*' >"$build/$tier.log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    grep -E '(ERROR|FAILED|runtime error)' -A 6 "$build/$tier.log" | head -n 100
  fi
  grep '^\[doctest\] test cases:' "$build/$tier.log"
done
for report in "$build"/report.*; do
  [ -f "$report" ] || continue
  failed=$((failed + 1))
  head -n 60 "$report"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
