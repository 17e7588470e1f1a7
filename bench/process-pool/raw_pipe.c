/* C without a runtime: a forked process a CPU, a pipe each way, a length before the bytes.
 * Every worker has its share of the jobs in flight in its pipe; small jobs that are ready together
 * are read and written with one system call. */
#include "bench.h"
#include "trips.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)
#define FRAME_MAX ((1 << 20) + 64)

struct worker {
    int to, from;
    size_t have;
    char *buffer;
};

static struct worker *workers;
static struct pollfd *polls;
static long worker_count, size;
static char *frame;

static void write_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written <= 0)
            bench_fail("write", errno);
        bytes += written;
        length -= (size_t)written;
    }
}

/* The whole frames among the bytes at the front. */
static size_t whole_frames(const char *bytes, size_t have)
{
    size_t end = 0;
    uint64_t length;

    while (have - end >= sizeof(length)) {
        memcpy(&length, bytes + end, sizeof(length));
        if (have - end - sizeof(length) < length)
            break;
        end += sizeof(length) + length;
    }
    return end;
}

static void work(int in, int out)
{
    char *buffer = malloc(2 * FRAME_MAX);
    size_t have = 0;

    for (;;) {
        ssize_t got = read(in, buffer + have, FRAME_MAX);
        size_t ready;

        if (got <= 0)
            _exit(0);
        have += (size_t)got;
        ready = whole_frames(buffer, have);
        write_all(out, buffer, ready);
        memmove(buffer, buffer + ready, have - ready);
        have -= ready;
    }
}

static void make_pipe(int fds[2])
{
    if (pipe2(fds, O_CLOEXEC) < 0)
        bench_fail("pipe2", errno);
    fcntl(fds[0], F_SETPIPE_SZ, PIPE_BYTES);
}

static void start(struct worker *worker, struct pollfd *poll)
{
    int there[2], back[2];

    make_pipe(there);
    make_pipe(back);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(there[1]);
        close(back[0]);
        work(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    worker->to = there[1];
    worker->from = back[0];
    worker->buffer = malloc(2 * FRAME_MAX);
    poll->fd = back[0];
    poll->events = POLLIN;
}

static void submit(struct worker *worker, long jobs)
{
    size_t length = sizeof(uint64_t) + (size_t)size;

    write_all(worker->to, frame, length * (size_t)jobs);
}

/* Reads what a worker has given back; returns how many jobs that ended. */
static long collect(struct worker *worker)
{
    ssize_t got = read(worker->from, worker->buffer + worker->have, FRAME_MAX);
    size_t ready;

    if (got <= 0)
        bench_fail("read", errno);
    worker->have += (size_t)got;
    ready = whole_frames(worker->buffer, worker->have);
    memmove(worker->buffer, worker->buffer + ready, worker->have - ready);
    worker->have -= ready;
    return (long)(ready / (sizeof(uint64_t) + (size_t)size));
}

/* One at a time: the answer is waited for in read itself.  With a pause before each, both sides go
 * to sleep.  Returns the time without pauses; with them, as if all trips had been typical ones. */
static int64_t run_single(long n, useconds_t pause_us)
{
    int64_t *times = calloc((size_t)n, sizeof(*times)), spent_ns = 0;

    for (long i = 0; i < n; i++) {
        int64_t start;

        if (pause_us > 0)
            usleep(pause_us);
        start = bench_now_ns();
        submit(&workers[0], 1);
        while (collect(&workers[0]) == 0)
            ;
        times[i] = bench_now_ns() - start;
        spent_ns += times[i];
    }
    if (pause_us > 0)
        spent_ns = bench_typical_ns(times, n);
    free(times);
    return spent_ns;
}

static int64_t run(long in_flight, long n)
{
    long submitted = 0, ended = 0;
    int64_t begin = bench_now_ns();

    for (long i = 0; i < worker_count; i++) {
        submit(&workers[i], in_flight / worker_count);
        submitted += in_flight / worker_count;
    }
    while (ended < submitted) {
        poll(polls, (nfds_t)worker_count, -1);
        for (long i = 0; i < worker_count; i++) {
            long jobs = polls[i].revents ? collect(&workers[i]) : 0;

            ended += jobs;
            jobs = jobs < n - submitted ? jobs : n - submitted;
            submitted += jobs;
            if (jobs > 0)
                submit(&workers[i], jobs);
        }
    }
    return bench_now_ns() - begin;
}

static void fill_frames(long in_flight)
{
    size_t length = sizeof(uint64_t) + (size_t)size;
    uint64_t payload = (uint64_t)size;

    frame = calloc((size_t)in_flight, length);
    for (long i = 0; i < in_flight; i++)
        memcpy(frame + (size_t)i * length, &payload, sizeof(payload));
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long in_flight = bench_argument(&bench, 0, 1);
    bool cold = bench.argc > 2 && strcmp(bench.argv[2], "cold") == 0;
    int64_t spent_ns;

    size = bench_argument(&bench, 1, 64);
    worker_count = in_flight == 1 ? 1 : sysconf(_SC_NPROCESSORS_ONLN);
    workers = calloc((size_t)worker_count, sizeof(*workers));
    polls = calloc((size_t)worker_count, sizeof(*polls));
    for (long i = 0; i < worker_count; i++)
        start(&workers[i], &polls[i]);
    fill_frames(in_flight);
    in_flight == 1 ? run_single(10, 0) : run(in_flight, in_flight * 10);
    spent_ns = in_flight == 1 ? run_single(bench.n, cold ? 2000 : 0) : run(in_flight, bench.n);
    bench_report_trips(&bench, in_flight, spent_ns, bench.n, "pipe");
    return 0;
}
