#!/usr/bin/env bash
# Builds everything and runs every test that needs no GPU: unit, compile (real NVRTC cubins), replay (recorded searches), the
# command line, and consumers outside the tree. Installs Debian packages that are missing. Ends with "N passed, N failed".
# --all: then what takes longer too: the variants of the build, the sanitizers (sanitize/run.sh), a minute of the fuzz targets
# (fuzz/run.sh), what src/ADDING.md says (toys/run.sh). The programs for a GPU are then compiled, not run.
set -u
all= timeout=400
case ${1:-} in
  '') ;;
  --all) all=1 timeout=1800 ;;
  *) echo "usage: $0 [--all]" >&2; exit 2 ;;
esac
. "$(dirname "$0")/setup.sh"
ak_build_targets ${all:+all gpu_programs}
ak_forget_settings
ak_own_cache
export AK_TEST_ALL=$all

log=$ak_build/tests.log
# One more than cores: unit and driver mostly wait, for processes and deadlines.
ctest --test-dir "$ak_build" --verbose --parallel "$(($(nproc) + 1))" --timeout "$timeout" >"$log" 2>&1
status=$?

# Every program counts its own cases: doctest's summary, or "N passed, N failed" of a script.
read -r passed failed < <(sed -E 's/^[0-9]+: //' "$log" | awk '
  /^\[doctest\] test cases:/ { split($0, part, "|"); split(part[2], p, " "); split(part[3], f, " "); passed += p[1]; failed += f[1] }
  /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
  END { print passed + 0, failed + 0 }')
if [ "$status" -ne 0 ]; then
  grep -E '(ERROR|FAILED|\*\*\*|error:)' -A 6 "$log" | head -n 200
  echo "full log: $log"
  # A program that crashed or ran past its time printed no summary.
  [ "$failed" -gt 0 ] || failed=$(grep -cE '\*\*\*(Failed|Timeout|Exception|Not Run)' "$log")
  [ "$failed" -gt 0 ] || failed=1
fi
if [ "$all" ]; then
  for kind in asan tsan; do
    "$ak_root"/tests/sanitize/run.sh "$kind" "$ak_build" && passed=$((passed + 1)) || failed=$((failed + 1))
  done
  "$ak_root"/tests/fuzz/run.sh 60 && passed=$((passed + 1)) || failed=$((failed + 1))
  "$ak_root"/tests/toys/run.sh "$ak_build" && passed=$((passed + 1)) || failed=$((failed + 1))
fi
[ "$passed" -gt 0 ] || { failed=$((failed + 1)); echo "no test ran (full log: $log)"; }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
