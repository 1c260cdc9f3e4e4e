#!/bin/sh
# Writes test/oci/codec/golden.txt anew. Every changed line is a layer whose digest changes for users.
set -eu
cd "$(dirname "$0")/../.."
OCIBUILD_UPDATE_GOLDEN=1 npx vitest run --project unit test/oci/codec/compressor.test.ts -t 'known digests'
git diff --stat -- test/oci/codec/golden.txt
