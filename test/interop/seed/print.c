/* What the programs of seed-cc0.test.ts print with: part of each of them. */

long out(char *text)
{
  long length = 0;
  while (text[length])
    length++;
  return sys(1, 1, (long)text, length);
}

void show(long number)
{
  char digits[24];
  char *first = digits + 23;
  long negative = number < 0;
  *first = 0;
  do {
    long digit = number % 10;
    if (digit < 0)
      digit = -digit;
    *--first = (char)('0' + digit);
    number /= 10;
  } while (number);
  if (negative)
    *--first = '-';
  out(first);
  out(" ");
}
