/* The load generator: started as `load CASE milliseconds handshake|bulk connections port
 * server-pid`, on the CPU that is not the server's.
 *
 * handshake: so many connections at a time; each is closed once the server has sent its first
 * ticket, so both sides are done with all of the handshake, and another follows.  No session is
 * resumed.  bulk: each connection asks for files of 64 MiB, one after the other.
 *
 * Prints what the server did a second, and its CPU time for a handshake or for 16 KiB.
 * bench-packages: openssl
 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK 16384
#define FILE_BYTES (64L << 20)

static const char request[] = "GET /67108864 HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct connection {
    int fd;
    SSL *ssl;
    int ready;   /* the handshake is done */
    int tickets; /* that came */
    long left;   /* bulk: of the answer's body */
};

struct load {
    struct bench bench;
    SSL_CTX *tls;
    struct connection *connections;
    long count, done; /* handshakes, or bytes */
    int port, epoll, bulk;
    clockid_t server_clock;
};

struct reading {
    int64_t time_ns, cpu_ns;
    long done;
};

static int note_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct connection *c = SSL_get_app_data(ssl);

    (void)session;
    c->tickets++;
    return 0;
}

static void dial(struct load *load, struct connection *c)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)load->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    int on = 1;

    *c = (struct connection){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        bench_fail("connect", errno);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->ssl = SSL_new(load->tls);
    SSL_set_app_data(c->ssl, c);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        bench_fail("epoll_ctl", errno);
}

static void hang_up(struct connection *c)
{
    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    close(c->fd);
}

static void ask(struct connection *c)
{
    if (SSL_write(c->ssl, request, sizeof(request) - 1) <= 0)
        bench_fail("SSL_write", EIO);
    c->left = -1;
}

static void take(struct load *load, struct connection *c, const char *bytes, long size)
{
    if (c->left < 0) { /* the header comes in one piece, perhaps with a part of the body */
        const char *body = memmem(bytes, (size_t)size, "\r\n\r\n", 4);

        if (!body || memcmp(bytes, "HTTP/1.1 200", 12) != 0)
            bench_fail("the answer is not what was asked for", EBADMSG);
        c->left = FILE_BYTES;
        size -= body + 4 - bytes;
    }
    c->left -= size;
    load->done += size;
    if (c->left == 0)
        ask(c);
}

/* Returns 0 where it has to wait. */
static int step(struct load *load, struct connection *c)
{
    static char bytes[65536];
    int n;

    if (!c->ready && SSL_do_handshake(c->ssl) == 1) {
        c->ready = 1;
        if (load->bulk)
            ask(c);
    }
    n = SSL_read(c->ssl, bytes, sizeof(bytes));
    if (n > 0)
        take(load, c, bytes, n);
    else if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
        bench_fail("SSL_read: the connection failed", EIO);
    if (!load->bulk && c->tickets > 0) {
        load->done++;
        hang_up(c);
        dial(load, c);
        return 0;
    }
    return n > 0;
}

/* An edge is told once: what the run before left behind is looked at first. */
static void run_for(struct load *load, int64_t duration_ns)
{
    int64_t end = bench_now_ns() + duration_ns;
    struct epoll_event events[64];

    for (long i = 0; i < load->count; i++)
        while (step(load, &load->connections[i]) && bench_now_ns() < end)
            ;
    while (bench_now_ns() < end) {
        int n = epoll_wait(load->epoll, events, 64, 1000);

        for (int i = 0; i < n; i++)
            while (step(load, events[i].data.ptr) && bench_now_ns() < end)
                ;
    }
}

static struct reading read_meters(const struct load *load)
{
    struct timespec cpu = {0, 0};

    if (clock_gettime(load->server_clock, &cpu) < 0)
        bench_fail("the server's clock", errno);
    return (struct reading){bench_now_ns(), (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec,
                            load->done};
}

static void measure(struct load *load)
{
    int64_t duration_ns = (int64_t)load->bench.n * 1000000;
    struct reading before, after;
    double done, seconds;

    run_for(load, duration_ns / 4);
    before = read_meters(load);
    run_for(load, duration_ns);
    after = read_meters(load);
    done = (double)(after.done - before.done);
    seconds = (double)(after.time_ns - before.time_ns) / 1e9;
    if (load->bulk)
        done /= BLOCK;
    bench_report(load->bench.name, done / seconds, "op/s", (long)done, "");
    bench_report(load->bench.name, (double)(after.cpu_ns - before.cpu_ns) / done, "ns", (long)done,
                 "");
}

int main(int argc, char **argv)
{
    struct load load = {.bench = bench_start(argc, argv)};
    int error;

    load.bulk = load.bench.argc > 0 && strcmp(load.bench.argv[0], "bulk") == 0;
    load.count = bench_argument(&load.bench, 1, 1);
    load.port = (int)bench_argument(&load.bench, 2, 0);
    error = clock_getcpuclockid((pid_t)bench_argument(&load.bench, 3, 0), &load.server_clock);
    if (error)
        bench_fail("clock_getcpuclockid", error);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    load.tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(load.tls, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(load.tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(load.tls, note_ticket);
    load.connections = calloc((size_t)load.count, sizeof(*load.connections));
    for (long i = 0; i < load.count; i++)
        dial(&load, &load.connections[i]);
    measure(&load);
    return 0;
}
