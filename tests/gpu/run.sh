#!/usr/bin/env bash
# The proof on this machine's GPU: every family's correctness, planted wrong kernels, compute-sanitizer, and the benchmark against
# cuBLASLt; merged into tests/gpu/record.json. A killed run continues with --resume. It ends with the table that the record makes,
# which also goes into gpu/README.md, its summary into the README.
#
#   tests/gpu/run.sh [--family F] [--rows ROWS] [--activations LIST] [--seconds S] [--only STEPS] [--resume]
#
# ROWS: all (the default), or a list of classes of tests/bench/*.csv and of row numbers, counted from 0 through suite.csv, f16.csv
# and epilogues.csv: 0-9,gated. S: no row of the benchmark is begun later than this; --resume does the rest. STEPS: any of
# correctness,planted,sanitize,bench, or record, which needs no GPU: it only merges what a run left. AK_PROVE names a built ak_prove
# to use instead of building one. Without a GPU it exits with 3 and leaves everything as it was.
set -u
here=$(cd "$(dirname "$0")" && pwd)
rows=all activations=relu,leaky_relu,silu,gelu_tanh seconds=100000 only=correctness,planted,sanitize,bench
resume=() family=()
while [ $# -gt 0 ]; do
  case $1 in
    --family) family=(--family "$2"); shift 2 ;;
    --rows) rows=$2; shift 2 ;;
    --activations) activations=$2; shift 2 ;;
    --seconds) seconds=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --resume) resume=(--resume); shift ;;
    *) sed -n '2,11p' "$0"; exit 2 ;;
  esac
done

runs=
for name in ${only//,/ }; do
  case $name in
    correctness | planted | sanitize | bench) runs=yes ;;
    record) ;;
    *) echo "--only $name: no such step" >&2; exit 2 ;;
  esac
done

prove=${AK_PROVE:-}
if [ -z "$prove" ]; then
  . "$here/../setup.sh"
  ak_build_targets ak_prove
  prove=$ak_build/tests/ak_prove
fi
progress=${AK_PROGRESS:-$(dirname "$prove")/proof.jsonl}
if [ -n "$runs" ]; then
  "$prove" gpu || exit $?
  [ ${#resume[@]} -gt 0 ] || rm -f "$progress"
fi

status=0
step() { # NAME ARGUMENT...
  case ,$only, in *",$1,"*) ;; *) return ;; esac
  "$prove" "$@" --progress "$progress" --resume || status=1
}
step correctness "${family[@]}"
# A fault loses the GPU context of a process; what it left is done by the next one.
[ "$status" = 0 ] || step correctness "${family[@]}"
step planted
if command -v compute-sanitizer >/dev/null; then
  step sanitize "${family[@]}"
else
  case ,$only, in *,sanitize,*) echo "compute-sanitizer is not on PATH: that part is not run"; status=1 ;; esac
fi
suites=()
for name in suite f16 epilogues; do suites+=(--suite "$here/../bench/$name.csv"); done
step bench "${suites[@]}" --rows "$rows" --activations "$activations" --seconds "$seconds"
"$prove" record --progress "$progress" "$here/record.json" || status=1
"$prove" pack "$here/record.json" "$here/../../cache/shipped/h200.pack" || status=1
"$prove" table --classes --into "$here/README.md" --summary-into "$here/../../README.md" "$here/record.json" || status=1
exit $status
