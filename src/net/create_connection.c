/* Connections in the callback form: connected by an operation, then a transport. */
#include <errno.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "base/options.h"
#include "io/stream.h"
#include "io/transport.h"
#include "net/connection_options.h"
#include "net/connector.h"
#include "net/unix_address.h"

typedef struct request {
    yb_op *op; /* the caller's, or the task's */
    yb_op connect;
    yibu_protocol *protocol;
    yibu_transport **ret_transport; /* or NULL */
    yibu_connection_options options;
} request;

/* Beginning the transport tells the protocol, which may free it. */
static int make_transport(const request *q, int fd)
{
    yibu_transport *transport;
    yb_connection_options_apply(&q->options, fd);
    int r = yb_transport_new_fd(fd, q->protocol, &q->options.stream, NULL, &transport);
    if (r < 0) {
        (void)yibu_close(fd);
        return r;
    }
    if (q->ret_transport)
        *q->ret_transport = transport;
    yb_transport_begin(transport);
    return 0;
}

/* From here on a cancel comes too late: the protocol is about to be told. */
static void connected(yb_op *op, ssize_t fd)
{
    request *q = op->arg;
    yb_op *caller = q->op;
    caller->state = YB_OP_CANCELLING;
    int r = fd < 0 ? (int)fd : make_transport(q, (int)fd);
    yb_free(q);
    yb_op_complete(caller, r);
}

static bool cancel(yb_op *op)
{
    request *q = op->custom_data;
    (void)yb_op_cancel(&q->connect);
    return false;
}

static request *new_request(yb_op *op, yibu_protocol *protocol,
                            const yibu_connection_options *options, yibu_transport **ret_transport)
{
    request *q = yb_calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->op = op;
    q->protocol = protocol;
    q->ret_transport = ret_transport;
    q->options = *options;
    q->connect.callback = connected;
    q->connect.arg = q;
    q->connect.kind = YB_OP_CUSTOM;
    return q;
}

/* What the request's own start has answered. */
static int begin(yibu_loop *loop, request *q, int started)
{
    if (started < 0)
        yb_free(q);
    else
        yb_op_begin_custom(loop, q->op, cancel, q);
    return started;
}

/* Host and port. */

typedef struct place {
    const char *host;
    uint16_t port;
} place;

static int check(const yibu_protocol *protocol, const char *host,
                 const yibu_connection_options *options, yibu_connection_options *ret_taken)
{
    if (!yb_transport_can_tell(protocol) || !host || !host[0])
        return -EINVAL;
    return yb_connection_options_take(options, ret_taken);
}

static int start(yibu_loop *loop, yb_op *op, yibu_protocol *protocol, place to,
                 const yibu_connection_options *options, yibu_transport **ret_transport)
{
    request *q = new_request(op, protocol, options, ret_transport);
    if (!q)
        return -ENOMEM;
    return begin(loop, q,
                 yb_connect_tcp(loop, &q->connect, to.host, to.port, options->attempt_delay_ns));
}

int yibu_create_connection(yibu_protocol *protocol, const char *host, uint16_t port,
                           const yibu_connection_options *options, yibu_transport **ret_transport)
{
    yibu_connection_options taken;
    int r = check(protocol, host, options, &taken);
    if (r < 0)
        return r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    r = start(task->future.loop, op, protocol, (place){host, port}, &taken, ret_transport);
    return r < 0 ? r : (int)yb_task_wait_op(task);
}

/* The loop lasts until an operation of the program's has ended. */
static int publish(yibu_loop *loop, yibu_op *op, int started)
{
    if (started < 0)
        return started;
    yb_op_view(op)->is_public = true;
    loop->public_pending++;
    return 0;
}

int yibu_op_create_connection(yibu_loop *loop, yibu_op *op, yibu_protocol *protocol,
                              const char *host, uint16_t port,
                              const yibu_connection_options *options,
                              yibu_transport **ret_transport)
{
    yibu_connection_options taken;
    int r = check(protocol, host, options, &taken);
    if (r == 0)
        r = yb_op_prepare_custom(loop, op);
    if (r < 0)
        return r;
    const place to = {host, port};
    return publish(loop, op, start(loop, yb_op_view(op), protocol, to, &taken, ret_transport));
}

/* Unix sockets. */

static int check_unix(const yibu_protocol *protocol, const char *path,
                      const yibu_stream_options *options, yibu_address *ret_address)
{
    if (!yb_transport_can_tell(protocol))
        return -EINVAL;
    int r = yb_stream_check_options(options);
    return r < 0 ? r : yb_unix_address(path, ret_address);
}

static int start_unix(yibu_loop *loop, yb_op *op, yibu_protocol *protocol,
                      const yibu_address *address, const yibu_stream_options *options,
                      yibu_transport **ret_transport)
{
    yibu_connection_options taken = {.size = sizeof(taken)};
    (void)yb_options_take(&taken.stream, sizeof(taken.stream), options);
    taken.stream.size = sizeof(taken.stream);
    request *q = new_request(op, protocol, &taken, ret_transport);
    if (!q)
        return -ENOMEM;
    return begin(loop, q, yb_connect_unix(loop, &q->connect, address));
}

int yibu_create_unix_connection(yibu_protocol *protocol, const char *path,
                                const yibu_stream_options *options, yibu_transport **ret_transport)
{
    yibu_address address;
    int r = check_unix(protocol, path, options, &address);
    if (r < 0)
        return r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    r = start_unix(task->future.loop, op, protocol, &address, options, ret_transport);
    return r < 0 ? r : (int)yb_task_wait_op(task);
}

int yibu_op_create_unix_connection(yibu_loop *loop, yibu_op *op, yibu_protocol *protocol,
                                   const char *path, const yibu_stream_options *options,
                                   yibu_transport **ret_transport)
{
    yibu_address address;
    int r = check_unix(protocol, path, options, &address);
    if (r == 0)
        r = yb_op_prepare_custom(loop, op);
    if (r < 0)
        return r;
    return publish(loop, op,
                   start_unix(loop, yb_op_view(op), protocol, &address, options, ret_transport));
}
