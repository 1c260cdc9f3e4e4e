/* Scaling by powers of two; there is no other mathematics. */
#ifndef _MATH_H
#define _MATH_H
double ldexp(double x, int power);
long double ldexpl(long double x, int power);
#endif
