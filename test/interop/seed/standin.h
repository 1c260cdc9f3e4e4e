/* What cc0 declares by itself: the raw system call of the seed's language. Given to gcc with -include. */
#ifndef SEED_STANDIN_H
#define SEED_STANDIN_H

long sys(long number, long a, long b, long c);

#endif
