/* Connecting to Unix sockets.
 *
 * connect(2) of one is done at once or not at all: where the listener's line is full it says EAGAIN,
 * and nothing tells when there is room again, so it is asked again after a while. */
#include <errno.h>
#include <sys/socket.h>
#include <yibu/io.h>
#include <yibu/stream.h>

#include "io/stream.h"
#include "net/unix_address.h"

static const int64_t FIRST_PAUSE_NS = YIBU_US(100), LONGEST_PAUSE_NS = YIBU_MS(20);

static int connect_to(int fd, const yibu_address *address)
{
    for (int64_t pause_ns = FIRST_PAUSE_NS;; pause_ns *= 2) {
        if (connect(fd, (const struct sockaddr *)&address->storage, address->length) == 0)
            return 0;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        int r = yibu_sleep(pause_ns < LONGEST_PAUSE_NS ? pause_ns : LONGEST_PAUSE_NS);
        if (r < 0)
            return r;
        if (pause_ns > LONGEST_PAUSE_NS)
            pause_ns = LONGEST_PAUSE_NS;
    }
}

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
    int fd = yb_unix_socket();
    if (fd < 0)
        return fd;
    r = connect_to(fd, &address);
    if (r == 0)
        r = yibu_stream_new(fd, options, ret_stream);
    if (r < 0)
        (void)yibu_close(fd);
    return r;
}
