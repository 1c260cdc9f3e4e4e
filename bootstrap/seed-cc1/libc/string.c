/* Texts that end at NUL, kinds of characters, sorting. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

size_t strlen(const char *s)
{
  const char *e = s;
  while (*e)
    e++;
  return e - s;
}

char *strcpy(char *to, const char *from)
{
  char *t = to;
  while ((*t++ = *from++) != 0)
    ;
  return to;
}

char *strncpy(char *to, const char *from, size_t n)
{
  size_t i;
  for (i = 0; i < n && from[i]; i++)
    to[i] = from[i];
  for (; i < n; i++)
    to[i] = 0;
  return to;
}

char *strcat(char *to, const char *from)
{
  strcpy(to + strlen(to), from);
  return to;
}

int strcmp(const char *a, const char *b)
{
  while (*a && *a == *b) {
    a++;
    b++;
  }
  return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
  while (n && *a && *a == *b) {
    a++;
    b++;
    n--;
  }
  return n ? (unsigned char)*a - (unsigned char)*b : 0;
}

char *strchr(const char *s, int c)
{
  for (;; s++) {
    if (*s == (char)c)
      return (char *)s;
    if (!*s)
      return NULL;
  }
}

char *strrchr(const char *s, int c)
{
  const char *found = NULL;
  for (;; s++) {
    if (*s == (char)c)
      found = s;
    if (!*s)
      return (char *)found;
  }
}

char *strstr(const char *s, const char *part)
{
  size_t n = strlen(part);
  for (;; s++) {
    if (strncmp(s, part, n) == 0)
      return (char *)s;
    if (!*s)
      return NULL;
  }
}

char *strdup(const char *s)
{
  char *t = malloc(strlen(s) + 1);
  return t ? strcpy(t, s) : NULL;
}

int isdigit(int c) { return c >= '0' && c <= '9'; }
int isupper(int c) { return c >= 'A' && c <= 'Z'; }
int islower(int c) { return c >= 'a' && c <= 'z'; }
int isalpha(int c) { return isupper(c) || islower(c); }
int isalnum(int c) { return isalpha(c) || isdigit(c); }
int isspace(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
int isxdigit(int c) { return isdigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
int isprint(int c) { return c >= 32 && c < 127; }
int ispunct(int c) { return c > 32 && c < 127 && !isalnum(c); }
int toupper(int c) { return islower(c) ? c - 'a' + 'A' : c; }
int tolower(int c) { return isupper(c) ? c - 'A' + 'a' : c; }

int abs(int n) { return n < 0 ? -n : n; }

static void swap(char *a, char *b, size_t n)
{
  char c;
  while (n--) {
    c = *a;
    *a++ = *b;
    *b++ = c;
  }
}

/* Heap sort: no worst case, no memory. Equal elements may change places, as C allows. */
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
  char *b = base;
  size_t begin = count / 2, end = count, parent, child;
  while (end > 1) {
    if (begin > 0)
      begin--;
    else {
      end--;
      swap(b, b + end * size, size);
    }
    parent = begin;
    while ((child = parent * 2 + 1) < end) {
      if (child + 1 < end && compare(b + child * size, b + (child + 1) * size) < 0)
        child++;
      if (compare(b + parent * size, b + child * size) >= 0)
        break;
      swap(b + parent * size, b + child * size, size);
      parent = child;
    }
  }
}
