/* A datagram transport's life; datagram_receive.c and datagram_send.c are its two sides.
 *
 * States: OPEN -> CLOSING (nothing is received; what waits still goes out) -> ENDED (nothing waits,
 * nothing is under way: the descriptor is closed, the protocol is told, the memory goes).  The last
 * step is taken from the loop's turn, and by the last leave. */
#include "net/datagram.h"

#include <errno.h>
#include <yibu/error.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "base/options.h"

/* The transports of a loop. */

typedef struct endpoints {
    yb_loop_part part;
    yibu_loop *loop;
    yb_list all; /* yibu_datagram_transport.links */
    yb_datagram_room *room;
} endpoints;

static void end_with_loop(yibu_datagram_transport *t)
{
    yb_datagram_enter(t);
    yb_datagram_fail(t, -ECANCELED);
    if (t->made)
        YB_DATAGRAM_TELL(t, connection_lost, t, t->error);
    t->silent = true;
    yb_datagram_leave(t);
}

static void free_endpoints(yb_loop_part *part)
{
    endpoints *e = YB_CONTAINER_OF(part, endpoints, part);
    for (yb_list *item; (item = yb_list_pop_front(&e->all));) {
        yb_list_init(item);
        end_with_loop(YB_CONTAINER_OF(item, yibu_datagram_transport, links));
    }
    e->loop->parts[YB_PART_DATAGRAMS] = NULL;
    yb_datagram_room_free(e->room);
    yb_free(e);
}

static endpoints *endpoints_of(yibu_loop *loop)
{
    yb_loop_part *part = loop->parts[YB_PART_DATAGRAMS];
    if (part)
        return YB_CONTAINER_OF(part, endpoints, part);
    endpoints *e = yb_calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->room = yb_datagram_room_new();
    if (!e->room) {
        yb_free(e);
        return NULL;
    }
    e->part.free = free_endpoints;
    e->loop = loop;
    yb_list_init(&e->all);
    loop->parts[YB_PART_DATAGRAMS] = &e->part;
    return e;
}

yb_datagram_room *yb_datagram_room_of(yibu_loop *loop)
{
    return YB_CONTAINER_OF(loop->parts[YB_PART_DATAGRAMS], endpoints, part)->room;
}

/* The end. */

static void close_fd(yibu_datagram_transport *t)
{
    if (t->fd >= 0)
        (void)yibu_close(t->fd);
    t->fd = -1;
}

static bool is_over(const yibu_datagram_transport *t)
{
    return t->closing && yb_list_empty(&t->waiting) && !t->reads && !t->writes;
}

static void finish(yibu_datagram_transport *t)
{
    close_fd(t);
    if (t->made) {
        t->inside++;
        YB_DATAGRAM_TELL(t, connection_lost, t, t->error);
    }
    yb_list_unlink(&t->links);
    yb_free(t);
}

static void run_turn(yb_runnable *item)
{
    yibu_datagram_transport *t = YB_CONTAINER_OF(item, yibu_datagram_transport, turn);
    t->turn_waits = false;
    if (!t->made && !t->silent && !(t->closing && t->error)) {
        yb_datagram_enter(t);
        t->made = true;
        YB_DATAGRAM_TELL(t, connection_made, t);
        if (!t->closing)
            yb_datagram_read(t);
        yb_datagram_leave(t);
    } else if (is_over(t)) {
        finish(t);
    }
}

static void run_soon(yibu_datagram_transport *t)
{
    if (t->turn_waits)
        return;
    t->turn_waits = true;
    t->turn.run = run_turn;
    yb_loop_ready(t->loop, &t->turn);
}

void yb_datagram_leave(yibu_datagram_transport *t)
{
    if (--t->inside == 0 && is_over(t))
        run_soon(t);
}

static void stop_reading(yibu_datagram_transport *t)
{
    t->closing = true;
    if (t->reads)
        (void)yb_op_cancel(&t->read_op);
}

void yibu_datagram_transport_close(yibu_datagram_transport *t)
{
    yb_loop_check_thread(t->loop, "closed a datagram transport");
    yb_datagram_enter(t);
    stop_reading(t);
    yb_datagram_leave(t);
}

void yibu_datagram_transport_abort(yibu_datagram_transport *t)
{
    yb_loop_check_thread(t->loop, "aborted a datagram transport");
    yb_datagram_enter(t);
    stop_reading(t);
    yb_datagram_drop(t);
    yb_datagram_leave(t);
}

void yb_datagram_fail(yibu_datagram_transport *t, int error)
{
    if (!t->error)
        t->error = error;
    yibu_datagram_transport_abort(t);
}

void yibu_datagram_transport_free(yibu_datagram_transport *t)
{
    if (!t)
        return;
    t->silent = true;
    yibu_datagram_transport_abort(t);
}

bool yibu_datagram_transport_is_closing(const yibu_datagram_transport *t)
{
    return t->closing;
}

/* The beginning. */

static int check_socket(int fd)
{
    int type;
    socklen_t length = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
        return errno == ENOTSOCK ? -EINVAL : -errno;
    return type == SOCK_DGRAM ? 0 : -EINVAL;
}

static int set_limits(yibu_datagram_transport *t, const yibu_datagram_options *options)
{
    t->max_buffered = options->max_buffered ? options->max_buffered : (size_t)1 << 20;
    size_t high = options->high_water ? options->high_water : 65536;
    size_t low = options->low_water ? options->low_water : high / 4;
    if (low > high)
        return -EINVAL;
    t->high_water = high;
    t->low_water = low;
    return 0;
}

static bool is_sound(const yibu_datagram_protocol *protocol)
{
    return protocol && protocol->methods && protocol->methods->size >= sizeof(*protocol->methods);
}

int yibu_datagram_transport_new(int fd, yibu_datagram_protocol *protocol,
                                const yibu_datagram_options *options,
                                yibu_datagram_transport **ret_transport)
{
    yibu_datagram_options taken;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r < 0 || !is_sound(protocol))
        return -EINVAL;
    yibu_loop *loop = yb_loop_current;
    if (!loop)
        return YIBU_ENOTASK;
    r = yb_loop_check(loop);
    if (r == 0)
        r = yb_loop_network() ? -ENOTSUP : check_socket(fd);
    if (r < 0)
        return r;
    endpoints *all = endpoints_of(loop);
    yibu_datagram_transport *t = all ? yb_calloc(1, sizeof(*t)) : NULL;
    if (!t)
        return -ENOMEM;
    r = set_limits(t, &taken);
    if (r < 0) {
        yb_free(t);
        return r;
    }
    t->loop = loop;
    t->protocol = protocol;
    t->fd = fd;
    yb_list_init(&t->waiting);
    yb_list_push_back(&all->all, &t->links);
    run_soon(t);
    if (ret_transport)
        *ret_transport = t;
    return 0;
}

int yibu_datagram_transport_get_extra_info(const yibu_datagram_transport *t,
                                           yibu_stream_info *ret_info)
{
    if (!t || !ret_info || ret_info->size < sizeof(ret_info->size))
        return -EINVAL;
    yibu_stream_info info = {.fd = t->fd};
    socklen_t length = sizeof(info.peer.storage);
    if (t->fd >= 0) {
        (void)yibu_getsockname(t->fd, &info.local);
        if (getpeername(t->fd, (struct sockaddr *)&info.peer.storage, &length) == 0)
            info.peer.length = length;
    }
    yb_options_give(ret_info, &info, sizeof(info));
    return 0;
}
