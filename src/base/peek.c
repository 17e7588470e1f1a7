/* The kernel copies: from this process as if it were another, or into a pipe and out of it. */
#include "base/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

ssize_t yb_peek_through_pipe(void *ret_bytes, const void *from, size_t size)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    ssize_t n =
        syscall(SYS_write, ends[1], from, size); /* sanitizers look at what write is given */
    if (n > 0)
        n = read(ends[0], ret_bytes, (size_t)n);
    close(ends[0]);
    close(ends[1]);
    return n;
}

ssize_t yb_peek(void *ret_bytes, const void *from, size_t size)
{
    struct iovec here = {ret_bytes, size}, there = {(void *)(size_t)from, size};
    ssize_t n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
    return n >= 0 || errno == EFAULT ? n : yb_peek_through_pipe(ret_bytes, from, size);
}
