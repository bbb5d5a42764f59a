#!/usr/bin/env bash
# The functions of a C suite that lies elsewhere, ported and timed on a GPU, on a machine that needs no clang:
#
#   tests/gpu/suite.sh prepare DIR FILE LIST   builds and analyses; DIR, with a copy of FILE's folder, can be carried
#   tests/gpu/suite.sh run DIR OUT             needs a GPU, gcc and NVRTC; from the root of a checkout of the same files
#
# LIST has a line for each function, its name and options of `ak port` for it alone: s122 --size n1=1. A line that begins with
# "*" has options of all functions behind it: * --body nl --drop dummy. run takes PORT_SECONDS (5) for each function, and
# begins none after LIMIT (560) seconds; what OUT has is not done again, so that a second run goes on. `ak report OUT` and
# `ak_prove loops OUT` read what it leaves. Exit code 1 where functions are left, 3 without a GPU.
set -u
here=$(cd "$(dirname "$0")" && pwd)

usage() { sed -n '2,12p' "$0"; exit 2; }

# For each group of functions with the same options: COMMAND "OPTIONS" NAME...; those that `done_already` tells are left out.
each_group() { # LIST COMMAND
  local all="" name options before="" names=()
  while read -r name options; do
    case $name in
      '' | '#'*) continue ;;
      '*') all=$options; continue ;;
    esac
    done_already "$name" && continue
    if [ "$all $options" != "$before" ] && [ ${#names[@]} -gt 0 ]; then
      "$2" "$before" "${names[@]}" || return 1
      names=()
    fi
    before="$all $options" names+=("$name")
  done <"$1"
  [ ${#names[@]} -eq 0 ] || "$2" "$before" "${names[@]}"
}

prepare() { # DIR FILE LIST
  . "$here/../setup.sh"
  ak_forget_settings
  ak_own_cache
  ak_build_targets ak_analyse
  "$here/programs.sh" "$1" ak ak-worker || exit
  mkdir -p "$1/analyses" && rm -rf "$1/suite" && cp -r "$(dirname "$2")" "$1/suite" && cp "$3" "$1/list" && cd "$1" || exit 2
  echo "suite/$(basename "$2")" >file
  export LOOP_ANALYSES=$PWD/analyses LOOP_ANALYSER=$ak_build/ak-analyse AK_ANALYSER=$here/repeat_analysis.sh
  done_already() { false; }
  analyse() { # OPTIONS NAME...; a refusal is an answer too
    # shellcheck disable=SC2086
    ./ak port "$(cat file)" "${@:2}" $1 --verdict >>verdicts.txt 2>&1 || true
  }
  : >verdicts.txt
  each_group list analyse
  echo "$(find analyses -type f | wc -l) analyses"
}

run() { # DIR OUT
  [ -e /dev/nvidiactl ] || { echo "no GPU: nothing is run" >&2; exit 3; }
  mkdir -p "$2"
  out=$(cd "$2" && pwd)
  cd "$1" || exit 2
  export LD_LIBRARY_PATH=$PWD/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} AK_WORKER=$PWD/ak-worker
  export LOOP_ANALYSES=$PWD/analyses AK_ANALYSER=$here/repeat_analysis.sh AK_CACHE_DIR=$out/cache
  SECONDS=0
  done_already() { cat "$out"/*/results.json 2>/dev/null | grep -q "\"name\": \"$1\""; }
  port() { # OPTIONS NAME...
    local left=$((${LIMIT:-560} - SECONDS))
    [ "$left" -gt 0 ] || return 1
    # shellcheck disable=SC2086
    timeout "$left" ./ak port "$(cat file)" "${@:2}" $1 --quick --seconds "${PORT_SECONDS:-5}" --out "$out/$(date +%s%N)"
    [ $? -ne 124 ]
  }
  each_group list port
  local status=$?
  rm -rf "$out/cache"
  echo "$(cat "$out"/*/results.json | grep -c '"name": "') functions, $SECONDS s"
  return $status
}

case "${1:-} $#" in
  "prepare 4") prepare "$2" "$3" "$4" ;;
  "run 3") run "$2" "$3" ;;
  *) usage ;;
esac
