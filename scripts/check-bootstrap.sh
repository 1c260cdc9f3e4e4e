#!/bin/sh
# Owns: the part of the bootstrap that is quick enough to be checked each time: both distribution roots, tcc compiled by each, and
# that they agree; make and busybox on top. Prints what of the tree was not built in this checkout.
#
#   scripts/check-bootstrap.sh [flags of `ocibuild run`]     OCIBUILD_STORE says where
set -eu
cd "$(dirname "$0")/.."

checked='bootstrap/debian12 bootstrap/debian13 bootstrap/tcc bootstrap/make bootstrap/busybox'

# Mirrors keep a suite's newest point release and no other. Where that is not the locked one, and snapshots of the old one are out of
# reach, the root is locked anew for this run: it and what is linked with its C library have other digests then, and
# all that follows must still have the same.
moved=
kept=$(mktemp -d)
restore() {
  for root in $moved; do cp "$kept/$root" "bootstrap/$root/lock.toml"; done
  rm -rf "$kept"
}
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
for root in debian12 debian13; do
  ./ocibuild fetch "bootstrap/$root" >/dev/null && continue
  cp "bootstrap/$root/lock.toml" "$kept/$root"
  moved="$moved $root"
  ./ocibuild lock "bootstrap/$root"
done

# shellcheck disable=SC2086 # a list of names
./ocibuild run "$@" $checked

# All that was needed for these was built with them.
# shellcheck disable=SC2086
built=$(./ocibuild plan --json $checked | sed -n 's/^ *"name": "\([^" ]*\)",*$/\1/p' | sort -u)
same=$built
for root in $moved; do
  same=$(printf '%s\n' "$same" | grep -vxF -e "bootstrap/$root" -e "bootstrap/tcc0-$root")
  echo "NOT COMPARED: bootstrap/$root and bootstrap/tcc0-$root, of another point release than the locked one"
done
# shellcheck disable=SC2086
./ocibuild digests --check $same
./ocibuild plan --all --json | sed -n 's/^ *"name": "\([a-z]*\/[^" ]*\)",*$/\1/p' | sort -u |
  while read -r name; do
    [ -e "out/${name#recipes/}" ] || printf '%s\n' "$built" | grep -qxF "$name" || printf 'NOT RUN: %s\n' "$name"
  done
