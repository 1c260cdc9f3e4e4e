#!/bin/sh
# Fetches the codec's sources, or a machine's cached copies of them, and verifies every byte against oci/codec/sources.txt.
# usage: scripts/codec/fetch.sh DIRECTORY
# The mirror is OCIBUILD_DEBIAN_MIRROR, or the first Debian archive in this machine's apt configuration.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
into=${1:?usage: fetch.sh DIRECTORY}
pins=$here/../../oci/codec/sources.txt
mkdir -p "$into"

# Prints candidate archive roots, in order: the variable, deb822 files, one-line files.
mirrors() {
  if [ -n "${OCIBUILD_DEBIAN_MIRROR:-}" ]; then
    echo "$OCIBUILD_DEBIAN_MIRROR"
    return
  fi
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] && sed -n 's/^URIs:[[:space:]]*//p' "$file" | tr ' ' '\n'
  done
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] && sed -n -E 's/^deb(-src)?[[:space:]]+(\[[^]]*\][[:space:]]*)?([^[:space:]]+).*/\3/p' "$file"
  done
  return 0
}

fetch() { # URL FILE
  if command -v curl >/dev/null; then
    curl -sSfL --retry 2 --connect-timeout 20 -o "$2" "$1"
  else
    wget -q -O "$2" "$1"
  fi
}

verified() { # SHA256 FILE
  [ -f "$2" ] && [ "$(sha256sum <"$2" | cut -d' ' -f1)" = "$1" ]
}

grep '^[0-9a-f]' "$pins" | while read -r sha256 pin; do
  path=${pin#debian:}
  file=$into/${path##*/}
  verified "$sha256" "$file" && continue
  for mirror in $(mirrors | sed 's,/*$,,' | grep -E '^https?://' | awk '!seen[$0]++'); do
    # The sign for a plus in a path is spelled out: some archives read it as a space.
    url=$mirror/$(printf %s "$path" | sed 's/+/%2B/g')
    if fetch "$url" "$file.part" 2>/dev/null && verified "$sha256" "$file.part"; then
      mv "$file.part" "$file"
      break
    fi
    rm -f "$file.part"
  done
  verified "$sha256" "$file" || {
    echo "fetch.sh: $pin: no mirror gave a file with sha256 $sha256; set OCIBUILD_DEBIAN_MIRROR to a Debian archive" >&2
    exit 1
  }
done
