/* The kernel's files, by number. */
#ifndef _UNISTD_H
#define _UNISTD_H
#include <stddef.h>
typedef long ssize_t;
typedef long off_t;
#define STDIN_FILENO 0
#define STDOUT_FILENO 1
#define STDERR_FILENO 2
ssize_t read(int handle, void *to, size_t n);
ssize_t write(int handle, const void *from, size_t n);
int close(int handle);
off_t lseek(int handle, off_t offset, int from);
int unlink(const char *path);
int execvp(const char *path, char *const arguments[]);
char *getcwd(char *to, size_t n);
void _exit(int status) __attribute__((noreturn));
#endif
