/* Connecting to Unix sockets without a task.
 *
 * connect(2) of one is done at once or not at all: where the listener's line is full it says
 * EAGAIN, and nothing tells when there is room again, so it is asked again after a while. */
#include <errno.h>
#include <sys/socket.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "net/connector.h"
#include "net/unix_address.h"

static const int64_t FIRST_PAUSE_NS = YIBU_US(100), LONGEST_PAUSE_NS = YIBU_MS(20);

typedef struct unix_connector {
    yb_op *op; /* whose result all this is */
    yibu_loop *loop;
    yibu_address address;
    yb_timer timer; /* of the pause before the next try */
    int64_t pause_ns;
    int fd;
} unix_connector;

/* Whether the next try is to follow: else *ret_result is the descriptor, or why there is none. */
static bool try_once(unix_connector *c, int *ret_result)
{
    *ret_result = c->fd;
    if (connect(c->fd, (const struct sockaddr *)&c->address.storage, c->address.length) == 0)
        return false;
    *ret_result = -errno;
    return errno == EAGAIN || errno == EINTR;
}

static void destroy(unix_connector *c, int result)
{
    if (result < 0)
        (void)yibu_close(c->fd);
    yb_free(c);
}

static void pause_is_over(yb_timer *timer);

static void wait(unix_connector *c)
{
    c->timer.deadline_ns = yb_loop_deadline(c->loop, c->pause_ns);
    c->timer.fire = pause_is_over;
    yb_loop_timer_add(c->loop, &c->timer);
    c->pause_ns = c->pause_ns * 2 < LONGEST_PAUSE_NS ? c->pause_ns * 2 : LONGEST_PAUSE_NS;
}

static void pause_is_over(yb_timer *timer)
{
    unix_connector *c = YB_CONTAINER_OF(timer, unix_connector, timer);
    yb_op *op = c->op;
    int result;
    if (try_once(c, &result)) {
        wait(c);
        return;
    }
    destroy(c, result);
    yb_op_complete(op, result);
}

static bool cancel(yb_op *op)
{
    unix_connector *c = op->custom_data;
    yb_loop_timer_remove(c->loop, &c->timer);
    destroy(c, -ECANCELED);
    return true;
}

int yb_connect_unix(yibu_loop *loop, yb_op *op, const yibu_address *address)
{
    int fd = yb_unix_socket(SOCK_STREAM);
    unix_connector *c = fd < 0 ? NULL : yb_calloc(1, sizeof(*c));
    if (!c) {
        if (fd >= 0)
            (void)yibu_close(fd);
        return fd < 0 ? fd : -ENOMEM;
    }
    *c = (unix_connector){
        .op = op, .loop = loop, .address = *address, .pause_ns = FIRST_PAUSE_NS, .fd = fd};
    int result;
    yb_op_begin_custom(loop, op, cancel, c);
    if (try_once(c, &result)) {
        wait(c);
        return 0;
    }
    destroy(c, result);
    yb_op_complete_soon(op, result);
    return 0;
}
