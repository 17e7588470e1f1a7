/* Calls on files, made where they may block: on a thread.
 *
 * A read or write goes on until all of it is done, the file ends or it fails: regular files
 * transfer less for no other reason than a signal or a disk that is full. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/backend.h"
#include "platform/file_call.h"

const char *yb_file_verb_name(const yb_file_call *call)
{
    static const char *const names[YB_FILE_VERBS] = {
        [YB_FILE_OPEN] = "open",         [YB_FILE_CLOSE] = "close",
        [YB_FILE_READ] = "read",         [YB_FILE_WRITE] = "write",
        [YB_FILE_READV] = "read",        [YB_FILE_WRITEV] = "write",
        [YB_FILE_SYNC] = "fsync",        [YB_FILE_ALLOCATE] = "fallocate",
        [YB_FILE_TRUNCATE] = "truncate", [YB_FILE_STAT] = "stat",
        [YB_FILE_RENAME] = "rename",     [YB_FILE_UNLINK] = "unlink",
        [YB_FILE_MKDIR] = "mkdir",       [YB_FILE_LINK] = "link",
        [YB_FILE_SYMLINK] = "symlink",   [YB_FILE_READLINK] = "readlink",
        [YB_FILE_CHMOD] = "chmod",       [YB_FILE_LIST] = "listing",
        [YB_FILE_COPY_RANGE] = "copy",   [YB_FILE_SENDFILE] = "sendfile",
        [YB_FILE_SPLICE] = "splice",
    };
    return names[call->verb];
}

static ssize_t transfer_once(const yb_file_call *call)
{
    char *at = (char *)call->buffer + call->done;
    size_t rest = call->size - call->done;
    off_t offset = call->offset < 0 ? -1 : call->offset + (off_t)call->done;
    if (call->verb == YB_FILE_READ)
        return offset < 0 ? read(call->fd, at, rest) : pread(call->fd, at, rest, offset);
    return offset < 0 ? write(call->fd, at, rest) : pwrite(call->fd, at, rest, offset);
}

static ssize_t transfer(yb_file_call *call)
{
    while (call->done < call->size) {
        ssize_t n = transfer_once(call);
        if (n < 0 && call->done == 0)
            return -1;
        call->ended = n == 0;
        if (n <= 0)
            break;
        call->done += (size_t)n;
    }
    return (ssize_t)call->done;
}

static ssize_t transfer_vectors(const yb_file_call *call)
{
    int count = (int)call->size;
    if (call->verb == YB_FILE_READV)
        return preadv2(call->fd, call->vectors, count, call->offset, 0);
    return pwritev2(call->fd, call->vectors, count, call->offset, 0);
}

static off_t *moving(int64_t *offset)
{
    return *offset < 0 ? NULL : offset;
}

/* Between two descriptors, the offsets being copies: the call may be made again. */
static ssize_t pass(const yb_file_call *call)
{
    int64_t from = call->offset, to = call->other_offset;
    if (call->verb == YB_FILE_SENDFILE)
        return sendfile(call->other_fd, call->fd, moving(&from), call->size);
    if (call->verb == YB_FILE_COPY_RANGE)
        return copy_file_range(call->fd, moving(&from), call->other_fd, moving(&to), call->size, 0);
    return splice(call->fd, moving(&from), call->other_fd, moving(&to), call->size, call->flags);
}

static int change_mode(const yb_file_call *call)
{
    return call->path ? fchmodat(call->fd, call->path, call->mode, 0)
                      : fchmod(call->fd, call->mode);
}

static int change_name(const yb_file_call *call)
{
    switch (call->verb) {
    case YB_FILE_RENAME:
        return renameat2(call->fd, call->path, call->other_fd, call->other_path, call->flags);
    case YB_FILE_UNLINK:
        return unlinkat(call->fd, call->path, (int)call->flags);
    case YB_FILE_MKDIR:
        return mkdirat(call->fd, call->path, call->mode);
    case YB_FILE_LINK:
        return linkat(call->fd, call->path, call->other_fd, call->other_path, (int)call->flags);
    default:
        return symlinkat(call->path, call->other_fd, call->other_path);
    }
}

/* As the system calls: -1 with errno, or a result. */
static ssize_t perform_once(yb_file_call *call)
{
    switch (call->verb) {
    case YB_FILE_OPEN:
        return openat(call->fd, call->path, (int)call->flags, call->mode);
    case YB_FILE_CLOSE:
        return close(call->fd);
    case YB_FILE_READ:
    case YB_FILE_WRITE:
        return transfer(call);
    case YB_FILE_READV:
    case YB_FILE_WRITEV:
        return transfer_vectors(call);
    case YB_FILE_SYNC:
        return call->flags ? fdatasync(call->fd) : fsync(call->fd);
    case YB_FILE_ALLOCATE:
        return fallocate(call->fd, (int)call->flags, call->offset, call->length);
    case YB_FILE_TRUNCATE:
        return ftruncate(call->fd, call->length);
    case YB_FILE_STAT:
        return statx(call->fd, call->path, (int)call->flags, call->mode, call->about);
    case YB_FILE_READLINK:
        return readlinkat(call->fd, call->path, call->buffer, call->size);
    case YB_FILE_CHMOD:
        return change_mode(call);
    case YB_FILE_LIST:
        return syscall(SYS_getdents64, call->fd, call->buffer, call->size);
    case YB_FILE_COPY_RANGE:
    case YB_FILE_SENDFILE:
    case YB_FILE_SPLICE:
        return pass(call);
    default:
        return change_name(call);
    }
}

/* A close is not repeated: Linux has released the descriptor whatever it says but EBADF. */
ssize_t yb_file_perform(yb_file_call *call)
{
    ssize_t r;
    do
        r = perform_once(call);
    while (r == -1 && errno == EINTR && call->verb != YB_FILE_CLOSE);
    if (r == -1 && call->verb == YB_FILE_CLOSE && errno == EINTR)
        return 0;
    return r == -1 ? -errno : r;
}
