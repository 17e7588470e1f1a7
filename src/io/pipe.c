/* Streams over pipes and over descriptors that are shared.
 *
 * What is opened anew is what it was: the numbers of device and file are compared, and a pty's
 * master is left alone, since opening that makes another pty. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yibu/pipe.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_rdev == b->st_rdev;
}

/* Whether opening it anew gives the same thing with a mode of its own: files would lose their
 * position, and devices may do anything. */
static bool can_be_opened_anew(int fd, const struct stat *about)
{
    unsigned number;
    if (S_ISFIFO(about->st_mode))
        return true;
    return S_ISCHR(about->st_mode) && isatty(fd) && ioctl(fd, TIOCGPTN, &number) < 0;
}

/* A descriptor of one's own and in non-blocking mode, or -1. */
static int open_anew(int fd, int access)
{
    struct stat about, found;
    char path[32];
    if (fstat(fd, &about) < 0 || !can_be_opened_anew(fd, &about))
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int own = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0 && (fstat(own, &found) < 0 || !same_file(&about, &found))) {
        close(own);
        own = -1;
    }
    return own;
}

static bool permits(int flags, int access)
{
    return (flags & O_ACCMODE) == O_RDWR || (flags & O_ACCMODE) == access;
}

static int connect_pipe(int fd, int access, const yibu_stream_options *options,
                        yibu_stream **ret_stream)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    if (!permits(flags, access))
        return -EBADF;
    int own = open_anew(fd, access);
    if (own < 0)
        own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (own < 0)
        return -errno;
    int r = yibu_stream_new(own, options, ret_stream);
    if (r < 0)
        close(own);
    return r;
}

int yibu_connect_read_pipe(int fd, const yibu_stream_options *options, yibu_stream **ret_stream)
{
    return connect_pipe(fd, O_RDONLY, options, ret_stream);
}

int yibu_connect_write_pipe(int fd, const yibu_stream_options *options, yibu_stream **ret_stream)
{
    return connect_pipe(fd, O_WRONLY, options, ret_stream);
}

int yibu_pipe(const yibu_stream_options *options, yibu_stream **ret_reader,
              yibu_stream **ret_writer)
{
    int ends[2];
    yibu_stream *reader;
    if (!ret_reader || !ret_writer)
        return -EINVAL;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    int r = yibu_stream_new(ends[0], options, &reader);
    if (r < 0)
        close(ends[0]);
    else if ((r = yibu_stream_new(ends[1], options, ret_writer)) < 0)
        yibu_stream_free(reader);
    if (r < 0)
        close(ends[1]);
    else
        *ret_reader = reader;
    return r;
}

int yibu_open_stdin(const yibu_stream_options *options, yibu_stream **ret_stream)
{
    return yibu_connect_read_pipe(STDIN_FILENO, options, ret_stream);
}

int yibu_open_stdout(const yibu_stream_options *options, yibu_stream **ret_stream)
{
    return yibu_connect_write_pipe(STDOUT_FILENO, options, ret_stream);
}

int yibu_open_stderr(const yibu_stream_options *options, yibu_stream **ret_stream)
{
    return yibu_connect_write_pipe(STDERR_FILENO, options, ret_stream);
}
