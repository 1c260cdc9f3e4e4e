/* Files and time as the kernel has them. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <semaphore.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

long __syscall(long number, long a, long b, long c, long d, long e, long f);
long __result(long answer);

extern char **environ;

int open(const char *path, int flags, ...)
{
  va_list list;
  int mode = 0;
  va_start(list, flags);
  if (flags & O_CREAT)
    mode = va_arg(list, int);
  va_end(list);
  return __result(__syscall(2, (long)path, flags, mode, 0, 0, 0));
}

ssize_t read(int handle, void *to, size_t n) { return __result(__syscall(0, handle, (long)to, n, 0, 0, 0)); }
ssize_t write(int handle, const void *from, size_t n) { return __result(__syscall(1, handle, (long)from, n, 0, 0, 0)); }
int close(int handle) { return __result(__syscall(3, handle, 0, 0, 0, 0, 0)); }
off_t lseek(int handle, off_t offset, int from) { return __result(__syscall(8, handle, offset, from, 0, 0, 0)); }
int unlink(const char *path) { return __result(__syscall(87, (long)path, 0, 0, 0, 0, 0)); }

int remove(const char *path)
{
  long answer = __syscall(87, (long)path, 0, 0, 0, 0, 0);
  if (answer == -21)
    answer = __syscall(84, (long)path, 0, 0, 0, 0, 0); /* a directory */
  return __result(answer);
}

char *getcwd(char *to, size_t n)
{
  return __result(__syscall(79, (long)to, n, 0, 0, 0, 0)) < 0 ? NULL : to;
}

char *getenv(const char *name)
{
  size_t n = strlen(name);
  char **e;
  for (e = environ; *e; e++)
    if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
      return *e + n + 1;
  return NULL;
}

/* A name without a slash is looked for along PATH. */
int execvp(const char *path, char *const arguments[])
{
  const char *folders = getenv("PATH"), *end;
  char *full;
  long answer = -ENOENT;
  if (strchr(path, '/'))
    return __result(__syscall(59, (long)path, (long)arguments, (long)environ, 0, 0, 0));
  for (; folders; folders = *end ? end + 1 : NULL) {
    end = strchr(folders, ':');
    if (!end)
      end = folders + strlen(folders);
    full = malloc(end - folders + strlen(path) + 2);
    if (!full)
      return -1;
    memcpy(full, folders, end - folders);
    full[end - folders] = '/';
    strcpy(full + (end - folders) + 1, path);
    answer = __syscall(59, (long)full, (long)arguments, (long)environ, 0, 0, 0);
    free(full);
  }
  return __result(answer);
}

int gettimeofday(struct timeval *to, void *zone) { return __result(__syscall(96, (long)to, (long)zone, 0, 0, 0, 0)); }

time_t time(time_t *to)
{
  time_t t = __syscall(201, 0, 0, 0, 0, 0, 0);
  if (to)
    *to = t;
  return t;
}

/* In UTC: no other zone is known here. */
struct tm *localtime(const time_t *t)
{
  static struct tm tm;
  static const char lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
  long days = *t / 86400, seconds = *t % 86400, year = 1970, length;
  if (seconds < 0) {
    seconds += 86400;
    days--;
  }
  tm.tm_sec = seconds % 60;
  tm.tm_min = seconds / 60 % 60;
  tm.tm_hour = seconds / 3600;
  tm.tm_wday = ((days + 4) % 7 + 7) % 7;
  while (days < 0) {
    year--;
    days += 365 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
  }
  for (;; year++) {
    length = 365 + (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    if (days < length)
      break;
    days -= length;
  }
  tm.tm_year = year - 1900;
  tm.tm_yday = days;
  tm.tm_isdst = 0;
  for (tm.tm_mon = 0; ; tm.tm_mon++) {
    long month = lengths[tm.tm_mon] + (tm.tm_mon == 1 && length == 366);
    if (days < month)
      break;
    days -= month;
  }
  tm.tm_mday = days + 1;
  return &tm;
}

int sem_init(sem_t *s, int shared, unsigned int count)
{
  s->count = count;
  return 0;
}

int sem_wait(sem_t *s)
{
  s->count--;
  return 0;
}

int sem_post(sem_t *s)
{
  s->count++;
  return 0;
}
