// The encoder of the codec component as a native program: the same glue and the same sources, without WebAssembly.
// usage: codec-native deflate|zstd BLOCK-SIZE <plain >blocks, one after another, without gzip's header and trailer
#include <stdio.h>
#include <string.h>
#include "../../recipes/ocibuild-codec/glue/encode.c"

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  size_t block_size = strtoul(argv[2], NULL, 10);
  for (;;) {
    uint8_t *block = malloc(block_size); // the encoder frees it
    size_t size = fread(block, 1, block_size, stdin);
    if (size == 0) return ferror(stdin) || fflush(stdout) != 0;
    byte_list *out = strcmp(argv[1], "zstd") == 0 ? zstd_frame(block, size) : deflate_block(block, size);
    if (fwrite(out->start, 1, out->size, stdout) != out->size) return 1;
  }
}
