#!/bin/sh
# Compiles the unpacked sources and the glue to one core WebAssembly module, core.wasm.
# usage: compile.sh, in a folder that holds bzip2, glue, libdeflate (patched), xz, zlib and zstd
set -eu
clang=clang-14
objects=objects
mkdir -p "$objects"

# No -msimd128: older processors refuse a module that holds it. NDEBUG: an assertion would import a way to print.
target='--target=wasm32-wasi -O3 -mbulk-memory -mnontrapping-fptoint -msign-ext -DNDEBUG -w'

compile() { # PREFIX "FLAGS" FILES...
  prefix=$1 flags=$2
  shift 2
  for file; do
    name=$prefix-$(basename "$file" .c).o
    # shellcheck disable=SC2086 # the flags are words
    $clang $target $flags -c "$file" -o "$objects/$name"
  done
}

compile libdeflate '-Ilibdeflate' libdeflate/lib/deflate_compress.c libdeflate/lib/utils.c
compile zlib '-Izlib' zlib/inflate.c zlib/inffast.c zlib/inftrees.c zlib/crc32.c zlib/adler32.c zlib/zutil.c
compile bzip2 '-Ibzip2 -DBZ_NO_STDIO' bzip2/bzlib.c bzip2/decompress.c bzip2/huffman.c bzip2/crctable.c bzip2/randtable.c

lzma='-DHAVE_STDBOOL_H -DHAVE_STDINT_H -DHAVE_INTTYPES_H -DHAVE_STRING_H -DSIZEOF_SIZE_T=4 -DTUKLIB_SYMBOL_PREFIX=lzma_
  -DHAVE_DECODERS -DHAVE_LZIP_DECODER -DHAVE_CHECK_CRC32 -DHAVE_CHECK_CRC64 -DHAVE_CHECK_SHA256
  -DHAVE_DECODER_LZMA1 -DHAVE_DECODER_LZMA2 -DHAVE_DECODER_DELTA -DHAVE_DECODER_X86 -DHAVE_DECODER_POWERPC
  -DHAVE_DECODER_IA64 -DHAVE_DECODER_ARM -DHAVE_DECODER_ARMTHUMB -DHAVE_DECODER_ARM64 -DHAVE_DECODER_SPARC
  -DHAVE_DECODER_RISCV -Ixz/src/common'
l=xz/src/liblzma
for part in api common check lz lzma rangecoder simple delta; do lzma="$lzma -I$l/$part"; done
compile lzma "$(echo $lzma)" $l/common/common.c $l/common/block_decoder.c $l/common/block_header_decoder.c \
  $l/common/block_util.c $l/common/filter_common.c $l/common/filter_decoder.c $l/common/filter_flags_decoder.c \
  $l/common/index_hash.c $l/common/lzip_decoder.c $l/common/stream_decoder.c $l/common/stream_flags_common.c \
  $l/common/stream_flags_decoder.c $l/common/vli_decoder.c $l/common/vli_size.c \
  $l/check/check.c $l/check/crc32_fast.c $l/check/crc64_fast.c $l/check/sha256.c \
  $l/lz/lz_decoder.c $l/lzma/lzma_decoder.c $l/lzma/lzma2_decoder.c $l/delta/delta_common.c $l/delta/delta_decoder.c \
  $l/simple/simple_coder.c $l/simple/simple_decoder.c $l/simple/x86.c $l/simple/powerpc.c $l/simple/ia64.c \
  $l/simple/arm.c $l/simple/armthumb.c $l/simple/arm64.c $l/simple/sparc.c $l/simple/riscv.c

# Level 3 on blocks of up to 4 MiB uses the two fast strategies; leaving the others out halves the module.
z=zstd/lib
compile zstd "-I$z -I$z/common -DZSTD_DISABLE_ASM -DZSTD_LEGACY_SUPPORT=0 -DZSTD_TRACE=0 -DDYNAMIC_BMI2=0
  -DZSTD_EXCLUDE_GREEDY_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_LAZY_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_LAZY2_BLOCK_COMPRESSOR
  -DZSTD_EXCLUDE_BTLAZY2_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_BTOPT_BLOCK_COMPRESSOR
  -DZSTD_EXCLUDE_BTULTRA_BLOCK_COMPRESSOR" \
  $z/common/*.c $z/compress/*.c $z/decompress/*.c

compile glue "-Iglue -Ilibdeflate -Izlib -I$l/api -Ibzip2 -I$z -DBZ_NO_STDIO" glue/*.c

# 256 MiB holds the largest zstd window (128 MiB) and the largest xz dictionary (64 MiB) with room to spare.
$clang --target=wasm32-wasi -nostartfiles -fuse-ld=lld -o core.wasm "$objects"/*.o \
  -Wl,--no-entry,--gc-sections,--strip-all,--max-memory=268435456,-z,stack-size=262144
