/* A port scanner: many ports at once, each with a limit on time.
 *
 * The name is looked up once.  Every port is a task of a group, which begins when a limiter has a
 * token for it: so there are never more connections under way than asked for, nor tasks.
 *
 * usage: scan HOST [FIRST [LAST [AT-ONCE [MILLISECONDS]]]]     (1 1024 256 500) */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <yibu.h>

typedef struct scan {
    yibu_address host; /* every task sets the port in a copy */
    int64_t patience_ns;
    yibu_limiter *limiter;
    int failure;       /* that says nothing of a port, and ends the scan */
    char found[65536]; /* by port: 'o'pen, 'c'losed, 's'ilent; also who borrows the token */
} scan;

static void set_port(yibu_address *address, uint16_t port)
{
    if (address->storage.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
}

static int connect_in_time(const scan *s, uint16_t port)
{
    yibu_address address = s->host;
    set_port(&address, port);
    int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    yibu_timeout limit;
    yibu_timeout_begin(&limit, s->patience_ns);
    int r = (int)yibu_timeout_end(&limit, yibu_connect(fd, &address));
    yibu_close(fd);
    return r;
}

static YIBU_ASYNC(void, try_port, scan *, s, uint16_t, port)
{
    int r = connect_in_time(s, port);
    yibu_limiter_release_on_behalf_of(s->limiter, &s->found[port]);
    if (r == -EMFILE || r == -ENFILE || r == -ENOMEM)
        s->failure = r;
    s->found[port] = r == 0 ? 'o' : r == -ECONNREFUSED ? 'c' : 's';
    return r == -ECANCELED ? r : 0;
}

static YIBU_ASYNC(void, try_ports, scan *, s, unsigned, first, unsigned, last)
{
    intptr_t r = 0;
    YIBU_GROUP (group, NULL, &r)
        for (unsigned port = first; r == 0 && s->failure == 0 && port <= last; port++) {
            r = yibu_limiter_acquire_on_behalf_of(s->limiter, &s->found[port]);
            if (r == 0)
                r = yibu_go_in(&group, try_port, s, (uint16_t)port);
        }
    return r < 0 ? (int)r : s->failure;
}

static int look_up(const char *host, yibu_address *ret_address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int r = yibu_getaddrinfo(host, NULL, &hints, &list);
    if (r < 0)
        return r;
    ret_address->length = list->ai_addrlen;
    memcpy(&ret_address->storage, list->ai_addr, list->ai_addrlen);
    freeaddrinfo(list);
    return 0;
}

static YIBU_ASYNC(void, run, scan *, s, const char *, host, unsigned, first, unsigned, last)
{
    int r = look_up(host, &s->host);
    return r < 0 ? r : try_ports(s, first, last);
}

static void report(const scan *s, unsigned first, unsigned last)
{
    unsigned closed = 0, silent = 0;
    for (unsigned port = first; port <= last; port++) {
        if (s->found[port] == 'o')
            printf("%u open\n", port);
        closed += s->found[port] == 'c';
        silent += s->found[port] == 's';
    }
    printf("%u closed, %u silent\n", closed, silent);
}

int main(int argc, char **argv)
{
    static scan s;
    unsigned numbers[] = {1, 1024, 256, 500}, first, last;
    for (int i = 2; i < argc && i < 6; i++)
        numbers[i - 2] = (unsigned)strtoul(argv[i], NULL, 10);
    first = numbers[0], last = numbers[1];
    if (argc < 2 || argc > 6 || first < 1 || last > 65535 || numbers[2] < 1) {
        fprintf(stderr, "usage: scan HOST [FIRST [LAST [AT-ONCE [MILLISECONDS]]]]\n");
        return 2;
    }
    s.patience_ns = YIBU_MS(numbers[3]);
    s.limiter = yibu_limiter_new(numbers[2]);
    int r = s.limiter ? run_run(NULL, &s, argv[1], first, last) : -ENOMEM;
    if (r < 0)
        fprintf(stderr, "%s: %s\n", argv[1], yibu_strerror(r));
    else
        report(&s, first, last);
    yibu_limiter_free(s.limiter);
    return r < 0;
}
