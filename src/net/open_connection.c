/* Connecting to a host, and to a Unix socket, in a task. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <yibu/io.h>
#include <yibu/stream.h>

#include "base/options.h"
#include "io/stream.h"
#include "net/connection_options.h"
#include "net/connector.h"
#include "net/socket.h"
#include "net/tcp.h"

/* "Connection Attempt Delay" of RFC 8305, section 5. */
static const int64_t DEFAULT_ATTEMPT_DELAY_NS = YIBU_MS(250);

int yb_connection_options_take(const yibu_connection_options *options,
                               yibu_connection_options *ret_taken)
{
    int r = yb_options_take(ret_taken, sizeof(*ret_taken), options);
    if (r < 0)
        return r;
    if (ret_taken->stream.size == 0)
        ret_taken->stream.size = sizeof(ret_taken->stream);
    if (ret_taken->attempt_delay_ns == 0)
        ret_taken->attempt_delay_ns = DEFAULT_ATTEMPT_DELAY_NS;
    return ret_taken->attempt_delay_ns < 0 ? -EINVAL : yb_stream_check_options(&ret_taken->stream);
}

void yb_connection_options_apply(const yibu_connection_options *options, int fd)
{
    if (options->keep_alive)
        (void)yb_socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (options->nagle)
        (void)yb_socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 0);
}

/* A number needs no connector. */
static int connect_to_host(yb_task *task, const char *host, uint16_t port, int64_t delay_ns)
{
    yibu_address address;
    if (yibu_address_parse(host, port, &address) == 0)
        return yb_tcp_connect_to(&address);
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    int r = yb_connect_tcp(task->future.loop, op, host, port, delay_ns);
    return r < 0 ? r : (int)yb_task_wait_op(task);
}

static int make_stream(int fd, const yibu_connection_options *options, yibu_stream **ret_stream)
{
    yb_connection_options_apply(options, fd);
    int r = yibu_stream_new(fd, &options->stream, ret_stream);
    if (r < 0)
        (void)yibu_close(fd);
    return r;
}

int yibu_open_connection(const char *host, uint16_t port, const yibu_connection_options *options,
                         yibu_stream **ret_stream)
{
    yibu_connection_options taken;
    int r = yb_connection_options_take(options, &taken);
    if (r < 0 || !host || !host[0] || !ret_stream)
        return -EINVAL;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    int fd = connect_to_host(task, host, port, taken.attempt_delay_ns);
    return fd < 0 ? fd : make_stream(fd, &taken, ret_stream);
}
