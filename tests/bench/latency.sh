#!/usr/bin/env bash
# Calls of ten suite problems on this machine's GPU, each in a process of its own: a first call that searches and a second one, then
# a first call that the shipped pack serves. The caches, NVRTC's on disk too, are empty before each first call. CSV on stdout; on stderr
# what each question to the driver costs that a hot call may ask. AK_LATENCY names a built ak_latency to use instead of building one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../setup.sh"
latency=${AK_LATENCY:-}
if [ -z "$latency" ]; then
  ak_build_targets ak_latency
  latency=$ak_build/tests/ak_latency
fi
ak_forget_settings
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "m,n,k,activation,served,first_s,trials,compiles,hot_us,bare_us,tactic,plan_us,moving_us,turn_us,turn_plan_us"
"$latency" driver >&2
row=0
while read -r m n k; do
  row=$((row + 1))
  for shipped in 0 1; do
    export HOME=$work/home$row.$shipped AK_CACHE_DIR=$work/cache$row.$shipped AK_SHIPPED=$shipped
    mkdir -p "$HOME"
    "$latency" "$m" "$n" "$k"
    [ $shipped = 1 ] || "$latency" "$m" "$n" "$k"
  done
done <<'ROWS'
16 4096 14336
1 6144 4096
16 4096 4096
64 4096 4096
128 14336 4096
512 512 512
2048 768 768
768 4096 4096
4096 4096 4096
4096 4097 4097
ROWS
