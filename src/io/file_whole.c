/* Whole files, read and written. */
#include <errno.h>
#include <sys/stat.h>
#include <yibu/error.h>
#include <yibu/file.h>
#include <yibu/io.h>

#include "base/options.h"
#include "io/fd_op.h"
#include "io/file_call.h"
#include "io/file_replace.h"

/* What is asked for first: most files are smaller, and need not be asked for their size. */
enum { FIRST = 4096 };

/* Reads once into the buffer's room.  *ret_ended: that was the end of the file. */
static ssize_t read_into(int fd, size_t have, yibu_buffer *buffer, bool *ret_ended)
{
    size_t room = buffer->capacity - buffer->size;
    yb_file_call call = {.verb = YB_FILE_READ,
                         .buffered = true,
                         .fd = fd,
                         .buffer = (char *)buffer->data + buffer->size,
                         .size = room < YB_MAX_TRANSFER ? room : YB_MAX_TRANSFER,
                         .offset = (int64_t)have};
    ssize_t n = yb_file_call_make(&call);
    if (n == -EAGAIN || n == -ESPIPE) /* no file */
        n = yb_fd_transfer(YB_OP_READ, fd, call.buffer, call.size);
    if (n > 0)
        buffer->size += (size_t)n;
    *ret_ended = n == 0 || call.ended;
    return n;
}

/* How much more to make room for, once the first bytes were not all. */
static size_t more(int fd, size_t have)
{
    struct statx about;
    if (have <= FIRST &&
        statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_SIZE, &about) == 0 &&
        about.stx_size > have)
        return (size_t)(about.stx_size - have) + 1; /* one more, to meet the end at once */
    return have;
}

static int make_room(int fd, yibu_buffer *buffer, size_t have, size_t max_size)
{
    if (have == 0 && buffer->capacity - buffer->size >= FIRST)
        return 0;
    if (have > 0 && buffer->capacity > buffer->size)
        return 0;
    size_t room = have == 0 ? FIRST : more(fd, have);
    if (room > max_size - have)
        room = max_size - have + 1;
    return yibu_buffer_reserve(buffer, room);
}

static ssize_t read_all(int fd, size_t max_size, yibu_buffer *buffer)
{
    size_t start = buffer->size;
    for (bool ended = false; !ended;) {
        int r = make_room(fd, buffer, buffer->size - start, max_size);
        if (r < 0)
            return r;
        ssize_t n = read_into(fd, buffer->size - start, buffer, &ended);
        if (n < 0)
            return n;
        if (buffer->size - start > max_size)
            return YIBU_ELIMIT;
    }
    return (ssize_t)(buffer->size - start);
}

ssize_t yibu_read_file(const char *path, size_t max_size, yibu_buffer *buffer)
{
    if (!buffer)
        return -EINVAL;
    if (max_size > PTRDIFF_MAX - 1)
        max_size = PTRDIFF_MAX - 1;
    int fd = yibu_file_open(path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    size_t start = buffer->size;
    ssize_t n = read_all(fd, max_size, buffer);
    yb_file_close_read(fd);
    if (n < 0)
        buffer->size = start;
    return n;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = yibu_file_write(fd, data, size);
        if (n < 0)
            return (int)n;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int yibu_write_file(const char *path, const void *data, size_t size,
                    const yibu_write_file_options *options)
{
    yibu_write_file_options chosen;
    int r = yb_options_take(&chosen, sizeof(chosen), options);
    if (r < 0 || !path || (!data && size > 0))
        return -EINVAL;
    yb_replacement replacement;
    r = yb_replacement_begin(&replacement, path, chosen.mode ? chosen.mode : 0666);
    if (r < 0)
        return r;
    return (int)yb_replacement_end(&replacement, write_all(replacement.fd, data, size),
                                   chosen.durable);
}
