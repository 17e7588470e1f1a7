/* Files to sockets and pipes.
 *
 * sendfile(2) waits for the disk, so it runs on a thread, and for the socket, unless that is in
 * non-blocking mode: then it answers -EAGAIN, and the task waits until there is room.  What is
 * small is read and sent, which takes less time than to ask a thread. */
#include <errno.h>
#include <yibu/copy.h>
#include <yibu/io.h>

#include "io/copy.h"
#include "io/file_call.h"

/* A cancel waits for one call. */
enum { AT_ONCE = 2 * 1024 * 1024 };

/* Whether sendfile(2) would neither hold a thread nor be refused. */
static bool suits(int fd, size_t count)
{
    if (count <= YB_COPY_BUFFER || yb_loop_current->backend->class->network)
        return false;
    return !yb_fd_can_wait(fd) || (fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static bool is_aborted(const yb_send_target *target)
{
    return target->is_aborted && *target->is_aborted;
}

static ssize_t send_some(const yb_send_target *target, int file, int64_t offset, size_t count)
{
    yb_file_call call = {.verb = YB_FILE_SENDFILE,
                         .fd = file,
                         .offset = offset,
                         .other_fd = target->duplicate,
                         .size = count < AT_ONCE ? count : AT_ONCE};
    ssize_t n = 0;
    while (n >= 0 && !is_aborted(target)) {
        n = yb_file_call_make(&call);
        if (n != -EAGAIN)
            return n;
        n = yibu_wait_writable(target->fd);
    }
    return is_aborted(target) ? -ECONNABORTED : n;
}

static int send_piece(void *arg, const char *data, size_t size, size_t *sent)
{
    yb_send_target *target = arg;
    return is_aborted(target) ? -ECONNABORTED : yb_copy_to_fd(&target->fd, data, size, sent);
}

int yb_sendfile(const yb_send_target *target, int file, int64_t offset, size_t count, size_t *sent)
{
    yb_send_target to = *target;
    ssize_t n = -EINVAL;
    if (suits(to.fd, count))
        while (*sent < count &&
               (n = send_some(&to, file, offset + (int64_t)*sent, count - *sent)) > 0)
            *sent += (size_t)n;
    if (n < 0 && yb_copy_refused(n))
        return yb_copy_through(file, offset, count, send_piece, &to, sent);
    return n < 0 ? (int)n : 0;
}

ssize_t yibu_sendfile(int fd, int file, int64_t offset, size_t count, size_t *ret_sent)
{
    int r;
    if (!yb_task_require(&r))
        return r;
    if (fd < 0 || file < 0)
        return -EBADF;
    if (offset < 0)
        return -EINVAL;
    size_t sent = 0;
    const yb_send_target target = {fd, fd, NULL};
    r = yb_sendfile(&target, file, offset, count, &sent);
    if (ret_sent)
        *ret_sent = sent;
    return r < 0 ? r : (ssize_t)sent;
}

/* Waits for the one of both that is not ready; which one, the kernel does not say. */
static int wait_for_both(int from, int to)
{
    int r = yb_fd_can_wait(from) ? yibu_wait_readable(from) : 0;
    if (r == 0 && yb_fd_can_wait(to))
        r = yibu_wait_writable(to);
    return r;
}

ssize_t yibu_splice(int from, int64_t from_offset, int to, int64_t to_offset, size_t size)
{
    enum { NONBLOCK = 2 }; /* SPLICE_F_NONBLOCK: no thread is held by a pipe */
    if (from < 0 || to < 0)
        return -EBADF;
    yb_file_call call = {.verb = YB_FILE_SPLICE,
                         .fd = from,
                         .offset = from_offset < 0 ? -1 : from_offset,
                         .other_fd = to,
                         .other_offset = to_offset < 0 ? -1 : to_offset,
                         .size = size < AT_ONCE ? size : AT_ONCE,
                         .flags = NONBLOCK};
    ssize_t n;
    while ((n = yb_file_call_make(&call)) == -EAGAIN) {
        n = wait_for_both(from, to);
        if (n < 0)
            return n;
    }
    return n;
}
