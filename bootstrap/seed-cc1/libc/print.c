/* printf and its kin, and sscanf for whole numbers and words.

     conversion = `%` { `-` | `+` | ` ` | `#` | `0` } [digits | `*`] [`.` [digits | `*`]] [`hh`|`h`|`l`|`ll`|`z`|`t`|`j`|`L`]
                  (d i u o x X c s p f F e E g G %)

   Floating numbers are printed exactly: the binary number is written out as a whole decimal number, then rounded, ties to even. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct out {
  FILE *file;                 /* or, if NULL, */
  char *to;                   /* room for n characters and a NUL */
  size_t room;
  size_t count;               /* characters that were, or would have been, written */
  int failed;
};

static void put(struct out *o, int c)
{
  if (o->file) {
    if (fputc(c, o->file) == EOF)
      o->failed = 1;
  } else if (o->count < o->room)
    o->to[o->count] = c;
  o->count++;
}

static void put_many(struct out *o, int c, long n)
{
  for (; n > 0; n--)
    put(o, c);
}

enum { LEFT = 1, PLUS = 2, BLANK = 4, OTHER = 8, ZERO = 16 };

/* Sign or prefix, zeros, digits, padded to the width. */
static void put_padded(struct out *o, const char *before, const char *digits, long n, long zeros, int flags, long width)
{
  long used = strlen(before) + zeros + n;
  if (!(flags & (LEFT | ZERO)))
    put_many(o, ' ', width - used);
  while (*before)
    put(o, *before++);
  if ((flags & ZERO) && !(flags & LEFT))
    put_many(o, '0', width - used);
  put_many(o, '0', zeros);
  for (; n > 0; n--)
    put(o, *digits++);
  if (flags & LEFT)
    put_many(o, ' ', width - used);
}

/* ---- floating numbers ---- */

enum { LIMBS = 1900, BILLION = 1000000000 };

static unsigned int limb[LIMBS];  /* base 10^9, lowest first */
static int limbs;
static char digits[LIMBS * 9 + 2];
static int digit_count, point;    /* the number is 0.DIGITS * 10^point */

static void multiply(unsigned long by)
{
  unsigned long carry = 0;
  int i;
  for (i = 0; i < limbs; i++) {
    carry += limb[i] * by;
    limb[i] = carry % BILLION;
    carry /= BILLION;
  }
  while (carry) {
    limb[limbs++] = carry % BILLION;
    carry /= BILLION;
  }
}

/* mantissa * 2^power as digits */
static void expand(unsigned long mantissa, int power)
{
  int i, j, below = 0;
  unsigned int v;
  limbs = digit_count = point = 0;
  while (mantissa) {
    limb[limbs++] = mantissa % BILLION;
    mantissa /= BILLION;
  }
  if (!limbs)
    return;
  for (; power >= 29; power -= 29)
    multiply(1UL << 29);
  if (power > 0)
    multiply(1UL << power);
  /* a half is 5 tenths */
  for (; power <= -12; power += 12) {
    multiply(244140625);
    below += 12;
  }
  for (; power < 0; power++) {
    multiply(5);
    below++;
  }
  for (i = limbs - 1; i >= 0; i--)
    for (v = limb[i], j = 8; j >= 0; j--, v /= 10)
      digits[(limbs - 1 - i) * 9 + j] = '0' + v % 10;
  digit_count = limbs * 9;
  point = digit_count - below;
  for (i = 0; digits[i] == '0'; i++)
    ;
  memmove(digits, digits + i, digit_count - i);
  digit_count -= i;
  point -= i;
}

/* Keeps the first n digits, rounded. */
static void round_digits(long n)
{
  int up = 0, i;
  if (n >= digit_count)
    return;
  if (n < 0) {
    digit_count = 0;
    return;
  }
  if (digits[n] > '5')
    up = 1;
  else if (digits[n] == '5') {
    up = n > 0 && (digits[n - 1] & 1);
    for (i = n + 1; i < digit_count; i++)
      if (digits[i] != '0')
        up = 1;
  }
  digit_count = n;
  if (up) {
    for (i = n - 1; i >= 0 && digits[i] == '9'; i--)
      digits[i] = '0';
    if (i >= 0)
      digits[i]++;
    else {
      memmove(digits + 1, digits, n);
      digits[0] = '1';
      point++;
      digit_count = n + 1;
    }
  }
}

static int digit(long i)
{
  return i >= 0 && i < digit_count ? digits[i] : '0';
}

static void put_float(struct out *o, long double x, int kind, int flags, long width, long precision)
{
  union {
    long double x;
    struct {
      unsigned long mantissa;
      unsigned short exponent;
    } bits;
  } u;
  const char *sign;
  const char *word;
  char *text, *t;
  int upper = isupper(kind), general = 0, power, negative;
  long i;
  u.x = x;
  negative = u.bits.exponent >> 15;
  power = u.bits.exponent & 0x7fff;
  sign = negative ? "-" : flags & PLUS ? "+" : flags & BLANK ? " " : "";
  kind = tolower(kind);
  if (power == 0x7fff) {
    word = u.bits.mantissa << 1 ? upper ? "NAN" : "nan" : upper ? "INF" : "inf";
    put_padded(o, sign, word, 3, 0, flags & ~ZERO, width);
    return;
  }
  if (precision < 0)
    precision = 6;
  expand(u.bits.mantissa, (power ? power : 1) - 16383 - 63);
  if (kind == 'g') {
    general = !(flags & OTHER);
    if (precision == 0)
      precision = 1;
    round_digits(precision);
    power = digit_count ? point - 1 : 0;
    if (power < -4 || power >= precision) {
      kind = 'e';
      precision--;
    } else {
      kind = 'f';
      precision -= power + 1;
    }
  }
  if (precision > 100000)
    precision = 100000;
  t = text = malloc(precision + (point > 0 ? point : 0) + 32);
  if (!text) {
    o->failed = 1;
    return;
  }
  if (kind == 'f') {
    round_digits(point + precision);
    if (digit_count == 0)
      point = 0;
    if (point <= 0)
      *t++ = '0';
    for (i = 0; i < point; i++)
      *t++ = digit(i);
    if (precision || (flags & OTHER))
      *t++ = '.';
    for (i = 0; i < precision; i++)
      *t++ = digit(point + i);
  } else {
    round_digits(precision + 1);
    *t++ = digit(0);
    if (precision || (flags & OTHER))
      *t++ = '.';
    for (i = 1; i <= precision; i++)
      *t++ = digit(i);
  }
  if (general && precision) {
    while (t[-1] == '0')
      t--;
    if (t[-1] == '.')
      t--;
  }
  if (kind == 'e') {
    power = digit_count ? point - 1 : 0;
    *t++ = upper ? 'E' : 'e';
    *t++ = power < 0 ? '-' : '+';
    if (power < 0)
      power = -power;
    if (power >= 1000)
      *t++ = '0' + power / 1000;
    if (power >= 100)
      *t++ = '0' + power / 100 % 10;
    *t++ = '0' + power / 10 % 10;
    *t++ = '0' + power % 10;
  }
  put_padded(o, sign, text, t - text, 0, flags, width);
  free(text);
}

/* ---- conversions ---- */

static void put_whole(struct out *o, unsigned long v, const char *before, int base, int upper, int flags, long width, long precision)
{
  char text[64];
  char *t = text + 64;
  long n;
  int digit_value;
  if (precision >= 0)
    flags &= ~ZERO;
  while (v) {
    digit_value = v % base;
    *--t = digit_value < 10 ? '0' + digit_value : (upper ? 'A' : 'a') + digit_value - 10;
    v /= base;
  }
  n = text + 64 - t;
  if (precision < 0)
    precision = 1;
  if (base == 8 && (flags & OTHER) && precision <= n)
    precision = n + 1;
  put_padded(o, before, t, n, precision > n ? precision - n : 0, flags, width);
}

static int number_at(const char **f, va_list *list)
{
  int n = 0;
  if (**f == '*') {
    ++*f;
    return va_arg(*list, int);
  }
  while (isdigit(**f))
    n = n * 10 + *(*f)++ - '0';
  return n;
}

static int print(struct out *o, const char *f, va_list list)
{
  for (; *f; f++) {
    int flags = 0, size = 0, is_long_double = 0, c;
    long width, precision = -1, v;
    const char *s, *before;
    char one;
    if (*f != '%') {
      put(o, *f);
      continue;
    }
    f++;
    for (;; f++) {
      if (*f == '-') flags |= LEFT;
      else if (*f == '+') flags |= PLUS;
      else if (*f == ' ') flags |= BLANK;
      else if (*f == '#') flags |= OTHER;
      else if (*f == '0') flags |= ZERO;
      else break;
    }
    width = number_at(&f, &list);
    if (width < 0) {
      flags |= LEFT;
      width = -width;
    }
    if (*f == '.') {
      f++;
      precision = number_at(&f, &list);
    }
    for (;; f++) {
      if (*f == 'l' || *f == 'z' || *f == 't' || *f == 'j') size = 8;
      else if (*f == 'h') size = size == 2 ? 1 : 2;
      else if (*f == 'L') is_long_double = 1;
      else break;
    }
    c = *f;
    switch (c) {
    case 'd': case 'i':
      v = size == 8 ? va_arg(list, long) : va_arg(list, int);
      if (size == 2) v = (short)v;
      if (size == 1) v = (signed char)v;
      before = v < 0 ? "-" : flags & PLUS ? "+" : flags & BLANK ? " " : "";
      put_whole(o, v < 0 ? -(unsigned long)v : v, before, 10, 0, flags & ~OTHER, width, precision);
      break;
    case 'u': case 'x': case 'X': case 'o':
      v = size == 8 ? va_arg(list, long) : va_arg(list, unsigned int);
      if (size == 2) v = (unsigned short)v;
      if (size == 1) v = (unsigned char)v;
      before = (flags & OTHER) && v && c != 'u' && c != 'o' ? c == 'x' ? "0x" : "0X" : "";
      if (c == 'u') flags &= ~OTHER;
      put_whole(o, v, before, c == 'u' ? 10 : c == 'o' ? 8 : 16, c == 'X', flags, width, precision);
      break;
    case 'p':
      v = va_arg(list, long);
      if (v)
        put_whole(o, v, "0x", 16, 0, flags & ~OTHER, width, precision);
      else
        put_padded(o, "", "(nil)", 5, 0, flags & ~ZERO, width);
      break;
    case 'c':
      one = va_arg(list, int);
      put_padded(o, "", &one, 1, 0, flags & ~ZERO, width);
      break;
    case 's':
      s = va_arg(list, const char *);
      if (!s)
        s = "(null)";
      for (v = 0; (precision < 0 || v < precision) && s[v]; v++)
        ;
      put_padded(o, "", s, v, 0, flags & ~ZERO, width);
      break;
    case 'f': case 'F': case 'e': case 'E': case 'g': case 'G':
      if (is_long_double)
        put_float(o, va_arg(list, long double), c, flags, width, precision);
      else
        put_float(o, va_arg(list, double), c, flags, width, precision);
      break;
    case '%':
      put(o, '%');
      break;
    default:
      /* a conversion that is not known is shown, not guessed */
      put(o, '%');
      if (!c)
        return -1;
      put(o, c);
      break;
    }
  }
  return o->failed ? -1 : (int)o->count;
}

int vfprintf(FILE *f, const char *format, va_list list)
{
  struct out o;
  memset(&o, 0, sizeof o);
  o.file = f;
  return print(&o, format, list);
}

int vsnprintf(char *to, size_t n, const char *format, va_list list)
{
  struct out o;
  int count;
  memset(&o, 0, sizeof o);
  o.to = to;
  o.room = n ? n - 1 : 0;
  count = print(&o, format, list);
  if (n)
    to[o.count < o.room ? o.count : o.room] = 0;
  return count;
}

int vprintf(const char *format, va_list list) { return vfprintf(stdout, format, list); }
int vsprintf(char *to, const char *format, va_list list) { return vsnprintf(to, 0x7fffffff, format, list); }

int printf(const char *format, ...)
{
  va_list list;
  va_start(list, format);
  return vfprintf(stdout, format, list);
}

int fprintf(FILE *f, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  return vfprintf(f, format, list);
}

int sprintf(char *to, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  return vsprintf(to, format, list);
}

int snprintf(char *to, size_t n, const char *format, ...)
{
  va_list list;
  va_start(list, format);
  return vsnprintf(to, n, format, list);
}

/* Knows %d, %u, %x, %s and %c, blanks and other characters; an `l` in front. */
int sscanf(const char *s, const char *format, ...)
{
  va_list list;
  int count = 0, is_long, base;
  char *end, *to;
  long v;
  va_start(list, format);
  for (; *format; format++) {
    if (isspace(*format)) {
      while (isspace(*s))
        s++;
      continue;
    }
    if (*format != '%') {
      if (*s++ != *format)
        break;
      continue;
    }
    is_long = 0;
    while (*++format == 'l')
      is_long = 1;
    if (*format != 'c')
      while (isspace(*s))
        s++;
    if (!*s)
      return count ? count : EOF;
    if (*format == 'd' || *format == 'u' || *format == 'x') {
      base = *format == 'x' ? 16 : 10;
      v = strtol(s, &end, base);
      if (end == s)
        break;
      s = end;
      if (is_long)
        *va_arg(list, long *) = v;
      else
        *va_arg(list, int *) = v;
    } else if (*format == 's') {
      to = va_arg(list, char *);
      while (*s && !isspace(*s))
        *to++ = *s++;
      *to = 0;
    } else if (*format == 'c')
      *va_arg(list, char *) = *s++;
    else
      break;
    count++;
  }
  return count;
}
