/*
 * Runs a program of cc0's language that gcc compiled: gcc stands in for cc0, so that the two can be compared.
 *
 * cc0's programs start at `long main(long, char **)`; gcc gets them with -Dmain=seed_main, and the real main is here,
 * together with the one function cc0 has built in.
 */
#undef main

extern long seed_main(long argc, char **argv);

/* Linux x86_64: number in rax, arguments in rdi, rsi, rdx; the kernel's value comes back in rax, rcx and r11 are lost. */
long sys(long number, long a, long b, long c)
{
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return result;
}

int main(int argc, char **argv)
{
  return (int)seed_main(argc, argv);
}
