/* Streams, printf and its kin. */
#ifndef _STDIO_H
#define _STDIO_H
#include <stddef.h>
#include <stdarg.h>
#define EOF (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define BUFSIZ 4096
typedef struct __file FILE;
extern FILE *stdin, *stdout, *stderr;
FILE *fopen(const char *path, const char *mode);
FILE *fdopen(int handle, const char *mode);
int fclose(FILE *f);
int fflush(FILE *f);
size_t fread(void *to, size_t size, size_t count, FILE *f);
size_t fwrite(const void *from, size_t size, size_t count, FILE *f);
int fseek(FILE *f, long offset, int from);
long ftell(FILE *f);
int fgetc(FILE *f);
char *fgets(char *to, int n, FILE *f);
int getc(FILE *f);
int feof(FILE *f);
int ferror(FILE *f);
int fputc(int c, FILE *f);
int putc(int c, FILE *f);
int fputs(const char *s, FILE *f);
int putchar(int c);
int puts(const char *s);
int remove(const char *path);
int printf(const char *format, ...);
int fprintf(FILE *f, const char *format, ...);
int sprintf(char *to, const char *format, ...);
int snprintf(char *to, size_t n, const char *format, ...);
int vprintf(const char *format, va_list list);
int vfprintf(FILE *f, const char *format, va_list list);
int vsprintf(char *to, const char *format, va_list list);
int vsnprintf(char *to, size_t n, const char *format, va_list list);
int sscanf(const char *s, const char *format, ...);
#endif
