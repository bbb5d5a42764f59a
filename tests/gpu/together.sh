#!/usr/bin/env bash
# Twelve processes that ask for one problem at once, on an empty cache: one searches, all get its winner, and a process alone finds
# that one too or one as fast. Arguments are those of `ak tune`: M N K [OPTION...]; 4096 4096 4096 --act relu without any.
# AK_TOOL names a built ak to use instead of building one; with AK_RECORDING all runs on recorded times. Without a GPU and that it
# says so and exits with 3. Ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../setup.sh"
processes=12
within=2 # percent, by which two searches' winners may differ
[ $# -gt 0 ] || set -- 4096 4096 4096 --act relu

ak=${AK_TOOL:-}
if [ -z "$ak" ]; then
  ak_build_targets ak_tool
  ak=$ak_build/ak
fi
recording=${AK_RECORDING:-}
ak_forget_settings
export AK_SHIPPED=0 AK_LOG=info # whose own pack would spare the search
if [ -n "$recording" ]; then
  export AK_RECORDING=$recording AK_BUDGET_S=20 # for a few cores
elif ! "$ak" doctor --json 2>/dev/null | grep -A 1 '"what": "GPU"' | grep -q '"ok"'; then
  echo "no GPU here, nothing is tuned: \`ak doctor\` says why" >&2
  exit 3
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

check() { # name, whether, what was found
  if [ "$2" = yes ]; then
    passed=$((passed + 1))
    echo "ok: $1: $3"
  else
    failed=$((failed + 1))
    echo "ERROR: $1: $3"
  fi
}
yes_if() { # condition...
  if "$@"; then echo yes; else echo no; fi
}
value() { # key, file...: of the JSON objects
  local key=$1
  shift
  sed -n "s/^  \"$key\": \"\{0,1\}\(.*[^\",]\)\"\{0,1\},\{0,1\}\$/\1/p" "$@"
}
tune() { # cache, name
  AK_CACHE_DIR=$work/$1 "$ak" tune "${@:3}" --json >"$work/$2.json" 2>"$work/$2.log"
}

children=() ended=0
for ((i = 0; i < processes; i++)); do
  tune shared "shared$i" "$@" &
  children+=($!)
done
for child in "${children[@]}"; do wait "$child" && ended=$((ended + 1)); done
check "all end well" "$(yes_if [ "$ended" = "$processes" ])" "$ended of $processes"
[ "$ended" = "$processes" ] || tail -n 3 "$work"/shared*.log

searches=$(grep -l 'no record; searching' "$work"/shared*.log | wc -l)
check "one search" "$(yes_if [ "$searches" = 1 ])" "$searches"
winners=$(value served_by "$work"/shared*.json | sort | uniq -c | sort -rn)
check "one winner" "$(yes_if [ "$(wc -l <<<"$winners")" = 1 ])" "$(sed 's/^ *//' <<<"$winners" | paste -sd ';')"

tune alone alone "$@"
check "a process alone searches too" "$(yes_if grep -q 'no record; searching' "$work/alone.log")" "$(value search_s "$work/alone.json") s"
together_us=$(value us "$work/shared0.json") alone_us=$(value us "$work/alone.json")
if [ "$(value served_by "$work/alone.json")" = "$(value served_by "$work/shared0.json")" ]; then
  check "it finds that winner" yes "$(value served_by "$work/alone.json")"
else
  near=$(awk -v a="$alone_us" -v b="$together_us" -v p="$within" 'BEGIN { print a > 0 && b > 0 && a <= b * (1 + p / 100) && b <= a * (1 + p / 100) ? "yes" : "no" }')
  check "it finds a winner within $within %" "$near" "$(value served_by "$work/alone.json"): $alone_us us, together $together_us us"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
