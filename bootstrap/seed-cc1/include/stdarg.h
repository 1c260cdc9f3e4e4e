/* Arguments behind `...`: they lie one after another in multiples of 8 bytes (cc1, values). */
#ifndef _STDARG_H
#define _STDARG_H
typedef char *va_list;
#define __va_size(x) ((sizeof (x) + 7) & ~7UL)
#define va_start(list, last) ((list) = (char *)&(last) + __va_size(last))
#define va_arg(list, type) (*(type *)(((list) += __va_size(type)) - __va_size(type)))
#define va_copy(to, from) ((to) = (from))
#define va_end(list) ((void)0)
#endif
