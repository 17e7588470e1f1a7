/* The eventfd(2) that wakes a backend's thread. */
#ifndef YB_PLATFORM_WAKE_FD_H
#define YB_PLATFORM_WAKE_FD_H

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

/* Context: any thread, and signal handlers. */
static inline void yb_wake_fd_write(int fd)
{
    const uint64_t one = 1;
    int saved = errno;
    /* It fails only when the counter is full, and then a wake-up is pending already. */
    (void)!write(fd, &one, sizeof(one));
    errno = saved;
}

#endif
