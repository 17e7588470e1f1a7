/* Files: opening and closing them, and what concerns a file as a whole. */
#include <errno.h>
#include <sys/stat.h>
#include <yibu/file.h>
#include <yibu/io.h>

#include "io/file_call.h"

int yibu_file_open_at(int folder, const char *path, int flags, mode_t mode)
{
    if (!path)
        return -EINVAL;
    bool counts = (flags & O_CREAT) ||
                  (flags & O_TMPFILE) == O_TMPFILE; /* openat2(2) refuses what it would ignore */
    yb_file_call call = {.verb = YB_FILE_OPEN,
                         .fd = folder,
                         .path = path,
                         .flags = (uint32_t)flags | O_CLOEXEC | O_NONBLOCK,
                         .mode = counts ? mode : 0};
    return (int)yb_file_call_make(&call);
}

int yibu_file_open(const char *path, int flags, mode_t mode)
{
    return yibu_file_open_at(AT_FDCWD, path, flags, mode);
}

int yibu_file_close(int fd)
{
    if (fd < 0)
        return -EBADF;
    if (!yb_task_current || yb_loop_network_of(fd))
        return yibu_close(fd);
    yb_backend *backend = yb_loop_current->backend;
    backend->class->forget_fd(backend, fd);
    yb_file_call call = {.verb = YB_FILE_CLOSE, .fd = fd};
    return (int)yb_file_call_finish(&call);
}

int yibu_file_fsync(int fd)
{
    yb_file_call call = {.verb = YB_FILE_SYNC, .fd = fd};
    return fd < 0 ? -EBADF : (int)yb_file_call_make(&call);
}

int yibu_file_fdatasync(int fd)
{
    yb_file_call call = {.verb = YB_FILE_SYNC, .fd = fd, .flags = 1};
    return fd < 0 ? -EBADF : (int)yb_file_call_make(&call);
}

int yibu_file_fallocate(int fd, int mode, int64_t offset, int64_t length)
{
    yb_file_call call = {.verb = YB_FILE_ALLOCATE,
                         .fd = fd,
                         .flags = (uint32_t)mode,
                         .offset = offset,
                         .length = length};
    return fd < 0 ? -EBADF : (int)yb_file_call_make(&call);
}

int yibu_file_truncate(int fd, int64_t length)
{
    yb_file_call call = {.verb = YB_FILE_TRUNCATE, .fd = fd, .length = length};
    return fd < 0 ? -EBADF : length < 0 ? -EINVAL : (int)yb_file_call_make(&call);
}

int yibu_file_chmod(int fd, mode_t mode)
{
    yb_file_call call = {.verb = YB_FILE_CHMOD, .fd = fd, .mode = mode};
    return fd < 0 ? -EBADF : (int)yb_file_call_make(&call);
}
