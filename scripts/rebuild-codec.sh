#!/bin/sh
# Builds recipes/ocibuild-codec in the sandbox and compares what it gives with oci/codec/generated/, byte for byte.
# usage: scripts/rebuild-codec.sh [--write] [FLAG-OF-RUN…]
#        --write puts the result in place; other words go to `ocibuild run` (--no-cache, --distfiles DIR, …)
set -eu
cd "$(dirname "$0")/.."
committed=oci/codec/generated
write=false
if [ "${1:-}" = --write ]; then
  write=true
  shift
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

./ocibuild run --out "$work/out" "$@" recipes/ocibuild-codec
layout=$work/out/ocibuild-codec
# The image is one layer: of its blobs the only one that is an archive.
mkdir "$work/generated"
unpacked=0
for blob in "$layout"/blobs/sha256/*; do
  if gzip -t "$blob" 2>/dev/null; then
    tar -xzf "$blob" -C "$work/generated"
    unpacked=$((unpacked + 1))
  fi
done
if [ "$unpacked" -ne 1 ]; then
  echo "rebuild-codec.sh: wanted an image of one layer, found $unpacked" >&2
  exit 1
fi

if $write; then
  rm -rf "$committed"
  cp -r "$work/generated" "$committed"
  chmod -R u=rwX,go=rX "$committed"
else
  diff -r "$committed" "$work/generated"
  echo "$committed is what recipes/ocibuild-codec builds"
fi
(cd "$committed" && find . -type f | LC_ALL=C sort | xargs sha256sum)
