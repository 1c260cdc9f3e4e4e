#!/bin/sh
# Owns: the part of the bootstrap that is quick enough to be checked each time: both distribution roots, tcc compiled by each, and
# that they agree; make and busybox on top. Prints what of bootstrap/ it has not built.
#
#   scripts/check-bootstrap.sh [flags of `ocibuild run`]     OCIBUILD_STORE says where
set -eu
cd "$(dirname "$0")/.."

checked='bootstrap/debian12 bootstrap/debian13 bootstrap/tcc bootstrap/make bootstrap/busybox'
# shellcheck disable=SC2086 # a list of names
./ocibuild run "$@" $checked

# All that was needed for these was built with them.
# shellcheck disable=SC2086
built=$(./ocibuild plan --json $checked | sed -n 's/^ *"name": "\([^" ]*\)",*$/\1/p' | sort -u)
# shellcheck disable=SC2086
./ocibuild digests --check $built
./ocibuild plan --all --json | sed -n 's/^ *"name": "\(bootstrap\/[^" ]*\)",*$/\1/p' | sort -u |
  while read -r name; do
    printf '%s\n' "$built" | grep -qxF "$name" || printf 'NOT RUN: %s\n' "$name"
  done
