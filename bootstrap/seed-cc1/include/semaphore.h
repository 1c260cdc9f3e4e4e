/* cc1's programs have one thread: a semaphore is a number nobody waits for. */
#ifndef _SEMAPHORE_H
#define _SEMAPHORE_H
typedef struct {
  int count;
} sem_t;
int sem_init(sem_t *s, int shared, unsigned int count);
int sem_wait(sem_t *s);
int sem_post(sem_t *s);
#endif
