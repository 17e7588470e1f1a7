/* Connecting to a name of several addresses: happy eyeballs (RFC 8305).
 *
 * The addresses are tried in an order in which the families take turns.  The next attempt begins
 * when the one before it has failed or has had its head start; the first to connect ends the race.
 * A connector is over then, or where it was cancelled, but lives until every operation of its own
 * has ended, so no socket is left behind: one that connects too late is closed.
 */
#include "net/connector.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "net/socket.h"
#include "net/tcp.h"

typedef struct connector connector;

typedef struct attempt {
    connector *connector;
    yibu_address address;
    int fd;
    bool under_way; /* op is */
    yb_op op;
} attempt;

struct connector {
    yibu_loop *loop;
    yb_op *op; /* whose result all this is */
    yibu_op look_up;
    struct addrinfo *list;
    yb_timer timer; /* the head start of the attempt that was begun last */
    bool armed;     /* the timer is */
    bool looking_up;
    bool over;        /* nothing new begins */
    int64_t delay_ns; /* head start */
    size_t under_way; /* attempts that are */
    size_t count, next;
    attempt *attempts;
    int result; /* a descriptor, or why there is none */
};

static void try_next(connector *c);

static void destroy(connector *c)
{
    if (c->list)
        freeaddrinfo(c->list);
    yb_free(c->attempts);
    yb_free(c);
}

static bool is_done(const connector *c)
{
    return c->over && c->under_way == 0 && !c->looking_up;
}

static void settle(connector *c)
{
    if (!is_done(c))
        return;
    yb_op *op = c->op;
    int result = c->result;
    destroy(c);
    yb_op_complete(op, result);
}

static void disarm(connector *c)
{
    if (c->armed)
        yb_loop_timer_remove(c->loop, &c->timer);
    c->armed = false;
}

/* Calls off whatever is under way. */
static void conclude(connector *c, int result)
{
    c->over = true;
    c->result = result;
    disarm(c);
    for (size_t i = 0; i < c->next; i++)
        if (c->attempts[i].under_way)
            (void)yb_op_cancel(&c->attempts[i].op);
    if (c->looking_up)
        (void)yibu_op_cancel(&c->look_up);
}

/* Attempts. */

/* What connecting has come to. */
static void judge(attempt *a, int error)
{
    connector *c = a->connector;
    if (error == 0 && !c->over) {
        conclude(c, a->fd);
        return;
    }
    (void)yibu_close(a->fd);
    if (!c->over)
        c->result = error;
}

static void connected(yb_op *op, ssize_t result)
{
    attempt *a = op->arg;
    connector *c = a->connector;
    a->under_way = false;
    c->under_way--;
    judge(a, (int)result);
    if (!c->over) {
        disarm(c);
        try_next(c);
    }
    settle(c);
}

/* 1 where it has come to an end at once. */
static int start(attempt *a)
{
    connector *c = a->connector;
    c->loop->backend->class->adopt_fd(c->loop->backend, a->fd);
    int r = yb_socket_set(a->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (r < 0)
        return r;
    memset(&a->op, 0, sizeof(a->op));
    a->op.callback = connected;
    a->op.arg = a;
    a->op.kind = YB_OP_CONNECT;
    a->op.fd = a->fd;
    a->op.peer = &a->address;
    r = yb_op_start(c->loop, &a->op);
    a->under_way = r == 0;
    c->under_way += r == 0;
    return r == 1 && a->op.result < 0 ? (int)a->op.result : r;
}

static void try_address(attempt *a)
{
    a->fd = yb_socket_new(a->address.storage.ss_family);
    if (a->fd < 0) {
        a->connector->result = a->fd;
        return;
    }
    int r = start(a);
    if (r != 0)
        judge(a, r == 1 ? 0 : r);
}

static void head_start_is_over(yb_timer *timer)
{
    connector *c = YB_CONTAINER_OF(timer, connector, timer);
    c->armed = false;
    try_next(c);
    settle(c);
}

static void give_head_start(connector *c)
{
    c->timer.deadline_ns = yb_loop_deadline(c->loop, c->delay_ns);
    c->timer.fire = head_start_is_over;
    c->armed = true;
    yb_loop_timer_add(c->loop, &c->timer);
}

/* Begins attempts until one is under way. */
static void try_next(connector *c)
{
    while (!c->over && c->next < c->count) {
        attempt *a = &c->attempts[c->next++];
        try_address(a);
        if (!a->under_way)
            continue;
        if (c->next < c->count && c->delay_ns != YIBU_FOREVER)
            give_head_start(c);
        return;
    }
    if (!c->over && c->under_way == 0)
        conclude(c, c->result);
}

/* The look-up. */

static const struct addrinfo *next_of(const struct addrinfo *at, int family, bool same)
{
    while (at && (at->ai_family == family) != same)
        at = at->ai_next;
    return at;
}

static void add(connector *c, const struct sockaddr *address, socklen_t length)
{
    attempt *a = &c->attempts[c->count++];
    a->connector = c;
    a->address.length = length;
    memcpy(&a->address.storage, address, length);
}

/* The families in turn, beginning with the first address's (section 4). */
static void interleave(connector *c)
{
    int family = c->list->ai_family;
    const struct addrinfo *next[2] = {next_of(c->list, family, false),
                                      next_of(c->list, family, true)};
    for (bool same = true; next[0] || next[1]; same = !same) {
        const struct addrinfo *at = next[same];
        if (!at)
            continue;
        add(c, at->ai_addr, at->ai_addrlen);
        next[same] = next_of(at->ai_next, family, same);
    }
}

static int make_room(connector *c, size_t count)
{
    c->attempts = yb_calloc(count, sizeof(*c->attempts));
    return c->attempts ? 0 : -ENOMEM;
}

static int take_list(connector *c)
{
    size_t count = 0;
    for (const struct addrinfo *at = c->list; at; at = at->ai_next)
        count++;
    int r = count > 0 ? make_room(c, count) : -EADDRNOTAVAIL;
    if (r == 0)
        interleave(c);
    return r;
}

static void looked_up(yibu_op *op, ssize_t result)
{
    connector *c = op->arg;
    int r = (int)result;
    c->looking_up = false;
    if (r == 0 && !c->over)
        r = take_list(c);
    if (!c->over && r < 0)
        conclude(c, r);
    else if (!c->over)
        try_next(c);
    settle(c);
}

/* Starting. */

static bool cancel(yb_op *op)
{
    connector *c = op->custom_data;
    if (c->over)
        return false;
    conclude(c, -ECANCELED);
    if (!is_done(c))
        return false;
    destroy(c);
    return true;
}

static connector *new_connector(yibu_loop *loop, yb_op *op)
{
    connector *c = yb_calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->loop = loop;
    c->op = op;
    c->result = -EADDRNOTAVAIL;
    return c;
}

static int begin(connector *c, const char *host, uint16_t port)
{
    yibu_address address;
    if (yibu_address_parse(host, port, &address) < 0) {
        c->look_up = (yibu_op){.callback = looked_up, .arg = c};
        int r = yb_tcp_resolve_op(c->loop, &c->look_up, host, port, &c->list);
        c->looking_up = r == 0;
        return r;
    }
    int r = make_room(c, 1);
    if (r < 0)
        return r;
    add(c, (const struct sockaddr *)&address.storage, address.length);
    try_next(c);
    return 0;
}

int yb_connect_tcp(yibu_loop *loop, yb_op *op, const char *host, uint16_t port, int64_t delay_ns)
{
    connector *c = new_connector(loop, op);
    if (!c)
        return -ENOMEM;
    c->delay_ns = delay_ns;
    int r = begin(c, host, port);
    if (r < 0) {
        destroy(c);
        return r;
    }
    yb_op_begin_custom(loop, op, cancel, c);
    if (is_done(c)) {
        yb_op_complete_soon(op, c->result);
        destroy(c);
    }
    return 0;
}
