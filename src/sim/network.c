/* Sockets as objects: their descriptors, their making, their end, and what stands in the place of
 * the system calls that are no operations. */
#include "sim/network.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <string.h>

#include "base/memory.h"
#include "sim/resolve.h"
#include "sim/trace.h"

enum { FIRST_PORT = 32768, MAX_SOCKETS = 1 << 20 };

void *yb_sim_allocate(yb_sim *sim, size_t size)
{
    bool spared = sim->spared;
    sim->spared = true;
    void *memory = yb_calloc(1, size);
    sim->spared = spared;
    return memory;
}

void yb_sim_trace_socket(const yb_sim_socket *s, const char *format, ...)
{
    if (!yb_sim_traces(s->sim))
        return;
    char what[128], local[YIBU_ADDRESS_TEXT] = "socket", peer[YIBU_ADDRESS_TEXT] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    if (s->local.length > 0)
        (void)yibu_address_format(&s->local, local, sizeof(local));
    if (s->peer.length > 0)
        (void)yibu_address_format(&s->peer, peer, sizeof(peer));
    yb_sim_trace(s->sim, "net", "%s%s%s %s", local, peer[0] ? " to " : "", peer, what);
}

/* Descriptors. */

static int grow(yb_sim *sim)
{
    yb_sim_network *network = &sim->network;
    size_t capacity = network->capacity ? network->capacity * 2 : 16;
    if (capacity > MAX_SOCKETS)
        return -EMFILE;
    yb_sim_socket **sockets = yb_sim_allocate(sim, capacity * sizeof(yb_sim_socket *));
    if (!sockets)
        return -ENOMEM;
    if (network->capacity > 0)
        memcpy(sockets, network->sockets, network->capacity * sizeof(yb_sim_socket *));
    yb_free(network->sockets);
    network->sockets = sockets;
    network->capacity = capacity;
    return 0;
}

int yb_sim_socket_enter(yb_sim_socket *s)
{
    yb_sim_network *network = &s->sim->network;
    size_t place = network->first_free;
    while (place < network->capacity && network->sockets[place])
        place++;
    int r = place == network->capacity ? grow(s->sim) : 0;
    if (r < 0)
        return r;
    network->sockets[place] = s;
    network->first_free = place + 1;
    return s->fd = YB_SIM_FIRST_FD + (int)place;
}

static void leave(yb_sim_socket *s)
{
    yb_sim_network *network = &s->sim->network;
    if (s->fd < 0)
        return;
    size_t place = (size_t)(s->fd - YB_SIM_FIRST_FD);
    network->sockets[place] = NULL;
    if (place < network->first_free)
        network->first_free = place;
    s->fd = -1;
}

yb_sim_socket *yb_sim_find_socket(yb_sim *sim, int fd)
{
    if (fd < YB_SIM_FIRST_FD || (size_t)(fd - YB_SIM_FIRST_FD) >= sim->network.capacity)
        return NULL;
    return sim->network.sockets[fd - YB_SIM_FIRST_FD];
}

/* Sockets. */

yb_sim_socket *yb_sim_socket_new(yb_sim *sim, int family)
{
    yb_sim_socket *s = yb_sim_allocate(sim, sizeof(*s));
    if (!s)
        return NULL;
    s->sim = sim;
    s->fd = -1;
    s->family = family;
    for (int queue = 0; queue < YB_SIM_QUEUES; queue++)
        yb_list_init(&s->waiting[queue]);
    yb_list_init(&s->links);
    yb_list_init(&s->arrivals);
    return s;
}

static void free_socket(yb_sim_socket *s)
{
    if (s->again_set)
        yb_sim_timer_remove(s->sim, &s->again);
    if (s->timer_set)
        yb_sim_timer_remove(s->sim, &s->timer);
    leave(s);
    yb_free(s);
}

void yb_sim_socket_close(yb_sim_socket *s)
{
    yb_sim_trace_socket(s, "closes");
    yb_sim_socket_end_all(s, -EBADF);
    if (s->state == YB_SIM_LISTENING)
        yb_sim_socket_unlisten(s);
    if (s->connection)
        yb_sim_socket_disconnect(s);
    free_socket(s);
}

/* In the place of system calls. */

static bool owns(yb_backend *backend, int fd)
{
    (void)backend;
    return fd >= YB_SIM_FIRST_FD;
}

static int open_socket(yb_backend *backend, int family)
{
    if (family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    yb_sim_socket *s = yb_sim_socket_new(yb_sim_of(backend), family);
    if (!s)
        return -ENOMEM;
    int fd = yb_sim_socket_enter(s);
    if (fd < 0)
        free_socket(s);
    return fd;
}

/* What options there are to set changes nothing here, but for SO_REUSEPORT. */
static int set_option(yb_backend *backend, int fd, int level, int option, int value)
{
    yb_sim_socket *s = yb_sim_find_socket(yb_sim_of(backend), fd);
    if (!s)
        return -EBADF;
    if (level == SOL_SOCKET && option == SO_REUSEPORT)
        s->reuse_port = value != 0;
    return 0;
}

static int listen_on(yb_backend *backend, int fd, const yibu_address *address, int backlog)
{
    yb_sim_socket *s = yb_sim_find_socket(yb_sim_of(backend), fd);
    return s ? yb_sim_socket_listen(s, address, backlog) : -EBADF;
}

static int get_name(yb_backend *backend, int fd, yibu_address *ret_address)
{
    yb_sim_socket *s = yb_sim_find_socket(yb_sim_of(backend), fd);
    if (!s)
        return -EBADF;
    *ret_address = s->local;
    if (s->local.length == 0) {
        ret_address->storage.ss_family = (sa_family_t)s->family;
        ret_address->length =
            s->family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    }
    return 0;
}

static int get_peer(yb_backend *backend, int fd, yibu_address *ret_address)
{
    yb_sim_socket *s = yb_sim_find_socket(yb_sim_of(backend), fd);
    if (!s)
        return -EBADF;
    if (s->state != YB_SIM_CONNECTED)
        return -ENOTCONN;
    *ret_address = s->peer;
    return 0;
}

static int shut_down(yb_backend *backend, int fd, int how)
{
    yb_sim_socket *s = yb_sim_find_socket(yb_sim_of(backend), fd);
    if (!s)
        return -EBADF;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    if (s->state != YB_SIM_CONNECTED)
        return -ENOTCONN;
    yb_sim_trace_socket(s, "shuts down %s",
                        how == SHUT_RD   ? "receiving"
                        : how == SHUT_WR ? "sending"
                                         : "both ways");
    if (how != SHUT_WR)
        s->deaf = true;
    if (how != SHUT_RD)
        yb_sim_socket_finish(s);
    yb_sim_socket_serve(s);
    return 0;
}

static int close_socket(yb_backend *backend, int fd)
{
    yb_sim_socket *s = yb_sim_find_socket(yb_sim_of(backend), fd);
    if (!s)
        return -EBADF;
    yb_sim_socket_close(s);
    return 0;
}

const yb_network_class yb_sim_network_class = {
    .owns = owns,
    .open = open_socket,
    .set_option = set_option,
    .listen = listen_on,
    .get_name = get_name,
    .get_peer = get_peer,
    .shut_down = shut_down,
    .close = close_socket,
    .look_up = yb_sim_look_up,
};

/* The whole. */

void yb_sim_network_init(yb_sim *sim)
{
    sim->network = (yb_sim_network){.next_port = FIRST_PORT};
    yb_list_init(&sim->network.listeners);
    yb_list_init(&sim->network.connections);
    yb_list_init(&sim->network.partitions);
    yb_list_init(&sim->network.hosts);
}

static void drop_socket(yb_sim_socket *s)
{
    for (int queue = 0; queue < YB_SIM_QUEUES; queue++)
        yb_list_init(&s->waiting[queue]);
    for (yb_list *item; (item = yb_list_pop_front(&s->arrivals));)
        drop_socket(YB_CONTAINER_OF(item, yb_sim_socket, links));
    free_socket(s);
}

void yb_sim_network_destroy(yb_sim *sim)
{
    yb_sim_network *network = &sim->network;
    for (size_t i = 0; i < network->capacity; i++)
        if (network->sockets[i])
            drop_socket(network->sockets[i]);
    yb_free(network->sockets);
    network->sockets = NULL;
    network->capacity = 0;
    for (yb_list *item; (item = yb_list_pop_front(&network->connections));)
        yb_sim_connection_free(YB_CONTAINER_OF(item, yb_sim_connection, links));
    yb_sim_heal_all(sim);
    yb_sim_forget_hosts(sim);
}
