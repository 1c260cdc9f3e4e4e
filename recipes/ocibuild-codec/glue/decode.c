// Owns: the `decode` interface of codec.wit: one loop over five stream decoders, which treats concatenated streams,
// padding, trailing bytes and the end of input alike for all of them.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "bzlib.h"
#include "lzma.h"
#include "zlib.h"
#define ZSTD_STATIC_LINKING_ONLY
#include "zstd.h"
#include "zstd_errors.h"
#include "abi.h"

enum format { GZIP, XZ, BZIP2, ZSTD, LZIP };
enum fault { NOT_THIS_FORMAT, DAMAGED, CUT_SHORT, TRAILING, TOO_MUCH_MEMORY, UNSUPPORTED, NO_FAULT };

// `xz -9` has a dictionary of 64 MiB and needs 65 MiB and a little; nothing more is decoded.
#define LZMA_MEMORY (UINT64_C(72) << 20)
#define ZSTD_WINDOW_LOG 27
#define PORTION (256u << 10)

typedef struct {
  enum format format;
  bool open;          // inside a stream: its decoder is set up
  bool any;           // a whole stream has been decoded
  size_t padding;     // zero bytes since its end
  enum fault fault;
  union {
    z_stream gzip;
    lzma_stream lzma;
    bz_stream bzip2;
    ZSTD_DStream *zstd;
  } of;
  uint8_t *input;     // owned: what cabi_realloc gave for `write`
  const uint8_t *next;
  size_t left;
  uint8_t output[PORTION];
} decoder;

// What one call of a stream decoder did.
typedef struct {
  size_t used, made;
  bool ended;
  enum fault fault;
} step;

static enum fault open_stream(decoder *d) {
  switch (d->format) {
    case GZIP:
      d->of.gzip = (z_stream){0};
      return inflateInit2(&d->of.gzip, 16 + MAX_WBITS) == Z_OK ? NO_FAULT : TOO_MUCH_MEMORY;
    case XZ:
    case LZIP: {
      d->of.lzma = (lzma_stream)LZMA_STREAM_INIT;
      lzma_ret ret = d->format == XZ
        ? lzma_stream_decoder(&d->of.lzma, LZMA_MEMORY, LZMA_TELL_UNSUPPORTED_CHECK)
        : lzma_lzip_decoder(&d->of.lzma, LZMA_MEMORY, 0);
      return ret == LZMA_OK ? NO_FAULT : TOO_MUCH_MEMORY;
    }
    case BZIP2:
      d->of.bzip2 = (bz_stream){0};
      return BZ2_bzDecompressInit(&d->of.bzip2, 0, 0) == BZ_OK ? NO_FAULT : TOO_MUCH_MEMORY;
    case ZSTD:
      d->of.zstd = ZSTD_createDStream();
      if (d->of.zstd == NULL) return TOO_MUCH_MEMORY;
      return ZSTD_isError(ZSTD_DCtx_setParameter(d->of.zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)) ? TOO_MUCH_MEMORY
                                                                                                  : NO_FAULT;
  }
  __builtin_trap();
}

static void close_stream(decoder *d) {
  if (!d->open) return;
  d->open = false;
  switch (d->format) {
    case GZIP: inflateEnd(&d->of.gzip); break;
    case XZ:
    case LZIP: lzma_end(&d->of.lzma); break;
    case BZIP2: BZ2_bzDecompressEnd(&d->of.bzip2); break;
    case ZSTD: ZSTD_freeDStream(d->of.zstd); break;
  }
}

static step step_gzip(decoder *d, uint8_t *out, size_t room) {
  z_stream *s = &d->of.gzip;
  s->next_in = (uint8_t *)d->next, s->avail_in = d->left, s->next_out = out, s->avail_out = room;
  int ret = inflate(s, Z_NO_FLUSH);
  step r = {d->left - s->avail_in, room - s->avail_out, ret == Z_STREAM_END, NO_FAULT};
  // The only message that means another format; every other fault lies deeper in the stream.
  if (ret == Z_DATA_ERROR) r.fault = s->total_out == 0 && s->total_in < 10 ? NOT_THIS_FORMAT : DAMAGED;
  else if (ret == Z_MEM_ERROR) r.fault = TOO_MUCH_MEMORY;
  else if (ret == Z_NEED_DICT) r.fault = UNSUPPORTED;
  else if (ret != Z_OK && ret != Z_STREAM_END && ret != Z_BUF_ERROR) r.fault = DAMAGED;
  return r;
}

static step step_lzma(decoder *d, uint8_t *out, size_t room) {
  lzma_stream *s = &d->of.lzma;
  s->next_in = d->next, s->avail_in = d->left, s->next_out = out, s->avail_out = room;
  lzma_ret ret = lzma_code(s, LZMA_RUN);
  step r = {d->left - s->avail_in, room - s->avail_out, ret == LZMA_STREAM_END, NO_FAULT};
  switch (ret) {
    case LZMA_OK:
    case LZMA_STREAM_END:
    case LZMA_BUF_ERROR: break;
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR: r.fault = TOO_MUCH_MEMORY; break;
    case LZMA_FORMAT_ERROR: r.fault = NOT_THIS_FORMAT; break;
    case LZMA_UNSUPPORTED_CHECK:
    case LZMA_OPTIONS_ERROR: r.fault = UNSUPPORTED; break;
    default: r.fault = DAMAGED;
  }
  return r;
}

static step step_bzip2(decoder *d, uint8_t *out, size_t room) {
  bz_stream *s = &d->of.bzip2;
  s->next_in = (char *)d->next, s->avail_in = d->left, s->next_out = (char *)out, s->avail_out = room;
  int ret = BZ2_bzDecompress(s);
  step r = {d->left - s->avail_in, room - s->avail_out, ret == BZ_STREAM_END, NO_FAULT};
  if (ret == BZ_DATA_ERROR_MAGIC) r.fault = s->total_in_lo32 < 5 && s->total_in_hi32 == 0 ? NOT_THIS_FORMAT : DAMAGED;
  else if (ret == BZ_MEM_ERROR) r.fault = TOO_MUCH_MEMORY;
  else if (ret != BZ_OK && ret != BZ_STREAM_END) r.fault = DAMAGED;
  return r;
}

static step step_zstd(decoder *d, uint8_t *out, size_t room) {
  ZSTD_inBuffer in = {d->next, d->left, 0};
  ZSTD_outBuffer made = {out, room, 0};
  size_t ret = ZSTD_decompressStream(d->of.zstd, &made, &in);
  step r = {in.pos, made.pos, ret == 0, NO_FAULT};
  if (ZSTD_isError(ret)) {
    switch (ZSTD_getErrorCode(ret)) {
      case ZSTD_error_prefix_unknown: r.fault = NOT_THIS_FORMAT; break;
      case ZSTD_error_frameParameter_windowTooLarge:
      case ZSTD_error_memory_allocation: r.fault = TOO_MUCH_MEMORY; break;
      case ZSTD_error_frameParameter_unsupported:
      case ZSTD_error_dictionary_wrong: r.fault = UNSUPPORTED; break;
      default: r.fault = DAMAGED;
    }
  }
  return r;
}

static step step_stream(decoder *d, uint8_t *out, size_t room) {
  switch (d->format) {
    case GZIP: return step_gzip(d, out, room);
    case XZ:
    case LZIP: return step_lzma(d, out, room);
    case BZIP2: return step_bzip2(d, out, room);
    case ZSTD: return step_zstd(d, out, room);
  }
  __builtin_trap();
}

// Between streams: takes the zero bytes that xz (in fours) and gzip (as tapes leave them) allow, then opens the next.
static enum fault between(decoder *d) {
  if (d->any && (d->format == XZ || d->format == GZIP)) {
    while (d->left > 0 && *d->next == 0) d->next++, d->left--, d->padding++;
    if (d->left == 0) return NO_FAULT;
    if (d->format == XZ && d->padding % 4 != 0) return DAMAGED;
    if (d->format == GZIP && d->padding > 0) return TRAILING;
  }
  enum fault fault = open_stream(d);
  d->open = fault == NO_FAULT;
  return fault;
}

// Fills the output until it is full or the input is used up. Sets d->fault on the first fault.
static size_t decode(decoder *d) {
  size_t made = 0;
  while (made < PORTION && d->fault == NO_FAULT) {
    if (!d->open) {
      if (d->left == 0) break;
      d->fault = between(d);
      if (!d->open) continue;
    }
    step s = step_stream(d, d->output + made, PORTION - made);
    d->next += s.used, d->left -= s.used, made += s.made;
    if (s.fault != NO_FAULT) {
      d->fault = s.fault == NOT_THIS_FORMAT && d->any ? TRAILING : s.fault;
    } else if (s.ended) {
      close_stream(d);
      d->any = true;
      d->padding = 0;
    } else if (s.used == 0 && s.made == 0) {
      // With input left and room for output, no decoder may stand still.
      if (d->left > 0) d->fault = DAMAGED;
      break;
    }
  }
  return made;
}

__attribute__((import_module("[export]ocibuild:codec/decode@1.0.0"), import_name("[resource-new]decoder")))
extern int32_t new_handle(decoder *d);

EXPORT("ocibuild:codec/decode@1.0.0#[constructor]decoder")
int32_t construct(int32_t format) {
  decoder *d = calloc(1, sizeof *d);
  if (d == NULL) __builtin_trap();
  d->format = (enum format)format;
  d->fault = NO_FAULT;
  return new_handle(d);
}

EXPORT("ocibuild:codec/decode@1.0.0#[dtor]decoder")
void destroy(decoder *d) {
  close_stream(d);
  free(d->input);
  free(d);
}

EXPORT("ocibuild:codec/decode@1.0.0#[method]decoder.write")
void write_input(decoder *d, uint8_t *bytes, size_t size) {
  if (d->left > 0) __builtin_trap();
  free(d->input);
  d->input = size == 0 ? NULL : bytes;
  d->next = d->input;
  d->left = size;
}

// result<list<u8>, fault> in memory: the case, then either a list or the fault.
static struct {
  uint8_t is_fault;
  union {
    byte_list bytes;
    uint8_t fault;
  } of;
} read_result;

EXPORT("ocibuild:codec/decode@1.0.0#[method]decoder.read")
void *read_output(decoder *d) {
  size_t made = decode(d);
  // What was decoded before the fault is not handed out: it is not known to be sound.
  read_result.is_fault = d->fault != NO_FAULT;
  if (read_result.is_fault) read_result.of.fault = d->fault;
  else read_result.of.bytes = (byte_list){d->output, made};
  return &read_result;
}

// result<_, fault> flattens to two values, one too many for a core function, so it goes through memory as well.
static struct {
  uint8_t is_fault, fault;
} end_result;

EXPORT("ocibuild:codec/decode@1.0.0#[method]decoder.end")
void *end_of_input(decoder *d) {
  enum fault fault = d->fault;
  if (fault == NO_FAULT && (d->open || !d->any)) fault = CUT_SHORT;
  if (fault == NO_FAULT && d->format == XZ && d->padding % 4 != 0) fault = CUT_SHORT;
  end_result.is_fault = fault != NO_FAULT;
  end_result.fault = fault;
  return &end_result;
}

// bzip2 without stdio leaves this to its user. It is reached only when the library contradicts itself.
void bz_internal_error(int code) {
  (void)code;
  __builtin_trap();
}
