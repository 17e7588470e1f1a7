/* The limit of shared memory: a forked process a CPU, a ring of slots in shared memory for each,
 * and a futex each way, woken only where the other side sleeps.  The job copies its input to its
 * output, as Yibu's does; nothing else is copied.  Where nothing is to be copied ("payload"), both
 * sides touch a few bytes alone; "cold" pauses before each job. */
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
static size_t size, copied; /* bytes of a job, and those of them that are copied */

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
        memcpy(worker->outputs + slot, worker->inputs + slot, copied);
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
    memcpy(worker->inputs + (size_t)(worker->submitted++ % slots) * size, input, copied);
    raise_bell(&worker->jobs);
}

static void collect(struct worker *worker, char *output)
{
    wait_beyond(&worker->answers, worker->collected);
    memcpy(output, worker->outputs + (size_t)(worker->collected++ % slots) * size, copied);
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

/* Both sides go to sleep before each job. */
static int64_t run_cold(long n, const char *input, char *output)
{
    int64_t *times = calloc((size_t)n, sizeof(*times)), spent_ns;

    for (long i = 0; i < n; i++) {
        int64_t start;

        usleep(2000);
        start = bench_now_ns();
        submit(workers[0], input);
        collect(workers[0], output);
        times[i] = bench_now_ns() - start;
    }
    spent_ns = bench_typical_ns(times, n);
    free(times);
    return spent_ns;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long in_flight = bench_argument(&bench, 0, 1);
    const char *how = bench.argc > 2 ? bench.argv[2] : "";
    char *input, *output;
    int64_t begin, spent_ns;

    size = (size_t)bench_argument(&bench, 1, 64);
    copied = strcmp(how, "payload") == 0 ? 64 : size;
    worker_count = in_flight == 1 ? 1 : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    slots = (unsigned)in_flight / worker_count;
    for (unsigned i = 0; i < worker_count; i++)
        workers[i] = start();
    input = memset(malloc(size), 1, size);
    output = memset(malloc(size), 1, size);
    run(in_flight * 10, input, output);
    bench.n -= bench.n % in_flight;
    begin = bench_now_ns();
    if (strcmp(how, "cold") == 0) {
        spent_ns = run_cold(bench.n, input, output);
    } else {
        run(bench.n, input, output);
        spent_ns = bench_now_ns() - begin;
    }
    bench_report_trips(&bench, in_flight, spent_ns, bench.n, "futex");
    return 0;
}
