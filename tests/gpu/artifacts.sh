#!/usr/bin/env bash
# What `ak port --out DIR` wrote, built with nvcc alone and run on this machine's GPU: of each function the test, with equal bits
# where nothing is computed in another order, and the benchmark. Exit code 1 when a test fails, 3 without a GPU.
#
#   tests/gpu/artifacts.sh [--build] [DIR]
#
# Without DIR: the three functions of tests/loops/test_artifacts.cpp, in artifacts/ of the build. --build: builds and stops; where
# a program is there, it is not built again, so that it can be run on a machine without nvcc.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build_only=
[ "${1:-}" = --build ] && build_only=yes && shift
[ $# -le 1 ] || { sed -n '2,8p' "$0"; exit 2; }
. "$here/../setup.sh"

folder=${1:-}
if [ -z "$folder" ]; then
  ak_build_targets test_loops
  folder=$ak_build/artifacts
  AK_TEST_ARTIFACTS=$folder "$ak_build/tests/test_loops" -tc='artifacts: nvcc*' >/dev/null ||
    ak_fail "the functions were not written" "run $ak_build/tests/test_loops -tc='artifacts*'"
fi

status=0 any=
for source in "$folder"/*/*_test.cu; do
  [ -f "$source" ] || continue
  any=yes
  name=$(basename "$source" _test.cu)
  cd "$(dirname "$source")" || exit 1
  for part in test bench; do
    [ -x "${name}_$part" ] && continue
    [ -n "${ak_cuda:-}" ] || ak_find_toolkit
    flags=()
    # What is built for another machine is not of this one's processor.
    [ $part = bench ] && [ -z "$build_only" ] && flags=(-Xcompiler -march=native)
    "$ak_cuda/bin/nvcc" -O3 -fmad=false -gencode=arch=compute_90a,code=sm_90a "${flags[@]}" \
      -o "${name}_$part" "${name}_$part.cu" "$name.cu" "${name}_c.c" || exit 1
  done
  cd - >/dev/null || exit 1
done
[ -n "$any" ] || ak_fail "there is no ported function in $folder" "name the folder that ak port --out wrote"
[ -n "$build_only" ] && exit 0

[ -e /dev/nvidiactl ] || { echo "no GPU: nothing is run" >&2; exit 3; }
for program in "$folder"/*/*_test; do
  "$program" bits || status=1
  "${program%_test}_bench" || status=1
done
exit $status
