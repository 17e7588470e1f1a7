/* The load generator: one socket, on the CPU that is not the server's, with a window of datagrams
 * under way.  It sends and receives in batches and never sleeps, so that the server is what is
 * slow.  Every answer is compared with its question.  UDP may lose some: a window that has not
 * moved for a while is begun anew, and what was lost does not count.
 * The server's CPU time, all of its threads, is read from its process clock while it has nothing to
 * do. */
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define LONGEST 2048
#define MOST 64
#define PATIENCE_NS 200000000

struct load {
    struct bench bench;
    int fd;
    long window, size, answers, under_way;
    uint64_t number;  /* of the last question */
    int64_t moved_ns; /* when the last answer came */
    char text[LONGEST];
    clockid_t server_clock;
    struct mmsghdr headers[MOST];
    struct iovec pieces[MOST];
    char data[MOST][LONGEST];
};

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        bench_fail("connect", errno);
    return fd;
}

static void prepare(struct load *load, int count, size_t size)
{
    for (int i = 0; i < count; i++) {
        load->pieces[i] = (struct iovec){load->data[i], size};
        load->headers[i].msg_hdr = (struct msghdr){.msg_iov = &load->pieces[i], .msg_iovlen = 1};
    }
}

static void ask(struct load *load, int count)
{
    int sent = 0;

    prepare(load, count, (size_t)load->size);
    for (int i = 0; i < count; i++) {
        load->number++;
        memcpy(load->data[i], load->text, (size_t)load->size);
        memcpy(load->data[i], &load->number, sizeof(load->number));
    }
    while (sent < count) {
        int n = sendmmsg(load->fd, load->headers + sent, (unsigned)(count - sent), 0);
        if (n < 0 && errno != EAGAIN)
            bench_fail("sendmmsg", errno);
        sent += n > 0 ? n : 0;
    }
    load->under_way += count;
}

static void check(const struct load *load, int i)
{
    uint64_t number;

    memcpy(&number, load->data[i], sizeof(number));
    if (load->headers[i].msg_len != (unsigned)load->size || number > load->number ||
        memcmp(load->data[i] + 8, load->text + 8, (size_t)load->size - 8))
        bench_fail("the answer differs from the question", EBADMSG);
}

/* What has come; after a pause that only a loss explains, what was lost is forgotten. */
static int receive(struct load *load)
{
    prepare(load, MOST, LONGEST);
    int n = recvmmsg(load->fd, load->headers, MOST, MSG_DONTWAIT, NULL);

    if (n < 0 && errno != EAGAIN)
        bench_fail("recvmmsg", errno);
    for (int i = 0; i < n; i++)
        check(load, i);
    if (n > 0) {
        load->moved_ns = bench_now_ns();
        load->answers += n;
        load->under_way -= n < load->under_way ? n : load->under_way;
        return n;
    }
    if (bench_now_ns() - load->moved_ns < PATIENCE_NS)
        return 0;
    n = (int)load->under_way;
    load->under_way = 0;
    load->moved_ns = bench_now_ns();
    return n;
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

static int64_t run_for(struct load *load, int64_t duration_ns)
{
    int64_t begin = bench_now_ns();

    load->answers = 0;
    load->moved_ns = begin;
    ask(load, (int)load->window);
    while (load->under_way > 0) {
        int came = receive(load);
        if (came > 0 && bench_now_ns() < begin + duration_ns)
            ask(load, came);
    }
    return bench_now_ns() - begin;
}

int main(int argc, char **argv)
{
    static struct load load;
    load.bench = bench_start(argc, argv);
    int64_t duration_ns = (int64_t)load.bench.n * 1000000;
    int error = clock_getcpuclockid((pid_t)bench_argument(&load.bench, 4, 0), &load.server_clock);

    if (error)
        bench_fail("clock_getcpuclockid", error);
    load.window = bench_argument(&load.bench, 0, 1);
    load.size = bench_argument(&load.bench, 1, 64);
    load.fd = dial((int)bench_argument(&load.bench, 3, 0));
    memset(load.text, 'x', sizeof(load.text));
    run_for(&load, duration_ns / 4);
    int64_t cpu_ns = server_cpu_ns(&load);
    int64_t took_ns = run_for(&load, duration_ns);
    cpu_ns = server_cpu_ns(&load) - cpu_ns;
    bench_report(load.bench.name, (double)load.answers * 1e9 / (double)took_ns, "op/s",
                 load.answers, "");
    bench_report(load.bench.name, (double)cpu_ns / (double)load.answers, "ns", load.answers, "");
    return 0;
}
