#!/bin/sh
# Unpacks the archives that fetch.sh put in SOURCES into WORK/{libdeflate,zlib,xz,bzip2,zstd}, patched.
# usage: scripts/codec/unpack.sh SOURCES WORK
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sources=$(cd "${1:?usage: unpack.sh SOURCES WORK}" && pwd)
work=${2:?usage: unpack.sh SOURCES WORK}

unpack() { # NAME PATTERN
  mkdir -p "$work/$1"
  tar -C "$work/$1" --strip-components=1 -xf "$sources"/$2
}
unpack libdeflate 'libdeflate_*.orig.tar.gz'
unpack zlib 'zlib_*.orig.tar.gz'
unpack xz 'xz-utils_*.orig.tar.xz'
unpack bzip2 'bzip2_*.orig.tar.gz'
unpack zstd 'libzstd_*.orig.tar.xz'
patch -s -d "$work/libdeflate" -p1 <"$here/../../oci/codec/patches/libdeflate-joinable-blocks.patch"
