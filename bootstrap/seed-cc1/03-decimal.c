/* cc1, decimal: arithmetic the language does not have: unsigned 64-bit numbers, and floating constants without any floating
   instruction. It stands on nothing else, so that the C library's strtod is this same text (libc/number.c).

   A floating number is mantissa × 2^(exponent - 63), the mantissa 64 bits without sign, its highest bit set; 0 is mantissa 0;
   an exponent of FLOAT_INFINITE is infinity. What was cut off below the mantissa is `float_rest`: 0 nothing, 1 less than half a
   unit, 2 half, 3 more. Decimal numbers are read exactly, with integers of any length, and rounded once, to nearest, ties to even. */

/* Unsigned 64-bit arithmetic: the language has only the signed kind. */

static long unsigned_less(long a, long b)
{
  if ((a < 0) != (b < 0))
    return b < 0;
  return a < b;
}

/* a without sign, shifted right by n (0…63) */
static long unsigned_shift(long a, long n)
{
  if (n == 0)
    return a;
  return (a >> n) & ~((long)-1 << (64 - n));
}

static long unsigned_divide(long a, long b)
{
  long quotient;
  if (b < 0)
    return !unsigned_less(a, b);
  if (a >= 0)
    return a / b;
  quotient = (unsigned_shift(a, 1) / b) << 1;
  if (!unsigned_less(a - quotient * b, b))
    quotient++;
  return quotient;
}

static long unsigned_remainder(long a, long b)
{
  return a - unsigned_divide(a, b) * b;
}

enum { FLOAT_INFINITE = 20000, LIMB_BITS = 30, LIMB_MASK = 0x3fffffff, DIGITS_LIMIT = 4000 };

static long float_mantissa;
static long float_exponent;
static long float_rest;

/* A long integer without sign: limb[0] is the lowest. The longest is 10^9000, 997 limbs: a number below 10^-5000 is 0 before it is
   divided. */
struct Big {
  long count;
  long limb[1400];
};

static struct Big big_upper;
static struct Big big_lower;

static void big_multiply_add(struct Big *b, long factor, long more)
{
  long i;
  for (i = 0; i < b->count; i++) {
    more += b->limb[i] * factor;
    b->limb[i] = more & LIMB_MASK;
    more >>= LIMB_BITS;
  }
  if (more) {
    b->limb[b->count] = more;
    b->count++;
  }
}

static long big_bits(struct Big *b)
{
  long n = (b->count - 1) * LIMB_BITS;
  long top;
  if (b->count == 0)
    return 0;
  top = b->limb[b->count - 1];
  while (top) {
    n++;
    top >>= 1;
  }
  return n;
}

static void big_shift(struct Big *b, long n)
{
  long whole = n / LIMB_BITS;
  long i;
  if (whole) {
    for (i = b->count - 1; i >= 0; i--)
      b->limb[i + whole] = b->limb[i];
    for (i = 0; i < whole; i++)
      b->limb[i] = 0;
    b->count += whole;
  }
  big_multiply_add(b, (long)1 << (n % LIMB_BITS), 0);
}

static long big_less(struct Big *a, struct Big *b)
{
  long i;
  if (a->count != b->count)
    return a->count < b->count;
  for (i = a->count - 1; i >= 0; i--)
    if (a->limb[i] != b->limb[i])
      return a->limb[i] < b->limb[i];
  return 0;
}

/* a -= b, which is not more */
static void big_subtract(struct Big *a, struct Big *b)
{
  long i;
  long borrow = 0;
  for (i = 0; i < a->count; i++) {
    borrow = a->limb[i] - borrow;
    if (i < b->count)
      borrow -= b->limb[i];
    a->limb[i] = borrow & LIMB_MASK;
    borrow = borrow < 0;
  }
  while (a->count > 0 && a->limb[a->count - 1] == 0)
    a->count--;
}

/* Reads the longest decimal number that begins at s (no sign), into float_*; gives its length, 0 when there is none or it has
   more than DIGITS_LIMIT digits.

     decimal = (digits [`.` [digits]] | `.` digits) [(`e`|`E`) [`+`|`-`] digits] */
static long read_decimal(char *s)
{
  long i = 0;
  long j;
  long digits = 0;
  long scale = 0;
  long exponent = 0;
  long negative = 0;
  long point = 0;
  big_upper.count = 0;
  while ((s[i] >= '0' && s[i] <= '9') || (s[i] == '.' && !point)) {
    if (s[i] == '.')
      point = 1;
    else {
      digits++;
      if (digits > DIGITS_LIMIT)
        return 0;
      big_multiply_add(&big_upper, 10, s[i] - '0');
      if (point)
        scale--;
    }
    i++;
  }
  if (digits == 0)
    return 0;
  if (s[i] == 'e' || s[i] == 'E') {
    j = i + 1;
    if (s[j] == '+' || s[j] == '-') {
      negative = s[j] == '-';
      j++;
    }
    if (s[j] >= '0' && s[j] <= '9') {
      while (s[j] >= '0' && s[j] <= '9') {
        if (exponent < 100000)
          exponent = exponent * 10 + s[j] - '0';
        j++;
      }
      i = j;
      scale += negative ? -exponent : exponent;
    }
  }
  float_rest = 0;
  float_mantissa = 0;
  float_exponent = 0;
  if (big_upper.count == 0)
    return i;
  if (digits + scale > 5000) {
    float_mantissa = (long)1 << 63;
    float_exponent = FLOAT_INFINITE;
    return i;
  }
  if (digits + scale < -5000)
    return i;
  /* upper / lower is the number; both are shifted until upper / lower is at least 1 and less than 2 */
  big_lower.count = 1;
  big_lower.limb[0] = 1;
  while (scale > 0) {
    big_multiply_add(&big_upper, 10, 0);
    scale--;
  }
  while (scale < 0) {
    big_multiply_add(&big_lower, 10, 0);
    scale++;
  }
  float_exponent = big_bits(&big_upper) - big_bits(&big_lower);
  if (float_exponent > 0)
    big_shift(&big_lower, float_exponent);
  else
    big_shift(&big_upper, -float_exponent);
  if (big_less(&big_upper, &big_lower)) {
    big_multiply_add(&big_upper, 2, 0);
    float_exponent--;
  }
  for (j = 0; j < 64; j++) {
    float_mantissa <<= 1;
    if (!big_less(&big_upper, &big_lower)) {
      float_mantissa |= 1;
      big_subtract(&big_upper, &big_lower);
    }
    big_multiply_add(&big_upper, 2, 0);
  }
  if (big_upper.count)
    float_rest = big_less(&big_upper, &big_lower) ? 1 : big_less(&big_lower, &big_upper) ? 3 : 2;
  return i;
}

/* float_* from a whole number without sign */
static void float_from_whole(long n)
{
  float_rest = 0;
  float_exponent = 63;
  float_mantissa = n;
  if (n == 0)
    float_exponent = 0;
  else
    while (float_mantissa > 0) {
      float_mantissa <<= 1;
      float_exponent--;
    }
}

/* Rounds float_* to `bits` bits; exponents below `least` lose bits instead, those above `most` are infinite. */
static void round_float(long bits, long least, long most)
{
  long drop = 64 - bits;
  long kept;
  long half;
  long rest = float_rest != 0;
  if (float_mantissa == 0 || float_exponent == FLOAT_INFINITE)
    return;
  if (float_exponent < least)
    drop += least - float_exponent;
  if (drop == 0) {
    kept = float_mantissa;
    half = float_rest >= 2;
    rest = float_rest & 1;
  } else if (drop <= 64) {
    kept = drop == 64 ? 0 : unsigned_shift(float_mantissa, drop);
    half = unsigned_shift(float_mantissa, drop - 1) & 1;
    if (drop > 1 && (float_mantissa << (65 - drop)) != 0)
      rest = 1;
  } else {
    kept = 0;
    half = 0;
  }
  float_rest = 0;
  if (half && (rest || (kept & 1))) {
    kept++;
    if (kept == 0) {
      kept = (long)1 << 63;
      float_exponent++;
    }
  }
  float_mantissa = kept;
  if (kept == 0) {
    float_exponent = 0;
    return;
  }
  float_exponent += drop;
  while (float_mantissa > 0) {
    float_mantissa <<= 1;
    float_exponent--;
  }
  if (float_exponent > most) {
    float_mantissa = (long)1 << 63;
    float_exponent = FLOAT_INFINITE;
  }
}

/* Rounds float_* to a format of 4, 8 or 16 bytes: float, double, long double. */
static void round_to_format(long size)
{
  if (size == 4)
    round_float(24, -126, 127);
  else if (size == 8)
    round_float(53, -1022, 1023);
  else
    round_float(64, -16382, 16383);
}

/* Writes float_*, rounded to the format before, in a format of 4, 8 or 16 bytes (IEEE 754 single and double, x87 extended). */
static void store_float(char *to, long size, long negative)
{
  long fraction_bits = size == 4 ? 23 : size == 8 ? 52 : 64;
  long bias = size == 4 ? 127 : size == 8 ? 1023 : 16383;
  long biased = float_exponent + bias;
  long bits = float_mantissa;
  long i;
  if (float_mantissa == 0)
    biased = 0;
  else if (float_exponent == FLOAT_INFINITE)
    biased = bias * 2 + 1;
  else if (biased < 1) {
    bits = unsigned_shift(bits, 1 - biased);
    biased = 0;
  }
  if (size < 16) {
    bits = unsigned_shift(bits, 63 - fraction_bits) & (((long)1 << fraction_bits) - 1);
    bits |= biased << fraction_bits;
    if (negative)
      bits |= (long)1 << (size * 8 - 1);
  }
  for (i = 0; i < 8 && i < size; i++)
    to[i] = (char)(bits >> (i * 8));
  if (size == 16) {
    if (negative)
      biased |= 0x8000;
    to[8] = (char)biased;
    to[9] = (char)(biased >> 8);
    for (i = 10; i < 16; i++)
      to[i] = 0;
  }
}
