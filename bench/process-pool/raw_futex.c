/* The limit of shared memory: a forked process a CPU, a ring of slots in shared memory for each,
 * and a futex each way, woken only where the other side sleeps.  The job copies its input to its
 * output, as Yibu's does; nothing else is copied. */
#include "bench.h"
#include "trips.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A counter that one side raises and the other waits for; sleeping says that it needs a wake. */
struct bell {
    _Alignas(64) atomic_uint count;
    atomic_uint sleeping;
};

struct worker {
    struct bell jobs, answers;
    char *inputs, *outputs;
    unsigned submitted, collected;
};

static struct worker *workers[64];
static unsigned worker_count, slots;
static size_t size;

static void *shared(size_t bytes)
{
    void *memory =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED)
        bench_fail("mmap", errno);
    return memory;
}

/* Pairs with `wait_beyond`: the count is raised before sleeping is read, there sleeping is set
 * before the count is read; both are sequentially consistent, so one of them sees the other. */
static void raise_bell(struct bell *bell)
{
    atomic_fetch_add(&bell->count, 1);
    if (atomic_load(&bell->sleeping))
        syscall(SYS_futex, &bell->count, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wait_beyond(struct bell *bell, unsigned seen)
{
    if (atomic_load(&bell->count) != seen)
        return;
    atomic_store(&bell->sleeping, 1);
    while (atomic_load(&bell->count) == seen)
        syscall(SYS_futex, &bell->count, FUTEX_WAIT, seen, NULL, NULL, 0);
    atomic_store(&bell->sleeping, 0);
}

static void work(struct worker *worker)
{
    for (unsigned done = 0;; done++) {
        size_t slot = (size_t)(done % slots) * size;

        wait_beyond(&worker->jobs, done);
        memcpy(worker->outputs + slot, worker->inputs + slot, size);
        raise_bell(&worker->answers);
    }
}

static struct worker *start(void)
{
    struct worker *worker = shared(sizeof(*worker));

    worker->inputs = shared(slots * size);
    worker->outputs = shared(slots * size);
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        work(worker);
    }
    return worker;
}

static void submit(struct worker *worker, const char *input)
{
    memcpy(worker->inputs + (size_t)(worker->submitted++ % slots) * size, input, size);
    raise_bell(&worker->jobs);
}

static void collect(struct worker *worker, char *output)
{
    wait_beyond(&worker->answers, worker->collected);
    memcpy(output, worker->outputs + (size_t)(worker->collected++ % slots) * size, size);
}

/* Workers take turns, each with its share of the jobs in flight. */
static void run(long n, const char *input, char *output)
{
    long window = (long)(slots * worker_count);

    for (long i = 0; i < n + window; i++) {
        struct worker *worker = workers[(i / slots) % worker_count];

        if (i >= window)
            collect(worker, output);
        if (i < n)
            submit(worker, input);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long in_flight = bench_argument(&bench, 0, 1);
    char *input, *output;
    int64_t begin;

    size = (size_t)bench_argument(&bench, 1, 64);
    worker_count = in_flight == 1 ? 1 : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    slots = (unsigned)in_flight / worker_count;
    for (unsigned i = 0; i < worker_count; i++)
        workers[i] = start();
    input = calloc(1, size);
    output = calloc(1, size);
    run(in_flight * 10, input, output);
    bench.n -= bench.n % in_flight;
    begin = bench_now_ns();
    run(bench.n, input, output);
    bench_report_trips(&bench, in_flight, bench_now_ns() - begin, bench.n, "futex");
    return 0;
}
