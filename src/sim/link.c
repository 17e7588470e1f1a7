/* Links between hosts: how long they take, and when they are parted.
 *
 * A host is an address without its port.  A partition is between two hosts, or one and everybody
 * else; it ends when it is healed, those of the seed by their timer. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <yibu/local.h>

#include "base/memory.h"
#include "sim/network.h"
#include "sim/trace.h"

typedef struct partition {
    yb_list links;
    yb_sim *sim;
    yibu_address a, b;
    bool from_everybody; /* b does not count */
    yb_timer timer;      /* while timed */
    bool timed;
} partition;

bool yb_sim_same_host(const yibu_address *a, const yibu_address *b)
{
    if (a->storage.ss_family != b->storage.ss_family)
        return false;
    if (a->storage.ss_family == AF_INET) {
        struct sockaddr_in x, y;
        memcpy(&x, &a->storage, sizeof(x));
        memcpy(&y, &b->storage, sizeof(y));
        return x.sin_addr.s_addr == y.sin_addr.s_addr;
    }
    struct sockaddr_in6 x, y;
    memcpy(&x, &a->storage, sizeof(x));
    memcpy(&y, &b->storage, sizeof(y));
    return memcmp(&x.sin6_addr, &y.sin6_addr, sizeof(x.sin6_addr)) == 0;
}

static bool parts(const partition *p, const yibu_address *a, const yibu_address *b)
{
    if (p->from_everybody)
        return yb_sim_same_host(&p->a, a) || yb_sim_same_host(&p->a, b);
    return (yb_sim_same_host(&p->a, a) && yb_sim_same_host(&p->b, b)) ||
           (yb_sim_same_host(&p->a, b) && yb_sim_same_host(&p->b, a));
}

bool yb_sim_parted(const yb_sim *sim, const yibu_address *a, const yibu_address *b)
{
    const yb_list *partitions = &sim->network.partitions;
    for (yb_list *at = partitions->next; at != partitions; at = at->next)
        if (parts(YB_CONTAINER_OF(at, partition, links), a, b))
            return true;
    return false;
}

int64_t yb_sim_delay(yb_sim *sim)
{
    return sim->options.latency_ns +
           (int64_t)yb_sim_below(sim, (uint64_t)sim->options.jitter_ns + 1);
}

static void trace_partition(const partition *p, const char *what)
{
    char a[YIBU_ADDRESS_TEXT], b[YIBU_ADDRESS_TEXT] = "everybody";
    if (!yb_sim_traces(p->sim))
        return;
    (void)yibu_address_format(&p->a, a, sizeof(a));
    if (!p->from_everybody)
        (void)yibu_address_format(&p->b, b, sizeof(b));
    yb_sim_trace(p->sim, "net", "%s and %s are %s", a, b, what);
}

/* Lets every connection look anew; those being made do so by themselves. */
static void resume_all(yb_sim *sim)
{
    yb_list *all = &sim->network.connections;
    for (yb_list *at = all->next; at != all; at = at->next)
        yb_sim_connection_resume(YB_CONTAINER_OF(at, yb_sim_connection, links));
}

static void heal(partition *p)
{
    trace_partition(p, "whole again");
    if (p->timed)
        yb_sim_timer_remove(p->sim, &p->timer);
    yb_list_unlink(&p->links);
    yb_free(p);
}

static void heal_in_time(yb_timer *timer)
{
    partition *p = YB_CONTAINER_OF(timer, partition, timer);
    yb_sim *sim = p->sim;
    p->timed = false;
    heal(p);
    resume_all(sim);
}

static partition *part(yb_sim *sim, const yibu_address *a, const yibu_address *b)
{
    partition *p = yb_sim_allocate(sim, sizeof(*p));
    if (!p)
        return NULL;
    p->sim = sim;
    p->a = *a;
    p->from_everybody = !b;
    if (b)
        p->b = *b;
    yb_list_push_back(&sim->network.partitions, &p->links);
    trace_partition(p, "parted");
    return p;
}

void yb_sim_maybe_part(yb_sim *sim, const yibu_address *a, const yibu_address *b)
{
    if (YB_LIKELY(sim->chances.partition == 0) || !yb_sim_faulty(sim, sim->chances.partition))
        return;
    int64_t length_ns = 1 + (int64_t)yb_sim_below(sim, (uint64_t)sim->options.partition_ns);
    partition *p = part(sim, a, b);
    if (!p)
        return;
    p->timed = true;
    p->timer.fire = heal_in_time;
    p->timer.deadline_ns = sim->now_ns + length_ns;
    yb_loop_timer_add(sim->loop, &p->timer);
}

void yb_sim_heal_all(yb_sim *sim)
{
    yb_list *all = &sim->network.partitions;
    while (!yb_list_empty(all))
        heal(YB_CONTAINER_OF(all->next, partition, links));
}

/* What a program may do to its network. */

static int parse(const char *text, yibu_address *ret_address)
{
    return text && text[0] ? yibu_address_parse(text, 0, ret_address) : -EINVAL;
}

/* The hosts of a call; b may be NULL. */
static int parse_both(const char *a, const char *b, yibu_address hosts[2])
{
    if (!yibu_sim_running())
        return -ENOTSUP;
    int r = parse(a, &hosts[0]);
    return r == 0 && b ? parse(b, &hosts[1]) : r;
}

int yibu_sim_partition(const char *a, const char *b)
{
    yibu_address hosts[2];
    int r = parse_both(a, b, hosts);
    if (r < 0)
        return r;
    return part(yb_sim_current, &hosts[0], b ? &hosts[1] : NULL) ? 0 : -ENOMEM;
}

static bool same_partition(const partition *p, const yibu_address hosts[2], bool everybody)
{
    if (p->from_everybody != everybody || everybody)
        return p->from_everybody == everybody && yb_sim_same_host(&p->a, &hosts[0]);
    return parts(p, &hosts[0], &hosts[1]);
}

int yibu_sim_heal(const char *a, const char *b)
{
    yibu_address hosts[2];
    int healed = 0, r = parse_both(a, b, hosts);
    if (r < 0)
        return r;
    yb_list *all = &yb_sim_current->network.partitions;
    for (yb_list *at = all->next, *next; at != all; at = next) {
        partition *p = YB_CONTAINER_OF(at, partition, links);
        next = at->next;
        if (!same_partition(p, hosts, !b))
            continue;
        heal(p);
        healed++;
    }
    resume_all(yb_sim_current);
    return healed;
}

int yibu_sim_reset(const char *a, const char *b)
{
    yibu_address hosts[2];
    int broken = 0, r = parse_both(a, b, hosts);
    if (r < 0)
        return r;
    partition between = {.a = hosts[0], .from_everybody = !b};
    if (b)
        between.b = hosts[1];
    yb_list *all = &yb_sim_current->network.connections;
    for (yb_list *at = all->next; at != all; at = at->next) {
        yb_sim_connection *c = YB_CONTAINER_OF(at, yb_sim_connection, links);
        if (!parts(&between, &c->hosts[0], &c->hosts[1]))
            continue;
        yb_sim_connection_break(c, ECONNRESET);
        broken++;
    }
    return broken;
}

/* A host, as the tasks on it refer to it. */
typedef struct placed_host {
    yb_list links;
    yibu_address address;
} placed_host;

static yibu_local host_of_task = YIBU_LOCAL_INIT(NULL);

static placed_host *place(yb_sim *sim, const yibu_address *address)
{
    yb_list *hosts = &sim->network.hosts;
    for (yb_list *at = hosts->next; at != hosts; at = at->next) {
        placed_host *known = YB_CONTAINER_OF(at, placed_host, links);
        if (yb_sim_same_host(&known->address, address))
            return known;
    }
    placed_host *new = yb_sim_allocate(sim, sizeof(*new));
    if (!new)
        return NULL;
    new->address = *address;
    yb_list_push_back(hosts, &new->links);
    return new;
}

int yibu_sim_set_host(const char *host)
{
    yibu_address hosts[2];
    int r = parse_both(host, NULL, hosts);
    if (r < 0)
        return r;
    placed_host *placed = place(yb_sim_current, &hosts[0]);
    return placed ? yibu_local_set(&host_of_task, placed) : -ENOMEM;
}

const yibu_address *yb_sim_host_of_task(void)
{
    const placed_host *placed = yibu_local_get(&host_of_task);
    return placed ? &placed->address : NULL;
}

void yb_sim_forget_hosts(yb_sim *sim)
{
    for (yb_list *item; (item = yb_list_pop_front(&sim->network.hosts));)
        yb_free(YB_CONTAINER_OF(item, placed_host, links));
}
