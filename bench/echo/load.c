/* The load generator: N connections over one io_uring, on the CPU that is not the server's.
 *
 * Started as `load CASE milliseconds connections size port server-pid`, it connects, and says so.
 * Then every line it reads is a round: it warms up, measures, waits until every answer has come,
 * and prints what it measured; so the harness lets the servers take turns while all of them are up.
 *
 * Each connection has one request under way.  A request costs this side as little as can be, so
 * that the server is what is slow: sends complete without an event, one receive a connection lasts
 * for all of its answers, and the thread looks for events without ever sleeping.  Every answer is
 * compared with its request.  A round has two requests a connection at least, and warming up one.
 * The server's CPU time, all of its threads, is read from its process clock while it has nothing to
 * do.
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
#define ANSWERS 1024 /* buffers for what comes; a power of two */
#define ANSWER_BYTES 4096

struct connection {
    int fd;
    uint64_t number;
    char *request;
    long received; /* of the answer */
};

struct load {
    struct bench bench;
    struct io_uring ring;
    struct io_uring_buf_ring *free_answers;
    char *answers;
    struct connection *connections;
    long count, size, requests, under_way;
    int resting; /* answers are not followed by requests */
    clockid_t server_clock;
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
    memset(c->request, 'x', (size_t)load->size);
}

static void open_ring(struct load *load)
{
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                              IORING_SETUP_DEFER_TASKRUN |
                                              IORING_SETUP_TASKRUN_FLAG};
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

/* Gives a buffer (back) to the kernel. */
static void release(struct load *load, unsigned id)
{
    io_uring_buf_ring_add(load->free_answers, load->answers + (size_t)id * ANSWER_BYTES,
                          ANSWER_BYTES, (unsigned short)id, io_uring_buf_ring_mask(ANSWERS), 0);
    io_uring_buf_ring_advance(load->free_answers, 1);
}

static void provide_buffers(struct load *load)
{
    size_t size = ANSWERS * sizeof(struct io_uring_buf);
    struct io_uring_buf_reg ring = {.ring_entries = ANSWERS};
    int error;

    load->answers = malloc((size_t)ANSWERS * ANSWER_BYTES);
    load->free_answers = aligned_alloc(4096, size);
    memset(load->free_answers, 0, size);
    ring.ring_addr = (uintptr_t)load->free_answers;
    error = io_uring_register_buf_ring(&load->ring, &ring, 0);
    if (error)
        bench_fail("io_uring_register_buf_ring", error);
    for (unsigned id = 0; id < ANSWERS; id++)
        release(load, id);
}

static void listen_to(struct load *load, struct connection *c)
{
    struct io_uring_sqe *sqe = entry(&load->ring);

    io_uring_prep_recv_multishot(sqe, (int)(c - load->connections), NULL, 0, 0);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
    io_uring_sqe_set_data(sqe, c);
}

static void ask(struct load *load, struct connection *c)
{
    struct io_uring_sqe *sqe = entry(&load->ring);

    load->under_way++;
    c->number++;
    c->received = 0;
    memcpy(c->request, &c->number, sizeof(c->number));
    io_uring_prep_send(sqe, (int)(c - load->connections), c->request, (size_t)load->size,
                       MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data(sqe, NULL);
}

static void compare(struct load *load, struct connection *c, const char *answer, int size)
{
    if (c->received + size > load->size || memcmp(c->request + c->received, answer, (size_t)size))
        bench_fail("the answer differs from the request", EBADMSG);
    c->received += size;
}

static void take(struct load *load, struct io_uring_cqe *cqe)
{
    struct connection *c = io_uring_cqe_get_data(cqe);

    if (!c)
        bench_fail("send", cqe->res);
    if (!(cqe->flags & IORING_CQE_F_MORE))
        listen_to(load, c);
    if (cqe->res == -ENOBUFS)
        return;
    if (cqe->res <= 0)
        bench_fail("recv: the connection ended", cqe->res < 0 ? cqe->res : ECONNRESET);
    unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    compare(load, c, load->answers + (size_t)id * ANSWER_BYTES, cqe->res);
    release(load, id);
    if (c->received < load->size)
        return;
    load->requests++;
    load->under_way--;
    if (!load->resting)
        ask(load, c);
}

static int kernel_has_work(const struct io_uring *ring)
{
    return io_uring_sq_ready(ring) > 0 ||
           (IO_URING_READ_ONCE(*ring->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW));
}

/* Never sleeps, so that no server has to wake it. */
static void turn(struct load *load)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    int error = kernel_has_work(&load->ring) ? io_uring_submit_and_get_events(&load->ring) : 0;

    if (error < 0 && error != -EINTR)
        bench_fail("io_uring_enter", error);
    io_uring_for_each_cqe(&load->ring, head, cqe)
    {
        take(load, cqe);
        seen++;
    }
    io_uring_cq_advance(&load->ring, seen);
}

/* The kernel brings a process clock up to date when the process sleeps, and otherwise at its ticks:
 * some milliseconds that would be all noise. */
static int64_t server_cpu_ns(const struct load *load)
{
    const struct timespec pause = {.tv_nsec = 500000};
    struct timespec cpu = {0, 0};

    nanosleep(&pause, NULL);
    if (clock_gettime(load->server_clock, &cpu) < 0)
        bench_fail("the server's clock", errno);
    return (int64_t)cpu.tv_sec * 1000000000 + cpu.tv_nsec;
}

/* Asks for that long, and for that many requests at least, and waits until all are answered. */
static int64_t run_for(struct load *load, int64_t duration_ns, long requests)
{
    int64_t begin = bench_now_ns();

    load->requests = 0;
    load->resting = 0;
    for (long i = 0; i < load->count; i++)
        ask(load, &load->connections[i]);
    while (load->under_way > 0) {
        load->resting = load->requests >= requests && bench_now_ns() >= begin + duration_ns;
        turn(load);
    }
    return bench_now_ns() - begin;
}

static void measure(struct load *load)
{
    int64_t duration_ns = (int64_t)load->bench.n * 1000000, took_ns, cpu_ns;

    run_for(load, duration_ns / 4, load->count);
    cpu_ns = server_cpu_ns(load);
    took_ns = run_for(load, duration_ns, 2 * load->count);
    cpu_ns = server_cpu_ns(load) - cpu_ns;
    bench_report(load->bench.name, (double)load->requests * 1e9 / (double)took_ns, "op/s",
                 load->requests, "");
    bench_report(load->bench.name, (double)cpu_ns / (double)load->requests, "ns", load->requests,
                 "");
}

int main(int argc, char **argv)
{
    struct load load = {.bench = bench_start(argc, argv)};
    int port = (int)bench_argument(&load.bench, 2, 0);
    int error = clock_getcpuclockid((pid_t)bench_argument(&load.bench, 3, 0), &load.server_clock);
    char line[16];

    if (error)
        bench_fail("clock_getcpuclockid", error);
    load.count = bench_argument(&load.bench, 0, 1);
    load.size = bench_argument(&load.bench, 1, 64);
    load.connections = calloc((size_t)load.count, sizeof(*load.connections));
    for (long i = 0; i < load.count; i++)
        open_connection(&load, &load.connections[i], port);
    open_ring(&load);
    provide_buffers(&load);
    for (long i = 0; i < load.count; i++)
        listen_to(&load, &load.connections[i]);
    puts("{\"ready\":true}");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin))
        measure(&load);
    return 0;
}
