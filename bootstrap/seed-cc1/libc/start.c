/* Where a program begins and how it ends; system calls; setjmp. All machine code of the library is in this file. */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

int errno;
char **environ;

int main(int argc, char **argv, char **environment);

/* The kernel puts the count of arguments at rsp and the arguments behind it. rbp pushed, that is where cc1's functions have their
   return address and their parameters: the first parameter is argv[0] itself. */
void _start(char *first)
{
  char **argv = &first;
  int argc = (int)*((long *)argv - 1);
  environ = argv + argc + 1;
  exit(main(argc, argv, environ));
}

/* The kernel's answer: -errno for a fault. */
long __syscall(long number, long a, long b, long c, long d, long e, long f)
{
  __bytes("48 8b 45 10"); /* mov rax, [rbp + 16] */
  __bytes("48 8b 7d 18"); /* mov rdi, [rbp + 24] */
  __bytes("48 8b 75 20"); /* mov rsi, [rbp + 32] */
  __bytes("48 8b 55 28"); /* mov rdx, [rbp + 40] */
  __bytes("4c 8b 55 30"); /* mov r10, [rbp + 48] */
  __bytes("4c 8b 45 38"); /* mov r8, [rbp + 56] */
  __bytes("4c 8b 4d 40"); /* mov r9, [rbp + 64] */
  __bytes("0f 05"); /* syscall */
}

/* What cc0's language has built in, for sources written in it. */
long sys(long number, long a, long b, long c)
{
  return __syscall(number, a, b, c, 0, 0, 0);
}

/* The answer as C's functions give it. */
long __result(long answer)
{
  if (answer < 0 && answer > -4096) {
    errno = (int)-answer;
    return -1;
  }
  return answer;
}

/* A jmp_buf holds the caller's rbp, where its stack is after the call, and where it goes on. */
int setjmp(jmp_buf to)
{
  __bytes("48 8b 4d 10"); /* mov rcx, [rbp + 16] */
  __bytes("48 8b 45 00"); /* mov rax, [rbp + 0] */
  __bytes("48 89 01"); /* mov [rcx], rax */
  __bytes("48 8d 45 10"); /* lea rax, [rbp + 16] */
  __bytes("48 89 41 08"); /* mov [rcx + 8], rax */
  __bytes("48 8b 45 08"); /* mov rax, [rbp + 8] */
  __bytes("48 89 41 10"); /* mov [rcx + 16], rax */
  return 0;
}

void longjmp(jmp_buf to, int value)
{
  if (value == 0)
    value = 1;
  __bytes("48 8b 4d 10"); /* mov rcx, [rbp + 16] */
  __bytes("48 63 45 18"); /* movsxd rax, [rbp + 24] */
  __bytes("48 8b 29"); /* mov rbp, [rcx] */
  __bytes("48 8b 61 08"); /* mov rsp, [rcx + 8] */
  __bytes("ff 61 10"); /* jmp [rcx + 16] */
}

void _exit(int status)
{
  __syscall(231, status, 0, 0, 0, 0, 0);
  for (;;)
    ;
}

void exit(int status)
{
  fflush(NULL);
  _exit(status);
}

void abort(void)
{
  fflush(NULL);
  _exit(134);
}

void __assert_fail(const char *what, const char *file, int line)
{
  fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, what);
  abort();
}
