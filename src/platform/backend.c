/* Choosing a backend, and what the kernel's two have in common. */
#include "platform/backend.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static const yb_backend_class *const classes[] = {
#if YB_HAVE_IO_URING
    &yb_io_uring_class,
#endif
    &yb_epoll_class,
};

enum { CLASS_COUNT = sizeof(classes) / sizeof(classes[0]) };

int64_t yb_clock_now(yb_backend *backend)
{
    (void)backend;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int yb_random_bytes(yb_backend *backend, void *ret_bytes, size_t size)
{
    (void)backend;
    char *to = ret_bytes;
    while (size > 0) {
        ssize_t n = getrandom(to, size, 0);
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            to += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

static bool known(const char *name)
{
    return strcmp(name, "io_uring") == 0 || strcmp(name, "epoll") == 0;
}

int yb_backend_open(const char *name, unsigned entries, yb_backend **ret_backend, int *ret_fallback)
{
    if (name && !known(name))
        return -EINVAL;
    bool compiled_in = CLASS_COUNT > 1;
    int error = name && strcmp(name, "io_uring") == 0 && !compiled_in ? -ENOSYS : 0;
    for (int i = 0; i < CLASS_COUNT; i++) {
        if (name && strcmp(name, "epoll") == 0 && classes[i] != &yb_epoll_class)
            continue;
        int r = classes[i]->open(entries, ret_backend);
        if (r == 0) {
            (*ret_backend)->batch = YB_TURN_BUDGET / 2;
            *ret_fallback = error;
            return 0;
        }
        error = r;
    }
    return error;
}
