#!/bin/sh
# Rewrites the golden digests of test/regress/digests.txt from what is built now, and those of provenance and bills of
# materials. A change here is a change of format: raise FORMAT_VERSION, PROVENANCE_VERSION, SBOM_VERSION, or the sandbox's or the
# cache's version, whichever it belongs to, in the same commit.
set -eu
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
file=test/regress/digests.txt
{
  grep '^#' "$file"
  sed -n 's/^sha256:[0-9a-f]* //p' "$file" | while read -r recipe; do
    ./ocibuild run --out "$out" "$recipe" 2>/dev/null | sed -n "s#^$recipe \(sha256:[0-9a-f]*\) .*#\1 $recipe#p"
  done
} >"$out/digests.txt"
mv "$out/digests.txt" "$file"
cat "$file"
OCIBUILD_UPDATE_GOLDEN=1 npx vitest run --project unit test/src/provenance >&2
cat test/src/provenance/golden.txt
