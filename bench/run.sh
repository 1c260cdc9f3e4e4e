#!/bin/sh
# `npm run bench`: ocibuild against other programs at the same work, as ratios measured in one run.
#   npm run bench                                  whole builds, then layers, in full: most of an hour
#   npm run bench -- engine --rounds 3 --only noop,cold20
#   npm run bench -- layer --quick                 a twentieth of the data, one round
#   npm run bench -- layer --only tree,add --scale 0.25
set -eu
cd "$(dirname "$0")/.."
./ocibuild --version
case "${1:-}" in
engine | layer)
  which=$1
  shift
  exec node "bench/$which.mjs" "$@"
  ;;
esac
node bench/engine.mjs "$@"
[ $# -gt 0 ] || exec node bench/layer.mjs
