/* Streams: a file and a buffer that holds either what was read ahead or what is still to be written. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct __file {
  int handle;
  int append, unbuffered, ended, failed;
  int to_write;               /* bytes in the buffer that are to be written */
  int at, end;                /* bytes in the buffer that were read: at … end */
  char buffer[BUFSIZ];
  struct __file *next;
};

static struct __file streams[3] = { { 0 }, { 1 }, { 2, 0, 1 } };
static struct __file *opened;

FILE *stdin = &streams[0], *stdout = &streams[1], *stderr = &streams[2];

static int flush_one(FILE *f)
{
  int done = 0;
  long n;
  while (done < f->to_write) {
    n = write(f->handle, f->buffer + done, f->to_write - done);
    if (n <= 0) {
      f->failed = 1;
      f->to_write = 0;
      return EOF;
    }
    done += n;
  }
  f->to_write = 0;
  return 0;
}

int fflush(FILE *f)
{
  int status = 0;
  if (f)
    return flush_one(f);
  for (f = opened; f; f = f->next)
    status |= flush_one(f);
  return status | flush_one(stdout) | flush_one(stderr);
}

FILE *fdopen(int handle, const char *mode)
{
  FILE *f = calloc(1, sizeof *f);
  if (!f)
    return NULL;
  f->handle = handle;
  f->next = opened;
  opened = f;
  return f;
}

FILE *fopen(const char *path, const char *mode)
{
  int both = strchr(mode, '+') != NULL, handle;
  int flags = both ? O_RDWR : *mode == 'r' ? O_RDONLY : O_WRONLY;
  if (*mode == 'w')
    flags |= O_CREAT | O_TRUNC;
  if (*mode == 'a')
    flags |= O_CREAT | O_APPEND;
  handle = open(path, flags, 0666);
  return handle < 0 ? NULL : fdopen(handle, mode);
}

int fclose(FILE *f)
{
  int status = flush_one(f);
  FILE **link;
  if (close(f->handle) < 0)
    status = EOF;
  for (link = &opened; *link; link = &(*link)->next)
    if (*link == f) {
      *link = f->next;
      free(f);
      break;
    }
  return status;
}

int fgetc(FILE *f)
{
  if (f->to_write)
    flush_one(f);
  if (f->at == f->end) {
    f->at = 0;
    f->end = read(f->handle, f->buffer, BUFSIZ);
    if (f->end <= 0) {
      if (f->end < 0)
        f->failed = 1;
      else
        f->ended = 1;
      f->end = 0;
      return EOF;
    }
  }
  return (unsigned char)f->buffer[f->at++];
}

int getc(FILE *f) { return fgetc(f); }
int feof(FILE *f) { return f->ended; }
int ferror(FILE *f) { return f->failed; }

char *fgets(char *to, int n, FILE *f)
{
  int i = 0, c = 0;
  while (i < n - 1 && c != '\n' && (c = fgetc(f)) != EOF)
    to[i++] = c;
  if (i == 0)
    return NULL;
  to[i] = 0;
  return to;
}

size_t fread(void *to, size_t size, size_t count, FILE *f)
{
  size_t n = size * count, i;
  char *t = to;
  int c;
  for (i = 0; i < n && (c = fgetc(f)) != EOF; i++)
    t[i] = c;
  return size ? i / size : 0;
}

int fputc(int c, FILE *f)
{
  if (f->at != f->end)
    lseek(f->handle, f->at - f->end, SEEK_CUR);
  f->at = f->end = 0;
  f->buffer[f->to_write++] = c;
  if ((f->to_write == BUFSIZ || f->unbuffered) && flush_one(f) < 0)
    return EOF;
  return (unsigned char)c;
}

int putc(int c, FILE *f) { return fputc(c, f); }
int putchar(int c) { return fputc(c, stdout); }

size_t fwrite(const void *from, size_t size, size_t count, FILE *f)
{
  size_t n = size * count, i = 0, part;
  const char *s = from;
  if (n && fputc(*s, f) != EOF)
    for (i = 1; i < n; i += part) {
      part = BUFSIZ - f->to_write;
      if (part > n - i)
        part = n - i;
      memcpy(f->buffer + f->to_write, s + i, part);
      f->to_write += part;
      if ((f->to_write == BUFSIZ || f->unbuffered) && flush_one(f) < 0)
        break;
    }
  return size ? i / size : 0;
}

int fputs(const char *s, FILE *f)
{
  size_t n = strlen(s);
  return fwrite(s, 1, n, f) == n ? 0 : EOF;
}

int puts(const char *s)
{
  return fputs(s, stdout) == EOF || putchar('\n') == EOF ? EOF : 0;
}

int fseek(FILE *f, long offset, int from)
{
  if (flush_one(f) < 0)
    return -1;
  if (from == SEEK_CUR)
    offset += f->at - f->end;
  f->at = f->end = f->ended = 0;
  return lseek(f->handle, offset, from) < 0 ? -1 : 0;
}

long ftell(FILE *f)
{
  long at = lseek(f->handle, 0, SEEK_CUR);
  return at < 0 ? -1 : at + f->to_write + f->at - f->end;
}
