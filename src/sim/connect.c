/* Listening, connecting, accepting.
 *
 * A connection attempt (a SYN, in TCP's words) travels to its address.  Who listens there has the
 * new connection in line at once, and the answer travels back; where nobody listens, the refusal
 * does.  What meets a full line or a parted link is lost and sent again every second, for as long
 * as Linux tries (127 s). */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "sim/network.h"
#include <yibu/error.h>

static const int64_t RETRY_NS = YIBU_SECONDS(1), GIVE_UP_NS = YIBU_SECONDS(127);

/* Addresses. */

static bool is_any(const yibu_address *address)
{
    if (address->storage.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &address->storage, sizeof(in));
        return in.sin_addr.s_addr == htonl(INADDR_ANY);
    }
    struct sockaddr_in6 in;
    memcpy(&in, &address->storage, sizeof(in));
    return IN6_IS_ADDR_UNSPECIFIED(&in.sin6_addr);
}

static void set_port(yibu_address *address, uint16_t port)
{
    /* At the same place in both families (RFC 3493, 3.3). */
    struct sockaddr_in in;
    memcpy(&in, &address->storage, sizeof(in));
    in.sin_port = htons(port);
    memcpy(&address->storage, &in, sizeof(in));
}

/* Whether a listener hears what is sent to an address: its own, or any of its family, and "::"
 * hears IPv4 too. */
static bool hears(const yb_sim_socket *listener, const yibu_address *to)
{
    if (yibu_address_port(&listener->local) != yibu_address_port(to))
        return false;
    if (yb_sim_same_host(&listener->local, to))
        return true;
    return is_any(&listener->local) &&
           (listener->family == AF_INET6 || to->storage.ss_family == AF_INET);
}

/* Of those that hear it, an exact address before "any", and of equals the seed's choice. */
static yb_sim_socket *find_listener(yb_sim *sim, const yibu_address *to)
{
    yb_list *listeners = &sim->network.listeners;
    uint64_t exact = 0, all = 0;
    for (yb_list *at = listeners->next; at != listeners; at = at->next) {
        const yb_sim_socket *s = YB_CONTAINER_OF(at, yb_sim_socket, links);
        all += hears(s, to);
        exact += hears(s, to) && yb_sim_same_host(&s->local, to);
    }
    uint64_t index = yb_sim_below(sim, exact ? exact : all);
    for (yb_list *at = listeners->next; at != listeners; at = at->next) {
        yb_sim_socket *s = YB_CONTAINER_OF(at, yb_sim_socket, links);
        if (hears(s, to) && (!exact || yb_sim_same_host(&s->local, to)) && index-- == 0)
            return s;
    }
    return NULL;
}

static bool taken(yb_sim *sim, const yb_sim_socket *by, const yibu_address *address)
{
    yb_list *listeners = &sim->network.listeners;
    for (yb_list *at = listeners->next; at != listeners; at = at->next) {
        const yb_sim_socket *s = YB_CONTAINER_OF(at, yb_sim_socket, links);
        if (yibu_address_port(&s->local) != yibu_address_port(address))
            continue;
        bool overlaps =
            yb_sim_same_host(&s->local, address) || is_any(&s->local) || is_any(address);
        if (overlaps && !(s->reuse_port && by->reuse_port))
            return true;
    }
    return false;
}

/* The next port that nobody listens on. */
static uint16_t choose_port(yb_sim *sim, const yb_sim_socket *for_socket, yibu_address *address)
{
    do {
        uint16_t port = sim->network.next_port++;
        if (sim->network.next_port < 32768)
            sim->network.next_port = 32768;
        set_port(address, port);
    } while (taken(sim, for_socket, address));
    return yibu_address_port(address);
}

/* Listening. */

int yb_sim_socket_listen(yb_sim_socket *s, const yibu_address *address, int backlog)
{
    if (s->state != YB_SIM_FRESH || address->storage.ss_family != s->family)
        return -EINVAL;
    yibu_address local = *address;
    if (yibu_address_port(&local) == 0)
        (void)choose_port(s->sim, s, &local);
    if (taken(s->sim, s, &local))
        return -EADDRINUSE;
    s->local = local;
    s->state = YB_SIM_LISTENING;
    s->backlog = (unsigned)backlog;
    yb_list_push_back(&s->sim->network.listeners, &s->links);
    yb_sim_trace_socket(s, "listens");
    return 0;
}

void yb_sim_socket_unlisten(yb_sim_socket *s)
{
    yb_list_remove(&s->links);
    for (yb_list *item; (item = yb_list_pop_front(&s->arrivals));) {
        yb_sim_socket *arrival = YB_CONTAINER_OF(item, yb_sim_socket, links);
        yb_sim_connection_break(arrival->connection, ECONNRESET);
        yb_sim_socket_close(arrival);
    }
}

/* Connecting. */

static void again_at(yb_sim_socket *s, int64_t when_ns, void (*fire)(yb_timer *timer))
{
    s->timer.deadline_ns = when_ns;
    s->timer.fire = fire;
    yb_loop_timer_add(s->sim->loop, &s->timer);
    s->timer_set = true;
}

static yb_sim_socket *socket_of(yb_timer *timer)
{
    yb_sim_socket *s = YB_CONTAINER_OF(timer, yb_sim_socket, timer);
    s->timer_set = false;
    return s;
}

/* What connect(2) says, or where it was cancelled SO_ERROR. */
static void conclude(yb_sim_socket *s, int error)
{
    yb_op *op = s->connecting;
    s->connecting = NULL;
    s->state = error ? YB_SIM_FRESH : YB_SIM_CONNECTED;
    s->error = op ? 0 : error;
    yb_sim_trace_socket(s, "%s", error ? yibu_error_name(-error) : "is connected");
    if (op)
        yb_op_complete_soon(op, -error);
    yb_sim_socket_serve(s);
}

static void answered(yb_timer *timer)
{
    yb_sim_socket *s = socket_of(timer);
    bool broken = s->state == YB_SIM_BROKEN; /* by its new peer already */
    conclude(s, broken ? ECONNRESET : s->refused);
    if (broken)
        s->state = YB_SIM_BROKEN;
}

static void answer(yb_sim_socket *s, int error)
{
    s->refused = error;
    again_at(s, s->sim->now_ns + yb_sim_delay(s->sim), answered);
}

/* Puts a new connection in the listener's line. */
static bool join_line(yb_sim_socket *s, yb_sim_socket *listener)
{
    yb_sim_socket *server = yb_sim_socket_new(s->sim, s->family);
    if (!server)
        return false;
    server->state = YB_SIM_CONNECTED;
    server->local = s->peer;
    server->peer = s->local;
    if (!yb_sim_connect_sockets(s, server)) {
        yb_sim_socket_close(server);
        return false;
    }
    yb_list_push_back(&listener->arrivals, &server->links);
    listener->arrival_count++;
    yb_sim_socket_serve(listener);
    return true;
}

static void arrive(yb_timer *timer)
{
    yb_sim_socket *s = socket_of(timer);
    yb_sim *sim = s->sim;
    bool parted = yb_sim_parted(sim, &s->local, &s->peer);
    yb_sim_socket *listener = parted ? NULL : find_listener(sim, &s->peer);
    if (!parted && !listener)
        answer(s, ECONNREFUSED);
    else if (listener && listener->arrival_count < listener->backlog && join_line(s, listener))
        answer(s, 0);
    else if (sim->now_ns >= s->give_up_ns)
        conclude(s, ETIMEDOUT);
    else
        again_at(s, sim->now_ns + RETRY_NS, arrive);
}

/* Where the socket's own end is: on the loopback as its peer is, on the task's host, else at an
 * address for documentation (RFC 5737, RFC 3849). */
static void choose_local(yb_sim_socket *s, const yibu_address *to)
{
    static const char *const names[2][2] = {{"192.0.2.1", "127.0.0.1"}, {"2001:db8::1", "::1"}};
    yibu_address loopback;
    bool six = to->storage.ss_family == AF_INET6;
    (void)yibu_address_parse(names[six][1], 0, &loopback);
    bool local = is_any(to) || yb_sim_same_host(to, &loopback);
    const yibu_address *host = local ? NULL : yb_sim_host_of_task();
    (void)yibu_address_parse(names[six][local], 0, &s->local);
    if (host && host->storage.ss_family == s->family)
        s->local = *host;
    (void)choose_port(s->sim, s, &s->local);
    s->peer = *to;
    if (is_any(to)) { /* this host */
        s->peer = loopback;
        set_port(&s->peer, yibu_address_port(to));
    }
}

static int injected_error(yb_sim *sim)
{
    static const int errors[] = {ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH};
    if (!yb_sim_faulty(sim, sim->chances.connect))
        return 0;
    return errors[yb_sim_below(sim, sizeof(errors) / sizeof(errors[0]))];
}

ssize_t yb_sim_socket_connect(yb_sim_socket *s, yb_op *op)
{
    const yibu_address *to = op->peer;
    if (s->state != YB_SIM_FRESH)
        return s->state == YB_SIM_CONNECTING  ? -EALREADY
               : s->state == YB_SIM_CONNECTED ? -EISCONN
                                              : -EINVAL;
    if (to->storage.ss_family != s->family)
        return -EAFNOSUPPORT;
    choose_local(s, to);
    yb_sim_trace_socket(s, "connects");
    yb_sim_maybe_part(s->sim, &s->local, &s->peer);
    s->state = YB_SIM_CONNECTING;
    s->connecting = op;
    s->give_up_ns = s->sim->now_ns + GIVE_UP_NS;
    int error = injected_error(s->sim);
    if (error)
        answer(s, error);
    else
        again_at(s, s->sim->now_ns + yb_sim_delay(s->sim), arrive);
    return -EAGAIN;
}

/* Accepting. */

/* What accept(2) may say that is no fault of the connection's; but one that was aborted is gone. */
static int accept_error(yb_sim_socket *listener, yb_sim_socket *arrival)
{
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ECONNABORTED};
    yb_sim *sim = listener->sim;
    if (!yb_sim_faulty(sim, sim->chances.accept))
        return 0;
    int error = errors[yb_sim_below(sim, sizeof(errors) / sizeof(errors[0]))];
    if (error == ECONNABORTED) {
        yb_list_remove(&arrival->links);
        listener->arrival_count--;
        yb_sim_connection_break(arrival->connection, ECONNRESET);
        yb_sim_socket_close(arrival);
    }
    return error;
}

ssize_t yb_sim_socket_accept(yb_sim_socket *s, yb_op *op)
{
    if (s->state != YB_SIM_LISTENING)
        return -EINVAL;
    if (yb_list_empty(&s->arrivals))
        return -EAGAIN;
    yb_sim_socket *arrival = YB_CONTAINER_OF(s->arrivals.next, yb_sim_socket, links);
    int error = accept_error(s, arrival);
    if (error)
        return -error;
    int fd = yb_sim_socket_enter(arrival);
    if (fd < 0)
        return fd;
    yb_list_remove(&arrival->links);
    s->arrival_count--;
    if (op->peer)
        *op->peer = arrival->peer;
    yb_sim_trace_socket(arrival, "is accepted");
    return fd;
}
