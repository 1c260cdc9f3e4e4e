/* Compiled and run once, before cc0 is taken for good: exit status 0, or the number of what went wrong. */

struct Pair { char tag; long value; struct Pair *next; };
enum { FIRST = 3, SECOND };
long squares[] = { 0, 1, 4, 9 };
char *words[] = { "one", "tw" "o" };
struct Pair pairs[3];
long calls;

long called(long result) { calls++; return result; }
long later(long a, char *b);

long main(long argc, char **argv)
{
  long i, sum = 0;
  struct Pair *p = 0;
  char small = 127;
  for (i = 0; i < 3; i++) { pairs[i].value = squares[i + 1] * -1; pairs[i].next = p; p = &pairs[i]; }
  while (p) { sum += p->value; p = p->next; }
  if (sum != -14) return 1;
  if (SECOND != 4 || words[1][2] != 'o' || words[1][3]) return 2;
  if (called(0) && called(1)) return 3;
  if (!(called(1) || called(1)) || calls != 2) return 4;
  small++;
  if (small != -128 || (char)200 != -56) return 5;
  if (-7 / 2 != -3 || -7 % 2 != -1 || -7 >> 1 != -4 || (5 & 6 | 8 ^ 1) != 13) return 6;
  switch (argc + 10) { case 11: sum = 1; case 12: sum += 2; break; default: sum = 9; }
  if (sum != 3) return 7;
  if (later(3, argv[0]) != 3 + (argv[0][0] == '/')) return 8;
  do { if (i == 1) break; i--; } while (1);
  if (i != 1 || (i ? sum : 0) != 3 || &pairs[2] - pairs != 2) return 9;
  if (sys(1, 1, (long)"cc0 compiles\n", 13) != 13) return 10;
  return 0;
}

long later(long a, char *b) { return a + (*b == '/'); }
