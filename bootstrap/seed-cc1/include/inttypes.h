/* The types only: no formats. */
#include <stdint.h>
