#!/bin/sh
# gcc-standin.sh OUT A.c B.c …: what `cc0 OUT A.c B.c …` does, with gcc in cc0's place. CC names another gcc.
set -eu
here=$(dirname "$0")
out=$1
shift
mkdir "$out.parts"
trap 'rm -r "$out.parts"' EXIT
# One program, read in order, as cc0 does. The line marks keep gcc's messages true.
for source in "$@"; do
  printf '#line 1 "%s"\n' "$source"
  cat "$source"
done >"$out.parts/program.c"
"${CC:-gcc}" -std=gnu89 -fwrapv -fno-strict-aliasing -O1 ${CFLAGS:--w} -fno-builtin -static -Dmain=seed_main \
  -include "$here/standin.h" -o "$out.parts/program" "$here/standin.c" "$out.parts/program.c"
mv "$out.parts/program" "$out"
