#!/usr/bin/env bash
# The main job, from nothing: installs what is missing, builds, then makes one ak::matmul_act call.
#   1. first process: the call searches, proves and keeps a kernel (a progress bar, then the leader board)
#   2. second process: the same call is a hit: 0 trials, 0 compiles
#   3. one search that a language model guides, its replies played back from files
# With a GPU the real thing; without one the same search on times recorded on an H200.
set -eu
. "$(dirname "$0")/../tests/setup.sh"
ak_build_targets quickstart ak_tool ak_worker
ak_forget_settings
export AK_WORKER=$ak_build/ak-worker # which the library looks for beside the program, not a folder above

work=$ak_build/quickstart
rm -rf "$work"
mkdir -p "$work/mailbox"
problem=(16 4096 14336 silu)
recordings=$ak_root/tests/recordings
if ! "$ak_build/ak" doctor --json 2>/dev/null | grep -A 1 '"what": "GPU"' | grep -q '"ok"'; then
  [ -d "$recordings" ] || ak_fail "no GPU, and the folder $recordings is not there" "check out the whole repository"
  export AK_RECORDING=$recordings
  echo "No GPU here: the search runs on times recorded on an H200. Every trial goes through NVRTC to a real sm_90a cubin;"
  echo "nothing is launched."
  export AK_BUDGET_S=10 # for a few cores; the default of 3 s is for the 16 of a GPU machine
fi

export AK_CACHE_DIR=$work/cache AK_SHIPPED=0 # the pack that comes with the library would spare the search that is to be seen
printf '\n== first process: the call searches\n'
"$ak_build/examples/quickstart" "${problem[@]}"
echo "record      in $AK_CACHE_DIR (your own calls keep theirs in ~/.cache/ak);"
echo "            $ak_build/ak show ${problem[*]:0:3} --act ${problem[3]} --bias --cache $AK_CACHE_DIR"

printf '\n== second process: the same call\n'
"$ak_build/examples/quickstart" "${problem[@]}"

# The mailbox takes the network's place: the library writes a prompt to the folder and awaits a reply there. The n-th prompt
# gets the n-th recorded reply.
printf '\n== a search guided by a language model, its replies played back from examples/replies\n'
export AK_CACHE_DIR=$work/cache_llm AK_LLM=mailbox:$work/mailbox AK_LLM_ROUNDS=2 AK_BUDGET_S=15
(
  set +e
  for reply in "$ak_root"/examples/replies/*.reply.txt; do
    while :; do
      for prompt in "$work"/mailbox/*.prompt.txt; do
        answer=${prompt%.prompt.txt}.reply.txt
        [ -f "$prompt" ] && [ ! -e "$answer" ] && break 2
      done
      sleep 0.1
    done
    cp "$reply" "$answer.part" && mv "$answer.part" "$answer"
  done
) &
player=$!
trap 'kill $player 2>/dev/null || true' EXIT
"$ak_build/examples/quickstart" "${problem[@]}"
"$ak_build/ak" show --json "${problem[@]:0:3}" --act "${problem[3]}" --bias |
  grep -c '"proposer": "llm"' | sed 's/^/llm         trials that the replies named: /'
