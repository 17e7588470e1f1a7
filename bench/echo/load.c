/* The load generator: N connections over one io_uring, on the CPU that is not the server's.
 *
 * Started as `load CASE milliseconds connections size port server-pid`.  Each connection has one
 * request under way: a send and a whole receive are submitted together, and the send completes
 * without an event, so that a request costs this side as little as can be.  Every answer is
 * compared with its request.  A quarter of the time is for warming up; then requests are counted,
 * and the server's CPU time, all of its threads, is read from its process clock.
 * bench-packages: liburing
 */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define RING_ENTRIES 4096

struct connection {
    int fd;
    uint64_t number;
    char *request;
    char *answer;
};

struct load {
    struct bench bench;
    struct io_uring ring;
    struct connection *connections;
    long count, size, requests;
    clockid_t server_clock;
};

struct reading {
    int64_t time_ns, cpu_ns;
    long requests;
};

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        bench_fail("connect", errno);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static void open_connection(struct load *load, struct connection *c, int port)
{
    c->fd = dial(port);
    c->request = malloc((size_t)load->size);
    c->answer = malloc((size_t)load->size);
    memset(c->request, 'x', (size_t)load->size);
}

static void open_ring(struct load *load)
{
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int error = io_uring_queue_init_params(RING_ENTRIES, &load->ring, &params);
    int *fds = calloc((size_t)load->count, sizeof(*fds));

    if (error)
        bench_fail("io_uring", error);
    for (long i = 0; i < load->count; i++)
        fds[i] = load->connections[i].fd;
    error = io_uring_register_files(&load->ring, fds, (unsigned)load->count);
    if (error)
        bench_fail("io_uring_register_files", error);
    free(fds);
}

static struct io_uring_sqe *entry(struct io_uring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (!sqe) {
        io_uring_submit(ring);
        sqe = io_uring_get_sqe(ring);
    }
    return sqe;
}

static void ask(struct load *load, struct connection *c)
{
    int index = (int)(c - load->connections);
    size_t size = (size_t)load->size;
    struct io_uring_sqe *sqe = entry(&load->ring);

    c->number++;
    memcpy(c->request, &c->number, sizeof(c->number));
    io_uring_prep_send(sqe, index, c->request, size, MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data(sqe, NULL);
    sqe = entry(&load->ring);
    io_uring_prep_recv(sqe, index, c->answer, size, MSG_WAITALL);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data(sqe, c);
}

static void take(struct load *load, struct io_uring_cqe *cqe)
{
    struct connection *c = io_uring_cqe_get_data(cqe);

    if (!c)
        bench_fail("send", cqe->res);
    if (cqe->res != load->size)
        bench_fail("recv: the connection ended", cqe->res < 0 ? cqe->res : ECONNRESET);
    if (memcmp(c->request, c->answer, (size_t)load->size) != 0)
        bench_fail("the answer differs from the request", EBADMSG);
    load->requests++;
    ask(load, c);
}

static void turn(struct load *load)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    int error = io_uring_submit_and_wait(&load->ring, 1);

    if (error < 0 && error != -EINTR)
        bench_fail("io_uring_submit_and_wait", error);
    io_uring_for_each_cqe(&load->ring, head, cqe)
    {
        take(load, cqe);
        seen++;
    }
    io_uring_cq_advance(&load->ring, seen);
}

static struct reading read_meters(const struct load *load)
{
    struct timespec cpu = {0, 0};

    if (clock_gettime(load->server_clock, &cpu) < 0)
        bench_fail("the server's clock", errno);
    return (struct reading){bench_now_ns(), (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec,
                            load->requests};
}

static void run_for(struct load *load, int64_t duration_ns)
{
    int64_t end = bench_now_ns() + duration_ns;

    while (bench_now_ns() < end)
        turn(load);
}

static void measure(struct load *load)
{
    int64_t duration_ns = (int64_t)load->bench.n * 1000000;
    struct reading before, after;
    long requests;

    run_for(load, duration_ns / 4);
    before = read_meters(load);
    run_for(load, duration_ns);
    after = read_meters(load);
    requests = after.requests - before.requests;
    bench_report(load->bench.name,
                 (double)requests * 1e9 / (double)(after.time_ns - before.time_ns), "op/s",
                 requests, "");
    bench_report(load->bench.name, (double)(after.cpu_ns - before.cpu_ns) / (double)requests, "ns",
                 requests, "");
}

int main(int argc, char **argv)
{
    struct load load = {.bench = bench_start(argc, argv)};
    int port = (int)bench_argument(&load.bench, 2, 0);
    int error = clock_getcpuclockid((pid_t)bench_argument(&load.bench, 3, 0), &load.server_clock);

    if (error)
        bench_fail("clock_getcpuclockid", error);
    load.count = bench_argument(&load.bench, 0, 1);
    load.size = bench_argument(&load.bench, 1, 64);
    load.connections = calloc((size_t)load.count, sizeof(*load.connections));
    for (long i = 0; i < load.count; i++)
        open_connection(&load, &load.connections[i], port);
    open_ring(&load);
    for (long i = 0; i < load.count; i++)
        ask(&load, &load.connections[i]);
    measure(&load);
    return 0;
}
