#!/usr/bin/env bash
# tests/toys/run.sh BUILD: src/ADDING.md is true. A toy kernel family with a knob of its own, a proposer and an LLM
# provider are added to a copy of the sources; only what it names may be touched; a small program of the copy then finds the
# toys wherever their kinds are (test_toys.cpp). BUILD is a build of these sources. Ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../setup.sh"
root=$ak_root
build=$(cd "${1:?the build folder}" && pwd)
work=$build/toys
log=$work/toys.log
copy=$work/source

fail() {
  echo "ERROR: $1"
  [ -f "$log" ] && tail -n 30 "$log"
  echo "0 passed, 1 failed"
  exit 1
}

rm -rf "$work"
mkdir -p "$copy"
cp -r "$root"/{CMakeLists.txt,cache,include,kernels,src} "$copy"
cp -r "$here" "$copy/tests"

adding=$(cat "$root/src/ADDING.md")
named() { # a path, as it is named there
  case $adding in *"\`$1\`"*) ;; *) fail "src/ADDING.md does not name $1" ;; esac
}
add_file() { # file of this folder, folder as it is named there, name
  named "$2"
  [ ! -e "$copy/$2$3" ] || fail "there is $2$3 already"
  cp "$here/$1" "$copy/$2$3"
}
change() { # path, sed expression, how many lines it changes
  named "$1"
  sed -i.before -E "$2" "$copy/$1"
  local changed
  changed=$(diff "$copy/$1.before" "$copy/$1" | grep -c '^>')
  rm "$copy/$1.before"
  [ "$changed" -eq "$3" ] || fail "$1: $changed lines changed, not $3"
}

# A kernel family, and a knob.
add_file toy.cu kernels/ toy.cu
add_file family.cpp src/families/ toy.cpp
change src/core/families.def '$a AK_FAMILY(toy)' 1
change src/core/tactic.hpp 's/^(    \{"tile_[mn]".*)kOwn,/\1kOwn | bit(FamilyId::toy),/
  s/^  std::int16_t separate = 0;.*/&\n  std::int16_t chunk = 1;/
  s/^    \{"separate".*/&\n    {"chunk", \&Tactic::chunk, 1, bit(FamilyId::toy), "steps of k that a thread takes at once"},/' 4
# A proposer.
add_file proposer.cpp src/search/proposers/ toy.cpp
change src/search/proposers.hpp 's/^std::unique_ptr<Proposer> make_random_proposer.*/&\nstd::unique_ptr<Proposer> make_toy_proposer(const ProposerInputs\& inputs);/' 1
change src/search/proposers.cpp 's/^constexpr Row kProposers\[\] = \{/&\n    {"toy", make_toy_proposer, true},/' 1
# An LLM provider.
add_file provider.cpp src/llm/ toy.cpp
change src/llm/wires.def '$a AK_WIRE(toy)' 1

cuda=$(sed -n 's/^CUDAToolkit_ROOT:[^=]*=//p' "$build/CMakeCache.txt")
options=(-DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DAK_SUPPORT_FATBIN="$build/support.fatbin" -DCUDAToolkit_ROOT="$cuda"
         -DAK_BUILD_TOOL=OFF -DAK_BUILD_EXAMPLES=OFF -DAK_INSTALL=OFF)
{ cmake -S "$copy" -B "$work/build" -G Ninja "${options[@]}" "${ak_launchers[@]}" && cmake --build "$work/build" --target test_toys; } >"$log" 2>&1 ||
  fail "a copy with the toys does not build"
! grep -q 'warning:' "$log" || fail "a copy with the toys has warnings"
"$work/build/tests/test_toys" >>"$log" 2>&1 || fail "a toy is not where its kind is"
rm -rf "$work"
echo "1 passed, 0 failed"
