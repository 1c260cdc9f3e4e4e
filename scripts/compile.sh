#!/bin/sh
# Owns: dist/, the compiled form of oci/ and src/. Made aside and swapped in whole, so a reader finds the old one or the
# new one. Types are not checked here (`npm run check:types` does): what a user runs was checked before it was committed.

set -eu

cd "$(dirname "$0")/.."

# The launcher holds this lock already when it calls.
if [ -z "${OCIBUILD_LOCKED:-}" ]; then
  exec 9<.
  flock 9
fi
# Under the lock, so whatever an interrupted run left is nobody's.
rm -rf dist.new.* dist.old.*

new=dist.new.$$
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$new"
# Before compiling: a source saved meanwhile is newer than the stamp, and the next run compiles again.
: >"$new/.stamp"
node node_modules/typescript/bin/tsc -p tsconfig.build.json --noCheck --outDir "$new"

# What runs but is not TypeScript: the codec's generated glue, its WebAssembly, the interface it was made from.
find oci src -type f \( -name '*.mjs' -o -name '*.js' -o -name '*.wasm' -o -name '*.wit' -o -name '*.json' \) |
  while IFS= read -r file; do
    mkdir -p "$new/${file%/*}"
    cp "$file" "$new/$file"
  done

[ -s "$new/src/main.js" ]
# Two renames in one process: the moment without a dist is microseconds, not the start of a second mv.
node -e '
  const { existsSync, renameSync } = require("node:fs");
  const [fresh, old] = process.argv.slice(1);
  if (existsSync("dist")) renameSync("dist", old);
  renameSync(fresh, "dist");
' "$new" "dist.old.$$"
rm -rf "dist.old.$$"
