/* Calls on paths: what is known of a file, and its names. */
#include <errno.h>
#include <sys/stat.h>
#include <yibu/file.h>

#include "io/file_call.h"

static int stat_at(int fd, const char *path, int flags, struct statx *ret_about)
{
    if (!path || !ret_about)
        return -EINVAL;
    yb_file_call call = {.verb = YB_FILE_STAT,
                         .fd = fd,
                         .path = path,
                         .flags = (uint32_t)flags,
                         .mode = STATX_BASIC_STATS | STATX_BTIME,
                         .about = ret_about};
    return (int)yb_file_call_make(&call);
}

int yibu_file_stat(int fd, struct statx *ret_about)
{
    return fd < 0 ? -EBADF : stat_at(fd, "", AT_EMPTY_PATH, ret_about);
}

int yibu_stat(const char *path, struct statx *ret_about)
{
    return stat_at(AT_FDCWD, path, 0, ret_about);
}

int yibu_lstat(const char *path, struct statx *ret_about)
{
    return stat_at(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, ret_about);
}

static int call_on_path(yb_file_verb verb, const char *path, int flags, mode_t mode)
{
    yb_file_call call = {.verb = (uint8_t)verb,
                         .fd = AT_FDCWD,
                         .path = path,
                         .flags = (uint32_t)flags,
                         .mode = mode};
    return path ? (int)yb_file_call_make(&call) : -EINVAL;
}

static int call_on_paths(yb_file_verb verb, const char *path, const char *other_path)
{
    yb_file_call call = {.verb = (uint8_t)verb,
                         .fd = AT_FDCWD,
                         .path = path,
                         .other_fd = AT_FDCWD,
                         .other_path = other_path};
    return path && other_path ? (int)yb_file_call_make(&call) : -EINVAL;
}

int yibu_rename(const char *from, const char *to)
{
    return call_on_paths(YB_FILE_RENAME, from, to);
}

int yibu_link(const char *from, const char *to)
{
    return call_on_paths(YB_FILE_LINK, from, to);
}

int yibu_symlink(const char *target, const char *path)
{
    return call_on_paths(YB_FILE_SYMLINK, target, path);
}

int yibu_unlink(const char *path)
{
    return call_on_path(YB_FILE_UNLINK, path, 0, 0);
}

int yibu_rmdir(const char *path)
{
    return call_on_path(YB_FILE_UNLINK, path, AT_REMOVEDIR, 0);
}

int yibu_mkdir(const char *path, mode_t mode)
{
    return call_on_path(YB_FILE_MKDIR, path, 0, mode);
}

int yibu_chmod(const char *path, mode_t mode)
{
    return call_on_path(YB_FILE_CHMOD, path, 0, mode);
}

ssize_t yibu_readlink(const char *path, char *ret_target, size_t size)
{
    if (!path || !ret_target || size == 0)
        return -EINVAL;
    yb_file_call call = {.verb = YB_FILE_READLINK,
                         .fd = AT_FDCWD,
                         .path = path,
                         .buffer = ret_target,
                         .size = size < INT32_MAX ? size : INT32_MAX};
    ssize_t n = yb_file_call_make(&call);
    if (n == (ssize_t)call.size)
        return -ERANGE;
    if (n >= 0)
        ret_target[n] = '\0';
    return n;
}
