/* The worker's side of a lane (lane.h), the only thread of its process.
 *
 * Waiting for the next job, the worker spins for a moment, where that pays (spin.h) and the parent
 * allows it (another process may need this processor more); then it sleeps. */
#define _GNU_SOURCE
#include "proc/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/processor.h"
#include "proc/asleep.h"
#include "proc/job.h"
#include "proc/lane.h"
#include "proc/messages.h"
#include "proc/output.h"
#include "proc/spin.h"

enum {
    SPINS_A_LOOK = 16,   /* between looks at the clock */
    CANNOT_ANSWER = 119, /* exit statuses */
    CANNOT_START = 118,
};

typedef struct runner {
    yb_lane_shared *shared;
    unsigned char *base;
    int doorbell;
    uint32_t next; /* the job to take next */
    yb_spin spin;
} runner;

static runner self;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Jobs. */

static intptr_t call(const yibu_job *job, yb_slot *slot)
{
    yibu_bytes input = {slot->input_size ? self.base + slot->input : NULL, slot->input_size};
    yibu_buffer output;
    yb_output_begin(self.next, slot->flags, &output);
    yb_messages_begin(self.next, slot->flags);
    intptr_t status = job->function(input, &output);
    yb_messages_end();
    int r = yb_output_end(self.next, slot, &output);
    return r < 0 ? r : status;
}

static void run(yb_slot *slot)
{
    int64_t start = now();
    atomic_store_explicit(&slot->taken_ns, start, memory_order_relaxed);
    const yibu_job *job = yb_job_find((const char *)self.base + slot->name, slot->name_size);
    intptr_t status = job && job->function ? call(job, slot) : 0;
    uint32_t outcome = job && job->function ? YB_JOB_RAN : YB_JOB_UNKNOWN;
    atomic_store_explicit(&slot->outcome, outcome, memory_order_relaxed);
    atomic_store_explicit(&slot->status, status, memory_order_relaxed);
    atomic_store_explicit(&slot->run_ns, now() - start, memory_order_relaxed);
}

/* A worker that cannot wake its parent, because a job closed what was not its own, ends: the
 * parent then hears from the zygote, and finds the answer in the lane. */
static void ring_doorbell(void)
{
    const uint64_t one = 1;
    if (!atomic_load(&self.shared->armed) || !atomic_exchange(&self.shared->armed, 0))
        return;
    if (write(self.doorbell, &one, sizeof(one)) < 0 && errno != EAGAIN)
        _exit(CANNOT_ANSWER);
}

static void take(void)
{
    yb_slot *slot = &self.shared->slots[self.next % YB_LANE_SLOTS];
    uint32_t queued = YB_SLOT_QUEUED;
    atomic_store_explicit(&self.shared->worker_processor, sched_getcpu(), memory_order_relaxed);
    yb_output_none(self.next, slot);
    if (atomic_compare_exchange_strong(&slot->state, &queued, YB_SLOT_TAKEN))
        run(slot);
    else
        atomic_store_explicit(&slot->outcome, YB_JOB_SKIPPED, memory_order_relaxed);
    self.next++;
    atomic_store(&self.shared->completed, self.next);
    ring_doorbell();
}

/* Waiting. */

static bool something_to_do(void)
{
    return atomic_load(&self.shared->submitted) != self.next || atomic_load(&self.shared->closing);
}

static bool spin(int64_t limit_ns)
{
    int64_t end = now() + limit_ns;
    do
        for (int i = 0; i < SPINS_A_LOOK; i++) {
            if (something_to_do())
                return true;
            yb_processor_relax();
        }
    while (now() < end);
    return false;
}

/* Whether the parent can give us something while we hold this processor, and lately did. */
static bool spinning_pays(uint32_t limit_ns)
{
    int parent = atomic_load_explicit(&self.shared->parent_processor, memory_order_relaxed);
    return limit_ns > 0 && parent != sched_getcpu() && yb_spin_pays(&self.spin);
}

static void wait_for_work(void)
{
    if (something_to_do())
        return;
    uint32_t limit_ns = atomic_load_explicit(&self.shared->spin_ns, memory_order_relaxed);
    if (spinning_pays(limit_ns)) {
        bool called = spin(limit_ns);
        yb_spin_ended(&self.spin, called);
        if (called)
            return;
    }
    fflush(NULL); /* what jobs wrote through stdio must not wait for the next one */
    yb_asleep_until(self.shared, something_to_do);
}

/* Making. */

/* Moves the doorbell where a job that counts on low numbers does not get at it. */
static int out_of_the_way(int fd)
{
    struct rlimit limit;
    int high = 1000;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1024)
        high = limit.rlim_cur > 16 ? (int)limit.rlim_cur - 8 : 3;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, high);
    if (moved < 0)
        return fd;
    close(fd);
    return moved;
}

static bool open_lane(int lane)
{
    struct stat status;
    if (fstat(lane, &status) < 0)
        return false;
    size_t size = (size_t)status.st_size;
    void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, lane, 0);
    if (base == MAP_FAILED)
        return false;
    madvise(base, size, MADV_DONTFORK);
    madvise(base, size, MADV_DONTDUMP);
    close(lane);
    self.base = base;
    self.shared = base;
    yb_lane_layout layout = yb_lane_layout_of(size);
    yb_output_open(self.shared, self.base, &layout);
    yb_messages_open(self.shared, self.base, &layout, ring_doorbell);
    return true;
}

void yb_runner_main(int lane, int doorbell)
{
    if (!open_lane(lane))
        _exit(CANNOT_START);
    self.doorbell = out_of_the_way(doorbell);
    for (;;) {
        wait_for_work();
        if (atomic_load(&self.shared->submitted) == self.next)
            break;
        take();
    }
    fflush(NULL);
    _exit(0);
}
