/* Connections: two flows of bytes, one each way.
 *
 * What is sent is a segment that arrives later: the bandwidth says when the link has taken it, the
 * latency how long it travels, and segments of one flow never overtake each other.  A parted link
 * holds what is due until it is whole again, as retransmission would have it.  As TCP, what has
 * arrived can be received before an error is told, and closing with data unreceived is a reset. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "sim/network.h"

typedef enum segment_kind { DATA, END, RESET } segment_kind;

typedef struct segment {
    yb_list links;
    int64_t arrives_ns;
    size_t size;
    segment_kind kind;
} segment;

static yb_sim_flow *outward(const yb_sim_socket *s)
{
    return &s->connection->flows[s->side];
}

static yb_sim_flow *inward(const yb_sim_socket *s)
{
    return &s->connection->flows[1 - s->side];
}

static yb_sim_connection *connection_of(yb_sim_flow *flow)
{
    yb_sim_flow *first = flow;
    while (first->side > 0)
        first--;
    return YB_CONTAINER_OF(first, yb_sim_connection, flows);
}

static segment *first_segment(const yb_sim_flow *flow)
{
    return yb_list_empty(&flow->segments) ? NULL
                                          : YB_CONTAINER_OF(flow->segments.next, segment, links);
}

static void arm(yb_sim_flow *flow)
{
    const segment *next = first_segment(flow);
    if (!next || flow->armed || flow->held)
        return;
    flow->timer.deadline_ns = next->arrives_ns;
    yb_loop_timer_add(flow->sim->loop, &flow->timer);
    flow->armed = true;
}

/* When a segment of that size, sent now, will be there. */
static int64_t arrival(yb_sim_flow *flow, size_t size)
{
    yb_sim *sim = flow->sim;
    if (flow->sent_ns < sim->now_ns)
        flow->sent_ns = sim->now_ns;
    if (sim->options.bandwidth > 0)
        flow->sent_ns += (int64_t)((double)size * 1e9 / (double)sim->options.bandwidth);
    int64_t arrives_ns = flow->sent_ns + yb_sim_delay(sim);
    if (arrives_ns > flow->arrives_ns)
        flow->arrives_ns = arrives_ns;
    return flow->arrives_ns;
}

/* Without memory for it a segment is lost, and with it the connection. */
static bool push(yb_sim_flow *flow, segment_kind kind, size_t size)
{
    segment *new = yb_sim_allocate(flow->sim, sizeof(*new));
    if (!new)
        return false;
    *new = (segment){.arrives_ns = arrival(flow, size), .size = size, .kind = kind};
    yb_list_push_back(&flow->segments, &new->links);
    arm(flow);
    return true;
}

static void drop_segments(yb_sim_flow *flow)
{
    if (flow->armed)
        yb_sim_timer_remove(flow->sim, &flow->timer);
    flow->armed = flow->held = false;
    for (yb_list *item; (item = yb_list_pop_front(&flow->segments));)
        yb_free(YB_CONTAINER_OF(item, segment, links));
    flow->size = flow->arrived;
}

static bool unused(const yb_sim_connection *c)
{
    for (int side = 0; side < 2; side++)
        if (c->flows[side].from || !yb_list_empty(&c->flows[side].segments))
            return false;
    return true;
}

void yb_sim_connection_free(yb_sim_connection *c)
{
    for (int side = 0; side < 2; side++) {
        drop_segments(&c->flows[side]);
        yb_free(c->flows[side].bytes);
    }
    yb_free(c);
}

static void free_if_unused(yb_sim_connection *c)
{
    if (!unused(c))
        return;
    yb_list_unlink(&c->links);
    yb_sim_connection_free(c);
}

/* Breaking. */

static void break_socket(yb_sim_socket *s, int error)
{
    if (!s || s->state == YB_SIM_BROKEN)
        return;
    yb_sim_trace_socket(s, "is reset");
    s->state = YB_SIM_BROKEN;
    s->error = error;
    yb_sim_socket_serve(s);
}

void yb_sim_connection_break(yb_sim_connection *c, int error)
{
    yb_sim_socket *ends[2] = {c->flows[0].from, c->flows[1].from};
    drop_segments(&c->flows[0]);
    drop_segments(&c->flows[1]);
    break_socket(ends[0], error);
    break_socket(ends[1], error);
}

/* Arriving. */

/* Nobody is there any more who could receive: the sender is told. */
static void answer_unreceived(yb_sim_flow *flow, const segment *arrived)
{
    if (arrived->kind == DATA)
        break_socket(flow->from, ECONNRESET);
}

static void take_in(yb_sim_flow *flow, const segment *arrived)
{
    if (!flow->to) {
        answer_unreceived(flow, arrived);
        return;
    }
    flow->arrived += arrived->size;
    if (arrived->kind == END)
        flow->ended = true;
    if (arrived->kind == RESET)
        break_socket(flow->to, ECONNRESET);
    else
        yb_sim_socket_serve(flow->to);
}

/* A timer of a flow that both ends may have left. */
static void arrive(yb_timer *timer)
{
    yb_sim_flow *flow = YB_CONTAINER_OF(timer, yb_sim_flow, timer);
    yb_sim_connection *c = connection_of(flow);
    flow->armed = false;
    if (yb_sim_parted(flow->sim, &c->hosts[0], &c->hosts[1])) {
        flow->held = true;
        return;
    }
    segment *arrived = first_segment(flow);
    yb_list_unlink(&arrived->links);
    take_in(flow, arrived);
    yb_free(arrived);
    arm(flow);
    free_if_unused(c);
}

void yb_sim_connection_resume(yb_sim_connection *c)
{
    for (int side = 0; side < 2; side++) {
        yb_sim_flow *flow = &c->flows[side];
        flow->held = false;
        arm(flow);
    }
}

/* Beginning and end. */

bool yb_sim_connect_sockets(yb_sim_socket *client, yb_sim_socket *server)
{
    yb_sim_connection *c = yb_sim_allocate(client->sim, sizeof(*c));
    if (!c)
        return false;
    yb_sim_socket *ends[2] = {client, server};
    for (unsigned side = 0; side < 2; side++) {
        yb_sim_flow *flow = &c->flows[side];
        flow->sim = client->sim;
        flow->side = side;
        flow->from = ends[side];
        flow->to = ends[1 - side];
        flow->timer.fire = arrive;
        yb_list_init(&flow->segments);
        c->hosts[side] = ends[side]->local;
        ends[side]->connection = c;
        ends[side]->side = side;
    }
    yb_list_push_back(&client->sim->network.connections, &c->links);
    return true;
}

void yb_sim_socket_finish(yb_sim_socket *s)
{
    yb_sim_flow *flow = outward(s);
    if (flow->finished)
        return;
    flow->finished = true;
    if (!push(flow, END, 0))
        yb_sim_connection_break(s->connection, ECONNRESET);
}

void yb_sim_socket_disconnect(yb_sim_socket *s)
{
    yb_sim_connection *c = s->connection;
    yb_sim_flow *out = outward(s), *in = inward(s);
    bool unheard = s->state == YB_SIM_CONNECTING || in->arrived > 0;
    if (unheard && s->state != YB_SIM_BROKEN)
        (void)push(out, RESET, 0);
    else if (s->state == YB_SIM_CONNECTED)
        yb_sim_socket_finish(s);
    s->connection = NULL;
    s->state = YB_SIM_BROKEN;
    out->from = NULL;
    in->to = NULL;
    free_if_unused(c);
}

/* Transfers. */

static int take_error(yb_sim_socket *s)
{
    int error = s->error;
    s->error = 0;
    return -error;
}

/* How much of size bytes is before the ring's end, from its at-th byte, which is at *ret_place. */
static size_t before_end(const yb_sim_flow *flow, size_t at, size_t size, size_t *ret_place)
{
    size_t room = flow->sim->options.buffer_bytes;
    *ret_place = (flow->head + at) % room;
    return size < room - *ret_place ? size : room - *ret_place;
}

static void copy_out(const yb_sim_flow *flow, void *to, size_t size)
{
    size_t place, first = before_end(flow, 0, size, &place);
    memcpy(to, flow->bytes + place, first);
    memcpy((char *)to + first, flow->bytes, size - first);
}

static void copy_in(yb_sim_flow *flow, const void *from, size_t size)
{
    size_t place, first = before_end(flow, flow->size, size, &place);
    memcpy(flow->bytes + place, from, first);
    memcpy(flow->bytes, (const char *)from + first, size - first);
    flow->size += size;
}

static void consume(yb_sim_flow *flow, size_t size)
{
    flow->head = (flow->head + size) % flow->sim->options.buffer_bytes;
    flow->arrived -= size;
    flow->size -= size;
    if (flow->from)
        yb_sim_socket_serve(flow->from); /* there is room again */
}

ssize_t yb_sim_socket_receive(yb_sim_socket *s, void *to, size_t size)
{
    if (!s->connection)
        return s->error ? take_error(s) : -ENOTCONN;
    yb_sim_flow *flow = inward(s);
    if (flow->arrived > 0 && !s->deaf) {
        size_t n = size < flow->arrived ? size : flow->arrived;
        copy_out(flow, to, n);
        consume(flow, n);
        return (ssize_t)n;
    }
    if (s->error)
        return take_error(s);
    return flow->ended || s->deaf || s->state == YB_SIM_BROKEN ? 0 : -EAGAIN;
}

ssize_t yb_sim_socket_send(yb_sim_socket *s, const void *from, size_t size)
{
    size_t room = s->sim->options.buffer_bytes;
    if (s->error)
        return take_error(s);
    if (!s->connection)
        return -ENOTCONN;
    yb_sim_flow *flow = outward(s);
    if (flow->finished || s->state == YB_SIM_BROKEN)
        return -EPIPE;
    if (!flow->bytes && !(flow->bytes = yb_sim_allocate(s->sim, room)))
        return -ENOBUFS;
    if (size == 0)
        return 0;
    size_t n = size < room - flow->size ? size : room - flow->size;
    if (n == 0)
        return -EAGAIN;
    if (!push(flow, DATA, n))
        return -ENOBUFS;
    copy_in(flow, from, n);
    return (ssize_t)n;
}

bool yb_sim_socket_readable(const yb_sim_socket *s)
{
    if (s->state == YB_SIM_LISTENING)
        return s->arrival_count > 0;
    if (!s->connection)
        return s->error != 0;
    const yb_sim_flow *flow = inward(s);
    return flow->arrived > 0 || flow->ended || s->deaf || s->state == YB_SIM_BROKEN;
}

bool yb_sim_socket_writable(const yb_sim_socket *s)
{
    if (s->state != YB_SIM_CONNECTED)
        return s->error != 0 || s->state == YB_SIM_BROKEN;
    const yb_sim_flow *flow = outward(s);
    return flow->finished || flow->size < s->sim->options.buffer_bytes;
}
