#!/usr/bin/env bash
# check.sh passes one good case and fails four bad ones.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

wanted() { # STATUS NAME SOURCE
  local status=0
  printf '%b' "$3" >"$folder/$2.cpp"
  bash "$here/check.sh" "${COMPILER:-g++}" "$folder" "$folder/$2.cpp" >/dev/null 2>&1 || status=$?
  [ "$status" -eq "$1" ] || { echo "check.sh ended with $status instead of $1 for the case '$2'."; exit 1; }
}
wanted 0 good '// EXPECT: no such luck\nstatic_assert(sizeof(int) == 1, "no such luck");\n'
wanted 1 compiles '// EXPECT: anything\nint x;\n'
wanted 1 other_message '// EXPECT: good luck\nstatic_assert(sizeof(int) == 1, "no such luck");\n'
wanted 1 two_errors '// EXPECT: no such luck\nstatic_assert(sizeof(int) == 1, "no such luck");\nint y = z;\n'
wanted 1 no_message 'int y = z;\n'
COMPILER=no-such-compiler wanted 77 good '// EXPECT: no such luck\n'
