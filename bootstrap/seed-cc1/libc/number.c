/* Texts to numbers. Decimal floating numbers are read by cc1's own text, 03-decimal.c: the compiler and its library agree to the
   last bit. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "../03-decimal.c"

static unsigned long whole(const char *s, char **end, int base, int *negative, int *large)
{
  const char *begin = s;
  unsigned long v = 0, d;
  int any = 0;
  *negative = *large = 0;
  while (isspace(*s))
    s++;
  if (*s == '+' || *s == '-')
    *negative = *s++ == '-';
  if ((base == 0 || base == 16) && *s == '0' && (s[1] | 32) == 'x' && isxdigit(s[2])) {
    base = 16;
    s += 2;
  }
  if (base == 0)
    base = *s == '0' ? 8 : 10;
  for (;; s++) {
    if (isdigit(*s))
      d = *s - '0';
    else if (isalpha(*s))
      d = (*s | 32) - 'a' + 10;
    else
      break;
    if (d >= base)
      break;
    any = 1;
    if (v > (ULONG_MAX - d) / base)
      *large = 1;
    v = v * base + d;
  }
  if (end)
    *end = (char *)(any ? s : begin);
  return v;
}

unsigned long strtoul(const char *s, char **end, int base)
{
  int negative, large;
  unsigned long v = whole(s, end, base, &negative, &large);
  if (large) {
    errno = ERANGE;
    return ULONG_MAX;
  }
  return negative ? -v : v;
}

long strtol(const char *s, char **end, int base)
{
  int negative, large;
  unsigned long v = whole(s, end, base, &negative, &large);
  if (large || v > (unsigned long)LONG_MAX + negative) {
    errno = ERANGE;
    return negative ? LONG_MIN : LONG_MAX;
  }
  return negative ? -v : v;
}

long long strtoll(const char *s, char **end, int base) { return strtol(s, end, base); }
unsigned long long strtoull(const char *s, char **end, int base) { return strtoul(s, end, base); }
int atoi(const char *s) { return (int)strtol(s, NULL, 10); }

/* Leaves the number, rounded to a format of `size` bytes, in float_*; gives whether it is negative. */
static int decimal(const char *s, char **end, int size)
{
  const char *begin = s;
  int negative = 0;
  long n;
  while (isspace(*s))
    s++;
  if (*s == '+' || *s == '-')
    negative = *s++ == '-';
  n = read_decimal((char *)s);
  if (n == 0)
    float_from_whole(0);
  else {
    s += n;
    begin = s;
    if (float_mantissa) {
      round_to_format(size);
      if (float_mantissa == 0 || float_exponent == FLOAT_INFINITE)
        errno = ERANGE;
    }
  }
  if (end)
    *end = (char *)begin;
  return negative;
}

double strtod(const char *s, char **end)
{
  double d;
  int negative = decimal(s, end, 8);
  store_float((char *)&d, 8, negative);
  return d;
}

float strtof(const char *s, char **end)
{
  float f;
  int negative = decimal(s, end, 4);
  store_float((char *)&f, 4, negative);
  return f;
}

long double strtold(const char *s, char **end)
{
  long double l;
  int negative = decimal(s, end, 16);
  store_float((char *)&l, 16, negative);
  return l;
}

double atof(const char *s) { return strtod(s, NULL); }

/* x * 2^power. Halving is exact in the long double's range; the one rounding is the return's. */
long double ldexpl(long double x, int power)
{
  for (; power > 0 && x != 0 && x + x != x; power--)
    x *= 2;
  for (; power < 0 && x != 0; power++)
    x /= 2;
  return x;
}

double ldexp(double x, int power) { return ldexpl(x, power); }
