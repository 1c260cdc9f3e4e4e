#!/bin/sh
# Rebuilds oci/codec/generated/ from its pinned sources and compares it with the committed files, byte for byte.
# usage: scripts/rebuild-codec.sh            compare; status 1 when anything differs
#        scripts/rebuild-codec.sh --write    put the rebuilt files in place
# Needs Debian 12's clang, lld, wasi-libc and libclang-rt-14-dev-wasm32, and this tree's node_modules.
# OCIBUILD_CODEC_SOURCES names a directory that may already hold the archives (they are verified all the same).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
committed=$here/../oci/codec/generated
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sources=${OCIBUILD_CODEC_SOURCES:-$work/sources}

"$here/codec/fetch.sh" "$sources"
"$here/codec/unpack.sh" "$sources" "$work/tree"
"$here/codec/compile.sh" "$work/tree" "$work/core.wasm"
node "$here/codec/componentize.mjs" "$work/core.wasm" "$work/generated"

if [ "${1:-}" = --write ]; then
  rm -rf "$committed"
  cp -r "$work/generated" "$committed"
else
  diff -r "$committed" "$work/generated"
fi
(cd "$work/generated" && find . -type f | LC_ALL=C sort | xargs sha256sum)
