/* Copies of files. */
#include <errno.h>
#include <sys/stat.h>
#include <yibu/copy.h>
#include <yibu/file.h>

#include "base/memory.h"
#include "io/copy.h"
#include "io/fd_op.h"
#include "io/file_call.h"
#include "io/file_replace.h"

/* What one call may copy: a cancel waits for it. */
enum { AT_ONCE = 16 * 1024 * 1024 };

int yb_copy_refused(ssize_t result)
{
    return result == -EXDEV || result == -EINVAL || result == -ENOSYS || result == -EOPNOTSUPP ||
           result == -EPERM || result == -EBADF;
}

int yb_copy_to_fd(void *arg, const char *data, size_t size, size_t *sent)
{
    int fd = *(const int *)arg;
    bool waits = yb_fd_can_wait(fd) || yb_loop_network_of(fd);
    while (size > 0) {
        ssize_t n =
            waits ? yb_fd_transfer(YB_OP_WRITE, fd, data, size) : yibu_file_write(fd, data, size);
        if (n < 0)
            return (int)n;
        *sent += (size_t)n;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static ssize_t read_piece(int file, char *buffer, int64_t offset, size_t count)
{
    size_t size = count < YB_COPY_BUFFER ? count : YB_COPY_BUFFER;
    if (offset < 0)
        return yibu_file_read(file, buffer, size);
    return yibu_file_read_at(file, buffer, size, offset);
}

int yb_copy_through(int file, int64_t offset, size_t count, yb_copy_sink *sink, void *arg,
                    size_t *sent)
{
    size_t room = count < YB_COPY_BUFFER ? count : YB_COPY_BUFFER;
    char *buffer = yb_malloc(room ? room : 1);
    if (!buffer)
        return -ENOMEM;
    ssize_t r = 1;
    while (*sent < count && r > 0) {
        r = read_piece(file, buffer, offset < 0 ? -1 : offset + (int64_t)*sent, count - *sent);
        if (r > 0) {
            int failure = sink(arg, buffer, (size_t)r, sent);
            r = failure < 0 ? failure : r;
        }
    }
    yb_free(buffer);
    return r < 0 ? (int)r : 0;
}

ssize_t yibu_copy_file_range(int from, int64_t from_offset, int to, int64_t to_offset, size_t size)
{
    yb_file_call call = {.verb = YB_FILE_COPY_RANGE,
                         .fd = from,
                         .offset = from_offset,
                         .other_fd = to,
                         .other_offset = to_offset,
                         .size = size};
    if (from_offset < -1 || to_offset < -1)
        return -EINVAL;
    return from < 0 || to < 0 ? -EBADF : yb_file_call_make(&call);
}

/* From one position to the other.  Files that do not know their size (/proc) seem to be at their
 * end at once: they are read to be sure. */
static ssize_t copy_content(int from, int to)
{
    size_t total = 0;
    ssize_t n;
    while ((n = yibu_copy_file_range(from, -1, to, -1, AT_ONCE)) > 0)
        total += (size_t)n;
    if (n < 0 && !yb_copy_refused(n))
        return n;
    if (n < 0 || total == 0) {
        int r = yb_copy_through(from, -1, SIZE_MAX, yb_copy_to_fd, &to, &total);
        if (r < 0)
            return r;
    }
    return (ssize_t)total;
}

static ssize_t copy_open(int from, const char *to)
{
    struct statx about;
    int r = yibu_file_stat(from, &about);
    if (r == 0 && S_ISDIR(about.stx_mode))
        r = -EISDIR;
    if (r < 0)
        return r;
    yb_replacement replacement;
    r = yb_replacement_begin(&replacement, to, about.stx_mode & 0777);
    if (r < 0)
        return r;
    return yb_replacement_end(&replacement, copy_content(from, replacement.fd), false);
}

ssize_t yibu_copy_file(const char *from, const char *to)
{
    if (!from || !to)
        return -EINVAL;
    int fd = yibu_file_open(from, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    ssize_t n = copy_open(fd, to);
    yb_file_close_read(fd);
    return n;
}
