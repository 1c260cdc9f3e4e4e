/* Jumps out of calls: what libc/start.c keeps of a place. */
#ifndef _SETJMP_H
#define _SETJMP_H
typedef long jmp_buf[3];
int setjmp(jmp_buf to);
void longjmp(jmp_buf to, int value) __attribute__((noreturn));
#endif
