/* Memory from the break, in blocks of powers of two; what is freed is used again for the same size. Copying and comparing bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 16 bytes in front of every block: its size class, and the next free block while it is free. */
struct block {
  long class;
  struct block *next;
};

static struct block *unused[48];
static unsigned long break_at, break_end;

long __syscall(long number, long a, long b, long c, long d, long e, long f);

static void *more(unsigned long n)
{
  unsigned long at, wanted;
  if (!break_at) {
    break_at = (__syscall(12, 0, 0, 0, 0, 0, 0) + 15) & ~15UL;
    break_end = break_at;
  }
  at = break_at;
  if (at + n > break_end) {
    wanted = at + n + 0x100000;
    if ((unsigned long)__syscall(12, wanted, 0, 0, 0, 0, 0) < wanted)
      return NULL;
    break_end = wanted;
  }
  break_at = at + n;
  return (void *)at;
}

void *malloc(size_t n)
{
  long class = 5;
  struct block *b;
  if (n > 1UL << 40) {
    errno = ENOMEM;
    return NULL;
  }
  while ((1UL << class) - sizeof (struct block) < n)
    class++;
  b = unused[class];
  if (b)
    unused[class] = b->next;
  else {
    b = more(1UL << class);
    if (!b) {
      errno = ENOMEM;
      return NULL;
    }
    b->class = class;
  }
  return b + 1;
}

void free(void *p)
{
  struct block *b = (struct block *)p - 1;
  if (!p)
    return;
  b->next = unused[b->class];
  unused[b->class] = b;
}

void *calloc(size_t count, size_t size)
{
  void *p;
  if (size && count > (1UL << 40) / size) {
    errno = ENOMEM;
    return NULL;
  }
  p = malloc(count * size);
  if (p)
    memset(p, 0, count * size);
  return p;
}

void *realloc(void *p, size_t n)
{
  struct block *b = (struct block *)p - 1;
  size_t room;
  void *q;
  if (!p)
    return malloc(n);
  room = (1UL << b->class) - sizeof (struct block);
  if (n <= room)
    return p;
  q = malloc(n);
  if (!q)
    return NULL;
  memcpy(q, p, room);
  free(p);
  return q;
}

void *memcpy(void *to, const void *from, size_t n)
{
  char *t = to;
  const char *f = from;
  for (; n >= 8; n -= 8) {
    *(long *)t = *(const long *)f;
    t += 8;
    f += 8;
  }
  while (n--)
    *t++ = *f++;
  return to;
}

void *memmove(void *to, const void *from, size_t n)
{
  char *t = to;
  const char *f = from;
  if (t <= f || t >= f + n)
    while (n--)
      *t++ = *f++;
  else
    while (n--)
      t[n] = f[n];
  return to;
}

void *memset(void *to, int byte, size_t n)
{
  char *t = to;
  unsigned long eight = (byte & 255) * 0x0101010101010101UL;
  for (; n >= 8; n -= 8) {
    *(unsigned long *)t = eight;
    t += 8;
  }
  while (n--)
    *t++ = byte;
  return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
  const unsigned char *s = a, *t = b;
  for (; n; n--, s++, t++)
    if (*s != *t)
      return *s - *t;
  return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
  const unsigned char *t = s;
  for (; n; n--, t++)
    if (*t == (unsigned char)byte)
      return (void *)t;
  return NULL;
}
