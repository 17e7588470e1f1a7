/* Connecting to a name of several addresses: happy eyeballs (RFC 8305).
 *
 * Each attempt is a child of a group, which begins when the one before it has failed or has had its
 * head start.  The first to connect cancels the group, so nobody is left behind: an attempt that is
 * cancelled closes its socket, and one that connects too late closes what it got. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <yibu/event.h>
#include <yibu/group.h>
#include <yibu/io.h>
#include <yibu/select.h>
#include <yibu/stream.h>

#include "base/memory.h"
#include "base/options.h"
#include "io/stream.h"
#include "net/socket.h"
#include "net/tcp.h"

/* "Connection Attempt Delay", section 5. */
static const int64_t DEFAULT_ATTEMPT_DELAY_NS = YIBU_MS(250);

typedef struct race {
    yibu_group group;
    yibu_event failed; /* an attempt has: the next need not wait */
    int winner;        /* a descriptor, or -1 */
    int error;         /* of the attempt that failed last */
} race;

typedef struct attempt {
    race *race;
    yibu_address address;
} attempt;

static intptr_t try_address(void *arg)
{
    const attempt *a = arg;
    race *r = a->race;
    int fd = yb_tcp_connect_to(&a->address);
    if (fd == -ECANCELED)
        return fd;
    if (fd < 0) {
        r->error = fd;
        yibu_event_set(&r->failed);
        return 0;
    }
    if (r->winner < 0)
        r->winner = fd;
    else
        (void)yibu_close(fd);
    (void)yibu_group_cancel(&r->group);
    return 0;
}

static int give_head_start(race *r, int64_t delay_ns)
{
    if (delay_ns == YIBU_FOREVER)
        return yibu_event_wait(&r->failed);
    yibu_case cases[] = {YIBU_CASE_EVENT(&r->failed), YIBU_CASE_AFTER(delay_ns)};
    ssize_t chosen = yibu_select(cases, 2);
    return chosen < 0 ? (int)chosen : 0;
}

static intptr_t start_attempts(race *r, attempt *attempts, size_t count, int64_t delay_ns)
{
    intptr_t result = 0;
    for (size_t i = 0; i < count && result == 0 && r->winner < 0; i++) {
        yibu_event_clear(&r->failed);
        attempts[i].race = r;
        result = yibu_group_spawn(&r->group, try_address, &attempts[i]);
        if (result == 0 && i + 1 < count)
            result = give_head_start(r, delay_ns);
    }
    return result;
}

/* A descriptor, or a failure. */
static int run_race(attempt *attempts, size_t count, int64_t delay_ns)
{
    race r = {
        .group = YIBU_GROUP_INIT, .failed = YIBU_EVENT_INIT, .winner = -1, .error = -EADDRNOTAVAIL};
    intptr_t result = yibu_group_begin(&r.group, NULL);
    if (result == 0)
        result = start_attempts(&r, attempts, count, delay_ns);
    result = yibu_group_end(&r.group, result);
    if (result == 0)
        return r.winner >= 0 ? r.winner : r.error;
    if (r.winner >= 0)
        (void)yibu_close(r.winner);
    return (int)result;
}

static const struct addrinfo *next_of(const struct addrinfo *at, int family, bool same)
{
    while (at && (at->ai_family == family) != same)
        at = at->ai_next;
    return at;
}

static void copy(attempt *to, const struct addrinfo *from)
{
    to->address = (yibu_address){.length = from->ai_addrlen};
    memcpy(&to->address.storage, from->ai_addr, from->ai_addrlen);
}

/* The families in turn, beginning with the first address's (section 4).  Returns how many. */
static size_t interleave(const struct addrinfo *list, attempt *ret_attempts)
{
    int family = list->ai_family;
    const struct addrinfo *next[2] = {next_of(list, family, false), next_of(list, family, true)};
    size_t count = 0;
    for (bool same = true; next[0] || next[1]; same = !same) {
        const struct addrinfo *at = next[same];
        if (!at)
            continue;
        copy(&ret_attempts[count++], at);
        next[same] = next_of(at->ai_next, family, same);
    }
    return count;
}

static int connect_to_list(const struct addrinfo *list, int64_t delay_ns)
{
    size_t count = 0;
    for (const struct addrinfo *at = list; at; at = at->ai_next)
        count++;
    if (count == 0)
        return -EADDRNOTAVAIL;
    attempt *attempts = yb_calloc(count, sizeof(*attempts));
    if (!attempts)
        return -ENOMEM;
    count = interleave(list, attempts);
    int fd =
        count == 1 ? yb_tcp_connect_to(&attempts[0].address) : run_race(attempts, count, delay_ns);
    yb_free(attempts);
    return fd;
}

static int connect_to_host(const char *host, uint16_t port, int64_t delay_ns)
{
    yibu_address address;
    if (yibu_address_parse(host, port, &address) == 0)
        return yb_tcp_connect_to(&address);
    struct addrinfo *list;
    int r = yb_tcp_resolve(host, port, 0, &list);
    if (r < 0)
        return r;
    int fd = connect_to_list(list, delay_ns);
    freeaddrinfo(list);
    return fd;
}

static int known(const yibu_connection_options *options, yibu_connection_options *ret_taken)
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

static int make_stream(int fd, const yibu_connection_options *options, yibu_stream **ret_stream)
{
    if (options->keep_alive)
        (void)yb_socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (options->nagle)
        (void)yb_socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 0);
    int r = yibu_stream_new(fd, &options->stream, ret_stream);
    if (r < 0)
        (void)yibu_close(fd);
    return r;
}

int yibu_open_connection(const char *host, uint16_t port, const yibu_connection_options *options,
                         yibu_stream **ret_stream)
{
    yibu_connection_options taken;
    int r = known(options, &taken);
    if (r < 0 || !host || !host[0] || !ret_stream)
        return -EINVAL;
    if (!yb_task_enter(&r))
        return r;
    int fd = connect_to_host(host, port, taken.attempt_delay_ns);
    return fd < 0 ? fd : make_stream(fd, &taken, ret_stream);
}
