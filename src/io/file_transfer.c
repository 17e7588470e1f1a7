/* Reading and writing files.  What turns out to be no file is waited for as descriptors are. */
#include <errno.h>
#include <unistd.h>
#include <yibu/file.h>
#include <yibu/io.h>

#include "io/fd_op.h"
#include "io/file_call.h"
#include "io/file_memory.h"

/* By the operation that waits until there is something to transfer. */
static ssize_t wait_and_transfer(const yb_file_call *call, void *buffer, size_t size)
{
    bool reads = call->verb == YB_FILE_READ || call->verb == YB_FILE_READV;
    return yb_fd_transfer(reads ? YB_OP_READ : YB_OP_WRITE, call->fd, buffer, size);
}

static ssize_t transfer(yb_file_verb verb, int fd, void *buffer, size_t size, int64_t offset)
{
    if (fd < 0)
        return -EBADF;
    if (!buffer && size > 0)
        return -EINVAL;
    yb_file_call call = {.verb = (uint8_t)verb,
                         .memory = yb_file_memory_find(buffer, size),
                         .fd = fd,
                         .buffer = buffer,
                         .size = size < YB_MAX_TRANSFER ? size : YB_MAX_TRANSFER,
                         .offset = offset};
    ssize_t r = yb_file_call_make(&call);
    return r == -EAGAIN ? wait_and_transfer(&call, buffer, size) : r;
}

ssize_t yibu_file_read(int fd, void *ret_buffer, size_t size)
{
    return transfer(YB_FILE_READ, fd, ret_buffer, size, -1);
}

/* io_uring leaves the position where it was after a write that failed in its middle, a full disk's
 * for instance, though it says how much was written. */
ssize_t yibu_file_write(int fd, const void *data, size_t size)
{
    off_t before = lseek(fd, 0, SEEK_CUR);
    ssize_t n = transfer(YB_FILE_WRITE, fd, (void *)(uintptr_t)data, size, -1);
    if (n > 0 && (size_t)n < size && before >= 0 && lseek(fd, 0, SEEK_CUR) == before)
        (void)lseek(fd, before + n, SEEK_SET);
    return n;
}

ssize_t yibu_file_read_at(int fd, void *ret_buffer, size_t size, int64_t offset)
{
    return offset < 0 ? -EINVAL : transfer(YB_FILE_READ, fd, ret_buffer, size, offset);
}

ssize_t yibu_file_write_at(int fd, const void *data, size_t size, int64_t offset)
{
    if (offset < 0)
        return -EINVAL;
    return transfer(YB_FILE_WRITE, fd, (void *)(uintptr_t)data, size, offset);
}

/* A pipe may transfer less than it could: the first piece that is not empty. */
static ssize_t wait_and_transfer_one(const yb_file_call *call)
{
    for (size_t i = 0; i < call->size; i++)
        if (call->vectors[i].iov_len > 0)
            return wait_and_transfer(call, call->vectors[i].iov_base, call->vectors[i].iov_len);
    return 0;
}

static ssize_t transfer_pieces(yb_file_verb verb, int fd, const struct iovec *pieces, size_t count,
                               int64_t offset)
{
    enum { MOST = 1024 }; /* IOV_MAX of Linux */
    if (fd < 0)
        return -EBADF;
    if ((!pieces && count > 0) || count > MOST || offset < -1)
        return -EINVAL;
    yb_file_call call = {
        .verb = (uint8_t)verb, .fd = fd, .vectors = pieces, .size = count, .offset = offset};
    ssize_t r = yb_file_call_make(&call);
    return r == -EAGAIN ? wait_and_transfer_one(&call) : r;
}

ssize_t yibu_file_readv(int fd, const struct iovec *pieces, size_t count, int64_t offset)
{
    return transfer_pieces(YB_FILE_READV, fd, pieces, count, offset);
}

ssize_t yibu_file_writev(int fd, const struct iovec *pieces, size_t count, int64_t offset)
{
    return transfer_pieces(YB_FILE_WRITEV, fd, pieces, count, offset);
}
