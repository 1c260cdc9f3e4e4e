// Owns: the `encode` interface of codec.wit. Knows nothing of gzip framing, which oci/codec/gzip-frame.ts writes.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#define ZSTD_STATIC_LINKING_ONLY
#include "libdeflate.h"
#include "zstd.h"
#include "abi.h"

#define LARGEST_BLOCK (4u << 20)

// One output at a time: the caller has copied it before it calls again, and cabi_post frees nothing.
static uint8_t *output;
static size_t output_room;

static uint8_t *output_of(size_t size) {
  if (size > output_room) {
    free(output);
    output = malloc(size);
    if (output == NULL) __builtin_trap();
    output_room = size;
  }
  return output;
}

static byte_list result;

EXPORT("ocibuild:codec/encode@1.0.0#deflate-block")
byte_list *deflate_block(uint8_t *plain, size_t size) {
  static struct libdeflate_compressor *compressor;
  if (compressor == NULL) compressor = libdeflate_alloc_compressor(6);
  if (compressor == NULL || size == 0 || size > LARGEST_BLOCK) __builtin_trap();
  size_t room = libdeflate_deflate_compress_bound(compressor, size) + 5;
  result.start = output_of(room);
  result.size = libdeflate_deflate_compress_joinable(compressor, plain, size, result.start, room);
  if (result.size == 0) __builtin_trap();
  free(plain);
  return &result;
}

// A context for each frame: what a used one still holds must not have a say in the bytes.
EXPORT("ocibuild:codec/encode@1.0.0#zstd-frame")
byte_list *zstd_frame(uint8_t *plain, size_t size) {
  if (size > LARGEST_BLOCK) __builtin_trap();
  ZSTD_CCtx *context = ZSTD_createCCtx();
  if (context == NULL) __builtin_trap();
  if (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 3))) __builtin_trap();
  if (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1))) __builtin_trap();
  size_t room = ZSTD_compressBound(size);
  result.start = output_of(room);
  result.size = ZSTD_compress2(context, result.start, room, plain, size);
  if (ZSTD_isError(result.size)) __builtin_trap();
  ZSTD_freeCCtx(context);
  if (size > 0) free(plain);
  return &result;
}
