/* C: floating point both ways, wide integers, variable arguments, jumps, sorting. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf back;

static double sum(int count, ...)
{
	va_list list;
	double total = 0;
	va_start(list, count);
	while (count--) total += va_arg(list, double);
	va_end(list);
	return total;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int main(void)
{
	static const char want[] = "1.5 1099511627776 6.5 1.41421356237 0x1p-1 123 18446744073709551616";
	int values[] = { 3, 1, 2 };
	char text[200];
	unsigned long long all = ~0ULL;
	if (!setjmp(back)) longjmp(back, 1);
	qsort(values, 3, sizeof *values, compare);
	snprintf(text, sizeof text, "%Lg %lld %g %.12g %a %d%d%d %.0f", 1.5L, 1LL << 40, sum(3, 1.0, 2.0, 3.5), sqrt(strtod("2", 0)),
		0.5, values[0], values[1], values[2], (double)all);
	puts(text);
	return strcmp(text, want) != 0;
}
