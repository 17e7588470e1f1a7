/* Unix sockets that are bound, listening or connected, ready to use. */
#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <yibu/io.h>
#include <yibu/unix.h>

#include "base/options.h"
#include "net/unix_address.h"
#include "task/task.h"

int yibu_unix_address(const char *path, yibu_address *ret_address)
{
    return ret_address ? yb_unix_address(path, ret_address) : -EINVAL;
}

/* A socket that belongs to this thread's loop, where there is one. */
static int open_socket(int type)
{
    if (yb_loop_network())
        return -ENOTSUP;
    int fd = yb_unix_socket(type);
    yibu_loop *loop = yb_loop_current;
    if (fd >= 0 && loop)
        loop->backend->class->adopt_fd(loop->backend, fd);
    return fd;
}

static int close_unless(int r, int fd)
{
    if (r < 0)
        (void)yibu_close(fd);
    return r < 0 ? r : fd;
}

/* unix(7), "autobind". */
static int bind_to_any(int fd)
{
    const struct sockaddr name = {.sa_family = AF_UNIX};
    return bind(fd, &name, sizeof(name.sa_family)) < 0 ? -errno : 0;
}

int yibu_unix_bind(const char *path)
{
    yibu_address address;
    int r = path ? yb_unix_address(path, &address) : 0;
    if (r < 0)
        return r;
    int fd = open_socket(SOCK_DGRAM);
    if (fd < 0)
        return fd;
    r = path ? yb_unix_bind_to(fd, path, &address) : bind_to_any(fd);
    return close_unless(r, fd);
}

int yibu_unix_listen(int type, const char *path, const yibu_listen_options *options)
{
    yibu_listen_options taken;
    yibu_address address;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r == 0 && type != SOCK_STREAM && type != SOCK_SEQPACKET)
        r = -EINVAL;
    if (r == 0)
        r = yb_unix_address(path, &address);
    if (r < 0)
        return r;
    int fd = open_socket(type);
    if (fd < 0)
        return fd;
    r = yb_unix_bind_to(fd, path, &address);
    if (r == 0 && listen(fd, taken.backlog > 0 ? taken.backlog : SOMAXCONN) < 0)
        r = -errno;
    return close_unless(r, fd);
}

int yibu_unix_connect(int type, const char *path)
{
    yibu_address address;
    int r = type == SOCK_STREAM || type == SOCK_SEQPACKET || type == SOCK_DGRAM ? 0 : -EINVAL;
    if (r == 0)
        r = yb_unix_address(path, &address);
    if (r < 0)
        return r;
    if (!yb_task_enter(&r))
        return r;
    int fd = open_socket(type);
    if (fd < 0)
        return fd;
    return close_unless(yb_unix_connect_to(fd, &address), fd);
}

int yibu_socketpair(int type, int ret_pair[2])
{
    int pair[2];
    if (!ret_pair)
        return -EINVAL;
    if (yb_loop_network())
        return -ENOTSUP;
    if (socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    ret_pair[0] = pair[0];
    ret_pair[1] = pair[1];
    return 0;
}
