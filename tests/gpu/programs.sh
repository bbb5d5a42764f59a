#!/usr/bin/env bash
# Programs for a GPU, built here and copied into DIR without their symbols, with the libraries that they need beside CUDA's: DIR can be
# carried to a machine that has a GPU and nothing to build with. Run them there with LD_LIBRARY_PATH=DIR/lib AK_WORKER=DIR/ak-worker.
#
#   tests/gpu/programs.sh DIR [PROGRAM...]   as they are named in the build folder; tests/test_gpu, say. Without any: all
set -u
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { sed -n '2,5p' "$0"; exit 2; }
mkdir -p "$1/lib" && dir=$(cd "$1" && pwd) || exit 2
shift
[ $# -gt 0 ] || set -- ak ak-worker tests/{ak_prove,test_gpu,ak_latency,ak_loop_latency} examples/{engine,loops}
. "$here/../setup.sh"
ak_build_targets "$@"
for program in "$@"; do
  strip -o "$dir/$(basename "$program")" "$ak_build/$program" || exit 2
  ldd "$ak_build/$program" | sed -n 's/.* => \(\/.*\) (.*/\1/p' | grep -E '/lib(fmt|simdjson|lmdb|zstd|xxhash)\.' | xargs -r cp -Lt "$dir/lib"
done
