/* Calls on files that need not wait, made at once: what is in the page cache is read, names that
 * are in the cache of names are opened, open files tell their attributes.  The first two are asked
 * of the kernel in a form that refuses to block (RWF_NOWAIT, RESOLVE_CACHED), so nothing is
 * guessed; a kernel or file system without that form refuses, and the call takes its usual way.
 *
 * It pays: a read that hits takes a fraction of a microsecond, sending it elsewhere several. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/file_call.h"
#include "platform/valgrind.h"

/* More is not copied at once: about 20 us. */
enum { MOST = 128 * 1024 };

/* What a file in O_DIRECT reads is in multiples of this, whatever its device's blocks. */
enum { SMALLEST_BLOCK = 512 };

/* Whether a read would go past the page cache, and so wait for the device. */
static bool is_direct(const yb_file_call *call, size_t size)
{
    if (call->memory) /* that is what it was registered for */
        return true;
    if (call->buffered || size % SMALLEST_BLOCK != 0 ||
        (call->offset > 0 && call->offset % SMALLEST_BLOCK != 0))
        return false;
    int flags = fcntl(call->fd, F_GETFL);
    return flags < 0 || (flags & O_DIRECT);
}

static ssize_t read_now(const yb_file_call *call, const struct iovec *vectors, int count)
{
    int64_t offset = call->offset < 0 ? -1 : call->offset + (int64_t)call->done;
    ssize_t n = preadv2(call->fd, vectors, count, offset, RWF_NOWAIT);
    return n < 0 ? -errno : n;
}

/* Whether a read that was short met the end.  Where the rest is not in memory, it stops at the end
 * of a page; what is no file has no more than it gave. */
static bool met_end(yb_file_call *call)
{
    struct stat about;
    if (call->offset >= 0)
        return call->ended = (call->offset + (int64_t)call->done) % SMALLEST_BLOCK != 0;
    return fstat(call->fd, &about) < 0 || !S_ISREG(about.st_mode);
}

/* Goes on until all is read or the file ends: fewer bytes may mean that the rest is not there
 * yet. */
static ssize_t attempt_read(yb_file_call *call)
{
    if (call->size > MOST || is_direct(call, call->size))
        return -EAGAIN;
    while (call->done < call->size) {
        struct iovec rest = {(char *)call->buffer + call->done, call->size - call->done};
        ssize_t n = read_now(call, &rest, 1);
        if (n < 0)
            return -EAGAIN; /* a true failure will be met again */
        call->ended = n == 0;
        if (n == 0)
            break;
        call->done += (size_t)n;
        if (call->done < call->size && met_end(call))
            break;
    }
    return (ssize_t)call->done;
}

static size_t total(const struct iovec *vectors, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count && size <= MOST; i++)
        size += vectors[i].iov_len;
    return size;
}

/* Whole or not at all: what was read in part is read again, which a position would not allow. */
static ssize_t attempt_readv(const yb_file_call *call)
{
    size_t size = total(call->vectors, call->size);
    if (call->offset < 0 || size > MOST || is_direct(call, size))
        return -EAGAIN;
    ssize_t n = read_now(call, call->vectors, (int)call->size);
    return n == (ssize_t)size || n == 0 ? n : -EAGAIN;
}

static ssize_t attempt_open(const yb_file_call *call)
{
    if ((call->flags & (O_CREAT | O_TRUNC)) || YB_UNDER_VALGRIND) /* which does not know the call */
        return -EAGAIN;
    struct open_how how = {.flags = call->flags, .resolve = RESOLVE_CACHED};
    long fd = syscall(SYS_openat2, call->fd, call->path, &how, sizeof(how));
    return fd < 0 ? -EAGAIN : fd;
}

/* What is only read has nothing to write back. */
static ssize_t attempt_close(const yb_file_call *call)
{
    int flags = call->flags ? O_RDONLY : fcntl(call->fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if ((flags & O_ACCMODE) != O_RDONLY)
        return -EAGAIN;
    return close(call->fd) < 0 && errno == EBADF ? -EBADF : 0;
}

/* Whether a file system without a device keeps its attributes in this machine's memory. */
static bool is_in_memory(int fd)
{
    struct statfs about;
    return fstatfs(fd, &about) == 0 &&
           (about.f_type == TMPFS_MAGIC || about.f_type == OVERLAYFS_SUPER_MAGIC ||
            about.f_type == BTRFS_SUPER_MAGIC || about.f_type == RAMFS_MAGIC);
}

/* An open file's attributes are in memory.  A file system of the network may still want to ask
 * whether they hold, and then this is not the answer. */
static ssize_t attempt_stat(const yb_file_call *call)
{
    if (call->path[0] != '\0' || call->fd < 0)
        return -EAGAIN;
    if (statx(call->fd, "", (int)call->flags | AT_STATX_DONT_SYNC, call->mode, call->about) < 0)
        return -EAGAIN;
    return call->about->stx_dev_major != 0 || is_in_memory(call->fd) ? 0 : -EAGAIN;
}

ssize_t yb_file_attempt(yb_file_call *call)
{
    switch (call->verb) {
    case YB_FILE_OPEN:
        return attempt_open(call);
    case YB_FILE_CLOSE:
        return attempt_close(call);
    case YB_FILE_READ:
        return attempt_read(call);
    case YB_FILE_READV:
        return attempt_readv(call);
    case YB_FILE_STAT:
        return attempt_stat(call);
    default:
        return -EAGAIN;
    }
}
