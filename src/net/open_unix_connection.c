/* Connecting to Unix sockets. */
#include <errno.h>
#include <sys/socket.h>
#include <yibu/io.h>
#include <yibu/stream.h>

#include "io/stream.h"
#include "net/unix_address.h"

int yibu_open_unix_connection(const char *path, const yibu_stream_options *options,
                              yibu_stream **ret_stream)
{
    yibu_address address;
    int r = yb_unix_address(path, &address);
    if (r == 0)
        r = ret_stream ? yb_stream_check_options(options) : -EINVAL;
    if (r < 0)
        return r;
    if (!yb_task_enter(&r))
        return r;
    int fd = yb_unix_socket(SOCK_STREAM);
    if (fd < 0)
        return fd;
    r = yb_unix_connect_to(fd, &address);
    if (r == 0)
        r = yibu_stream_new(fd, options, ret_stream);
    if (r < 0)
        (void)yibu_close(fd);
    return r;
}
