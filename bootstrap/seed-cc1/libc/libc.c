/* The C library: what tcc calls, over system calls of Linux. One unit, so that one name on cc1's command line brings all of it. */
#include "start.c"
#include "memory.c"
#include "string.c"
#include "number.c"
#include "system.c"
#include "stream.c"
#include "print.c"
