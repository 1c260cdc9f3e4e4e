/* The time in microseconds. */
#ifndef _SYS_TIME_H
#define _SYS_TIME_H
struct timeval {
  long tv_sec, tv_usec;
};
int gettimeofday(struct timeval *to, void *zone);
#endif
