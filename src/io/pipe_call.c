/* See pipe_call.h.
 *
 * Linux has flags for both: RWF_NOWAIT (for pipes since 6.4, never for terminals) and RWF_NOSIGNAL
 * (6.18).  Where it refuses them, a descriptor in blocking mode is asked by poll(2) first and given
 * no more than it then takes; and SIGPIPE is blocked while this thread writes, and taken off it. */
#include "io/pipe_call.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum {
    NO_SIGNAL = 0x100,   /* RWF_NOSIGNAL */
    TERMINAL_BYTES = 64, /* to one in blocking mode at once: the little that surely has room */
};

static atomic_bool signal_flag_refused;
static atomic_bool flags_forgotten;

void yb_pipe_forget_flags(bool forget)
{
    atomic_store(&flags_forgotten, forget);
    atomic_store(&signal_flag_refused, forget);
}

static bool ready(int fd, short events)
{
    struct pollfd query = {.fd = fd, .events = events};
    return poll(&query, 1, 0) != 0;
}

/* As the system calls: -1 with errno. */
static ssize_t refuse(int error)
{
    errno = error;
    return -1;
}

static ssize_t read_carefully(int fd, void *buffer, size_t size)
{
    const struct iovec piece = {buffer, size};
    if (!atomic_load_explicit(&flags_forgotten, memory_order_relaxed)) {
        ssize_t n = preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
        if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
            return n;
    }
    return ready(fd, POLLIN) ? read(fd, buffer, size) : refuse(EAGAIN);
}

ssize_t yb_pipe_read(int fd, void *buffer, size_t size, bool careful)
{
    ssize_t n;
    do
        n = careful ? read_carefully(fd, buffer, size) : read(fd, buffer, size);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void take_signal(const sigset_t *set)
{
    const struct timespec now = {0, 0};
    while (sigtimedwait(set, NULL, &now) < 0 && errno == EINTR)
        ;
}

static ssize_t write_with_signal_blocked(int fd, const struct iovec *pieces, int count, int flags)
{
    sigset_t pipe, before;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    (void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
    ssize_t n = pwritev2(fd, pieces, count, -1, flags);
    int error = errno;
    if (n < 0 && error == EPIPE)
        take_signal(&pipe);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return n;
}

static ssize_t write_quietly(int fd, const struct iovec *pieces, int count, int flags)
{
    if (!atomic_load_explicit(&signal_flag_refused, memory_order_relaxed)) {
        ssize_t n = pwritev2(fd, pieces, count, -1, flags | NO_SIGNAL);
        if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
            return n;
        n = write_with_signal_blocked(fd, pieces, count, flags);
        if (n >= 0) /* it was the flag that was refused */
            atomic_store_explicit(&signal_flag_refused, true, memory_order_relaxed);
        return n;
    }
    return write_with_signal_blocked(fd, pieces, count, flags);
}

static ssize_t write_little(int fd, const struct iovec *piece)
{
    if (!ready(fd, POLLOUT))
        return refuse(EAGAIN);
    size_t most = isatty(fd) ? TERMINAL_BYTES : PIPE_BUF;
    const struct iovec little = {piece->iov_base, piece->iov_len < most ? piece->iov_len : most};
    return write_quietly(fd, &little, 1, 0);
}

static ssize_t write_carefully(int fd, const struct iovec *pieces, int count)
{
    if (!atomic_load_explicit(&flags_forgotten, memory_order_relaxed)) {
        ssize_t n = write_quietly(fd, pieces, count, RWF_NOWAIT);
        if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
            return n;
    }
    return write_little(fd, pieces);
}

ssize_t yb_pipe_write(int fd, const struct iovec *pieces, size_t count, bool careful)
{
    int most = count < IOV_MAX ? (int)count : IOV_MAX;
    ssize_t n;
    do
        n = careful ? write_carefully(fd, pieces, most) : write_quietly(fd, pieces, most, 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}
