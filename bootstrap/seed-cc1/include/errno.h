/* Why a call failed: the kernel's numbers, those that are asked for by name. */
#ifndef _ERRNO_H
#define _ERRNO_H
extern int errno;
#define ENOENT 2
#define EINTR 4
#define ENOMEM 12
#define EEXIST 17
#define EINVAL 22
#define ERANGE 34
#endif
