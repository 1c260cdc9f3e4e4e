// Owns: the few shapes of the component model's canonical ABI that the glue needs.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

// list<u8> as a function's result: a pointer to this.
typedef struct {
  uint8_t *start;
  size_t size;
} byte_list;
