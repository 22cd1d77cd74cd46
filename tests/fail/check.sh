#!/usr/bin/env bash
# check.sh COMPILER INCLUDE FILE: FILE must not compile, with one error, and every text after "// EXPECT: " in it must
# be in what the compiler says. INCLUDE: folders, separated by colons. Status 77 where there is no such compiler.
set -uo pipefail

[ $# -eq 3 ] || { echo "usage: check.sh COMPILER INCLUDE FILE" >&2; exit 2; }
compiler=$1 file=$3
command -v "$compiler" >/dev/null || { echo "skipped: $compiler is not installed."; exit 77; }
mapfile -t expected < <(sed -n 's|^// EXPECT: ||p' "$file")
[ "${#expected[@]}" -gt 0 ] || { echo "$file: has no line '// EXPECT: text'." >&2; exit 1; }
flags=(-std=c++20 -fsyntax-only -fno-diagnostics-color -fmessage-length=0)
IFS=: read -r -a folders <<<"$2"
for folder in "${folders[@]}"; do flags+=(-I "$folder"); done

if said=$(LC_ALL=C "$compiler" "${flags[@]}" "$file" 2>&1); then
  echo "$file: compiles with $compiler, and must not." >&2
  exit 1
fi
status=0
for text in "${expected[@]}"; do
  grep -qF -- "$text" <<<"$said" || { echo "$file: $compiler does not say: $text" >&2; status=1; }
done
errors=$(grep -cE '(^|: )(fatal )?error: ' <<<"$said")
[ "$errors" -eq 1 ] || { echo "$file: $errors errors instead of one." >&2; status=1; }
[ "$status" -eq 0 ] || printf '%s\n' "$compiler said:" "$said" >&2
exit "$status"
