/* Calls on files and paths one by one, as a part of everything.h. */
#ifndef EVERYTHING_PATHS_H
#define EVERYTHING_PATHS_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static intptr_t everything_whole(intptr_t r, intptr_t size)
{
    return r < 0 ? r : r == size ? 0 : -EPROTO;
}

static intptr_t everything_write_and_read(int fd)
{
    char one[3], two[3];
    const struct iovec out[] = {{"abc", 3}, {"def", 3}}, in[] = {{one, 3}, {two, 3}};
    intptr_t r = everything_whole(yibu_file_write(fd, "abcdef", 6), 6);
    if (r == 0)
        r = everything_whole(yibu_file_writev(fd, out, 2, 0), 6);
    if (r == 0)
        r = everything_whole(yibu_file_readv(fd, in, 2, 0), 6);
    if (r == 0)
        r = everything_whole(yibu_file_read(fd, one, 3), 0);
    return r < 0 ? r : memcmp(two, "def", 3) == 0 ? 0 : -EPROTO;
}

static intptr_t everything_shape(int fd)
{
    intptr_t r = yibu_file_fallocate(fd, 0, 0, 8192);
    if (r == 0)
        r = yibu_file_truncate(fd, 6);
    if (r == 0)
        r = yibu_file_chmod(fd, 0640);
    if (r == 0)
        r = yibu_file_fsync(fd);
    return r;
}

/* Into another file, and into a pipe and out of it. */
static intptr_t everything_move(int fd, const char *path)
{
    int ends[2], to = yibu_file_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (to < 0)
        return to;
    intptr_t r = everything_whole(yibu_copy_file_range(fd, 0, to, 0, 6), 6);
    if (r == 0 && pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
        r = -errno;
    else if (r == 0) {
        r = everything_whole(yibu_splice(fd, 0, ends[1], -1, 6), 6);
        if (r == 0)
            r = everything_whole(yibu_splice(ends[0], -1, to, 6, 6), 6);
        yibu_close(ends[0]);
        yibu_close(ends[1]);
    }
    int closed = yibu_file_close(to);
    return r < 0 ? r : closed;
}

static intptr_t everything_in_file(const char *path, const char *copy)
{
    int fd = yibu_file_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return fd;
    intptr_t r = everything_write_and_read(fd);
    if (r == 0)
        r = everything_shape(fd);
    if (r == 0)
        r = everything_move(fd, copy);
    int closed = yibu_file_close(fd);
    return r < 0 ? r : closed;
}

static intptr_t everything_links(const char *path, const char *link, const char *symbolic)
{
    struct statx about;
    char target[64];
    intptr_t r = yibu_link(path, link);
    if (r == 0)
        r = yibu_symlink("file", symbolic);
    if (r == 0)
        r = everything_whole(yibu_readlink(symbolic, target, sizeof(target)), 4);
    if (r == 0)
        r = yibu_stat(symbolic, &about);
    if (r == 0)
        r = yibu_lstat(symbolic, &about);
    if (r == 0 && (about.stx_mode & S_IFMT) != S_IFLNK)
        r = -EPROTO;
    if (r == 0)
        r = yibu_unlink(symbolic);
    return r < 0 ? r : yibu_unlink(link);
}

static const char *everything_under(const char *folder, const char *name, char path[64])
{
    snprintf(path, 64, "%.40s/%s", folder, name);
    return path;
}

static intptr_t everything_paths(void)
{
    static const char *const names[] = {"file", "copy", "link", "symbolic"};
    char folder[] = "yibu-paths", paths[4][64];
    for (int i = 0; i < 4; i++)
        everything_under(folder, names[i], paths[i]);
    intptr_t r = yibu_mkdir(folder, 0700);
    if (r == 0)
        r = everything_in_file(paths[0], paths[1]);
    if (r == 0)
        r = everything_links(paths[0], paths[2], paths[3]);
    for (int i = 0; i < 4; i++)
        unlink(paths[i]);
    if (r == 0)
        r = yibu_rmdir(folder);
    (void)rmdir(folder);
    return r;
}

#endif
