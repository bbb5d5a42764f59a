#!/usr/bin/env bash
# What only a GPU shows of loops, in one run of minutes on a machine that needs no clang, of what was built elsewhere:
#
#   tests/gpu/loops.sh prepare DIR      builds and analyses; needs all that a build does, and nvcc. DIR can be carried (some 30 MB);
#                                       one that an earlier run of the same sources left is finished
#   tests/gpu/loops.sh run DIR OUT      needs a GPU, nvcc, gcc and compute-sanitizer; from the root of a checkout of the same files
#   tests/gpu/loops.sh summary OUT      what the run says, as Markdown; needs nothing
#   tests/gpu/loops.sh classes          the loops of `sanitize`
#
# Parts of run, any of which PARTS names (default: all): faults: the planted kernels, OUT/faults.json. by_hand: kernels that `ak port`
# makes and times here beside hand-written ones, OUT/by_hand.csv. sanitize: a proven kernel of each class, the test that `ak port --out`
# left, under memcheck and racecheck, OUT/sanitize.csv. Exit code 1 where something is not as it must be, 3 without a GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
arch=(-gencode=arch=compute_90a,code=sm_90a)
sizes=(32000 1000000)  # what kernels are tuned for; the last ones serve 16 M too
by_hand=(smooth:examples/filters.c running_sum:examples/filters.c position_of_largest:tests/loops/position_of_largest.c
         histogram:tests/loops/histogram.c)
# CLASS:FUNCTION of tests/loops, a class for each template, and for each thing that it can do.
classes=(map:apply_window distribution:mirror_in_place expansion:difference_to_previous goto:clip_by_goto reroll:dot_by_fives
         convolution:fir_filter reorder:lagged_sum_then_pull snapshot:divide_by_last overwrites:two_writes_later_wins
         reduction:sum_in_double argmax:position_of_largest scan:suffix_sum recurrence:exponential_smoothing second_order:two_pole_filter chains:even_distances
         compaction:keep_positive exit:first_negative scatter:scatter_plain histogram:histogram wavefront:common_subsequence
         lines:shift_down_left rounds:heat_in_time sequential:product_of_last_two serial:biquad_in_place)

usage() { sed -n '2,13p' "$0"; exit 2; }
fail() { echo "error: $1" >&2; exit 2; }

port() { # AK ARGUMENT...; in the checkout's root, so that its files have the same names everywhere
  (cd "$root" && AK_ANALYSER=$here/repeat_analysis.sh "$@")
}

prepare() {
  . "$root/tests/setup.sh"
  ak_forget_settings
  ak_own_cache
  ak_build_targets ak_analyse
  "$here/programs.sh" "$1" ak ak-worker tests/ak_prove || exit
  local nvcc=$ak_cuda/bin/nvcc entry name status=0
  mkdir -p "$1/analyses" "$1/classes" && cd "$1" || exit 2
  local dir=$PWD
  AK_WORKER=$ak_build/ak-worker ./ak_prove loop-faults planted.bin --planted "$root/tests/loops/planted" --prepare || exit 1

  export LOOP_ANALYSES=$dir/analyses LOOP_ANALYSER=$ak_build/ak-analyse AK_WORKER=$ak_build/ak-worker
  for entry in "${classes[@]}"; do
    name=${entry#*:}
    [ -x "classes/$name/${name}_test" ] && continue
    port "$dir/ak" port "tests/loops/$name.c" "$name" --quick --seconds 60 --out "$dir/classes" || fail "$name is not ported"
    (cd "classes/$name" && "$nvcc" -O3 -fmad=false "${arch[@]}" -o "${name}_test" "${name}_test.cu" "$name.cu" "${name}_c.c" \
      2>nvcc.log && strip "${name}_test" && rm nvcc.log) || status=1
  done
  for entry in "${by_hand[@]}"; do
    for n in "${sizes[@]}"; do
      [ -d "ours/$n/${entry%:*}/${entry%:*}" ] ||
      port "$dir/ak" port "${entry#*:}" "${entry%:*}" --size "n=$n" --quick --seconds 60 --out "$dir/ours/$n/${entry%:*}" >/dev/null ||
        fail "${entry%:*} is not ported"
    done
  done
  "$nvcc" -O3 -std=c++17 "${arch[@]}" -c -o by_hand.o "$root/tests/bench/by_hand/by_hand.cu" || status=1
  link_ours ours "$nvcc" || status=1
  du -sh "$dir"
  return $status
}

# FOLDER NVCC: FOLDER/SIZE/by_hand of what `ak port` left in FOLDER/SIZE/NAME. by_hand.o is in the working folder.
link_ours() {
  local n entry name files waiting=()
  for n in "${sizes[@]}"; do
    for entry in "${by_hand[@]}"; do
      name=${entry%:*} files=$1/$n/$name/$name/$name
      [ -f "$files.cu" ] || return 1
      "$2" -O3 -fmad=false "${arch[@]}" -c -o "$1/$n/$name.o" "$files.cu" 2>/dev/null &
      waiting+=($!)
      gcc -O2 -ffp-contract=off -c -o "$1/$n/${name}_c.o" "${files}_c.c" || return 1
    done
  done
  for entry in "${waiting[@]}"; do wait "$entry" || return 1; done
  for n in "${sizes[@]}"; do
    "$2" "${arch[@]}" -o "$1/$n/by_hand" by_hand.o "$1/$n"/*.o || return 1
    strip "$1/$n/by_hand"
  done
}

run_faults() { # OUT
  ./ak_prove loop-faults planted.bin --planted "$root/tests/loops/planted" --record "$1/faults.json" | tee "$1/faults.txt"
  return "${PIPESTATUS[0]}"
}

run_by_hand() { # OUT
  local entry n from=here ours=$1/ours status=0
  export LOOP_ANALYSES=$PWD/analyses
  for entry in "${by_hand[@]}"; do
    for n in "${sizes[@]}"; do
      port timeout 40 "$PWD/ak" port "${entry#*:}" "${entry%:*}" --size "n=$n" --seconds 10 --out "$ours/$n/${entry%:*}"
    done
  done 2>&1 | tee "$1/ports.txt"
  # Where they cannot be made here: as they were made without a GPU, which chooses nothing.
  link_ours "$ours" nvcc || { from=untimed ours=ours; echo "what was made here does not link: untimed kernels are taken" >&2; }
  timeout 60 "$ours/${sizes[0]}/by_hand" $from 32000 >"$1/by_hand.csv" || status=1
  timeout 90 "$ours/${sizes[1]}/by_hand" $from 1000000 16000000 | tail -n +2 >>"$1/by_hand.csv"
  [ "${PIPESTATUS[0]}" = 0 ] || status=1
  cat "$1/by_hand.csv"
  return $status
}

sanitize_one() { # CLASS:FUNCTION TOOL; a line of CSV
  local name=${1#*:} log code
  log=$(timeout 100 compute-sanitizer --tool "$2" --error-exitcode 9 "classes/$name/${name}_test" 2>&1)
  code=$?
  printf '%s,%s,%s,%s,%s,"%s"\n' "${1%:*}" "$name" "$(sed -n '1s/^.*: //p' "classes/$name/$name.cu")" "$2" \
    "$([ $code = 0 ] && echo clean || { [ $code = 124 ] && echo "not ended" || echo "exit code $code"; })" \
    "$(printf '%s' "$log" | grep -E 'SUMMARY|right|wrong' | head -n 2 | tr '"\n' "' ")"
}

run_sanitize() { # OUT
  export -f sanitize_one
  command -v compute-sanitizer >/dev/null || fail "compute-sanitizer is not on PATH"
  echo "class,function,tactic,tool,result,says" >"$1/sanitize.csv"
  for entry in "${classes[@]}"; do printf '%s memcheck\n%s racecheck\n' "$entry" "$entry"; done |
    xargs -P 12 -L 1 bash -c 'sanitize_one "$@"' _ >>"$1/sanitize.csv"
  cat "$1/sanitize.csv"
  [ "$(grep -c ',clean,' "$1/sanitize.csv")" = $((2 * ${#classes[@]})) ]
}

run() { # DIR OUT
  [ -e /dev/nvidiactl ] || { echo "no GPU: nothing is run" >&2; exit 3; }
  mkdir -p "$2"
  local out part status=0
  out=$(cd "$2" && pwd)
  cd "$1" || exit 2
  export LD_LIBRARY_PATH=$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} AK_WORKER=$PWD/ak-worker AK_CACHE_DIR=$out/cache
  export PATH=$PATH:/usr/local/cuda/bin
  for part in ${PARTS:-faults by_hand sanitize}; do
    SECONDS=0
    "run_$part" "$out" || { status=1; echo "$part: not as it must be" >&2; }
    echo "--- $part: $SECONDS s"
  done
  rm -rf "$out/cache"
  return $status
}

summary() { # OUT
  if [ -f "$1/faults.txt" ]; then
    echo "Planted kernels: $(cat "$1/faults.txt"). A race, and shared memory that is read unset, need not show on a GPU."
  fi
  if [ -f "$1/sanitize.csv" ]; then
    local all clean
    all=$(tail -n +2 "$1/sanitize.csv" | wc -l) clean=$(grep -c ',clean,' "$1/sanitize.csv")
    echo "compute-sanitizer (memcheck, racecheck) on a proven kernel of each class: $clean of $all runs clean."
    tail -n +2 "$1/sanitize.csv" | grep -v ',clean,'
  fi
  [ -f "$1/by_hand.csv" ] || return 0
  echo
  echo "| loop | elements | by hand, us | \`ak port\`, us | by hand over ours |"
  echo "|---|---|---|---|---|"
  tail -n +2 "$1/by_hand.csv" | awk -F, '{ printf "| %s | %s | %.2f | %.2f | %.2fx%s |\n", $1, $2, $4, $5, $6,
    ($7 == "yes" && $8 == "yes") ? "" : " (a result is wrong)" }'
}

case "${1:-} $#" in
  "prepare 2") prepare "$2" ;;
  "run 3") run "$2" "$3" ;;
  "summary 2") summary "$2" ;;
  "classes 1") printf '%s\n' "${classes[@]}" ;;
  *) usage ;;
esac
