#!/bin/sh
# `npm run bench`: ocibuild against other builders on the same Containerfiles, as ratios measured in one run.
#   npm run bench                 all cases, 5 rounds
#   npm run bench -- --rounds 3 --only noop,cold20
set -eu
cd "$(dirname "$0")/.."
./ocibuild --version
exec node bench/engine.mjs "$@"
