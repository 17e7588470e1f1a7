/* The worker's side of a lane (lane.h), the only thread of its process.
 *
 * A job's output grows where its bytes will be handed over: it begins in the ring of small outputs
 * and moves to the ring of big ones, once, when it outgrows what is free there.  An output's space
 * comes back when the parent has retired its job.
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
#include "base/buffer.h"
#include "platform/processor.h"
#include "proc/job.h"
#include "proc/lane.h"
#include "proc/spin.h"

enum {
    LEAST_ROOM = 4096,   /* with less room an output begins among the big ones */
    SPINS_A_LOOK = 16,   /* between looks at the clock */
    CANNOT_ANSWER = 119, /* exit statuses */
    CANNOT_START = 118,
};

typedef struct runner {
    yb_lane_shared *shared;
    unsigned char *base;
    yb_lane_layout layout;
    int doorbell;
    uint32_t next;      /* the job to take next */
    uint32_t reclaimed; /* jobs before this have given their output space back */
    yb_spin spin;
    yb_ring small, big;                                          /* outputs */
    uint64_t small_ends[YB_LANE_SLOTS], big_ends[YB_LANE_SLOTS]; /* 0: nothing taken */

    /* The output that is growing. */
    uint64_t position;
    bool in_big;
} runner;

static runner self; /* yb_buffer_grow has no argument for it */

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Sleeps until the condition, which the parent makes true, holds. */
static void sleep_until(bool (*condition)(void))
{
    do {
        atomic_store(&self.shared->asleep, 1);
        while (!condition() && atomic_load(&self.shared->asleep))
            (void)syscall(SYS_futex, &self.shared->asleep, FUTEX_WAIT, 1, NULL, NULL, 0);
    } while (!condition());
    atomic_store(&self.shared->asleep, 0);
}

/* Output space. */

static void reclaim(void)
{
    uint32_t retired = atomic_load_explicit(&self.shared->retired, memory_order_acquire);
    for (; self.reclaimed != retired; self.reclaimed++) {
        uint32_t i = self.reclaimed % YB_LANE_SLOTS;
        if (self.small_ends[i])
            yb_ring_release(&self.small, self.small_ends[i]);
        if (self.big_ends[i])
            yb_ring_release(&self.big, self.big_ends[i]);
    }
}

static uint64_t output_place(void)
{
    return self.in_big ? self.layout.big_out + yb_ring_place(&self.big, self.position)
                       : self.layout.small_out + yb_ring_place(&self.small, self.position);
}

static bool retired_more(void)
{
    (void)atomic_load(&self.shared->submitted); /* which `asleep` pairs with */
    return atomic_load(&self.shared->retired) != self.reclaimed;
}

/* Moves the growing output among the big ones, waiting there for earlier ones to be retired. */
static int move_to_big(yibu_buffer *output, size_t capacity)
{
    if (self.in_big || capacity > self.big.size)
        return -ENOMEM;
    uint64_t position, room;
    while ((room = yb_ring_room(&self.big, capacity, &position)) < capacity) {
        sleep_until(retired_more);
        reclaim();
    }
    self.position = position;
    self.in_big = true;
    void *data = self.base + output_place();
    memcpy(data, output->data, output->size);
    output->data = data;
    output->capacity = room;
    return 0;
}

static void begin_output(yibu_buffer *output)
{
    reclaim();
    uint64_t room = yb_ring_room(&self.small, LEAST_ROOM, &self.position);
    self.in_big = false;
    yb_buffer_lend(output, self.base + output_place(), room, move_to_big);
}

/* Jobs may put a buffer of their own in the place of the one they were given. */
static int bring_home(yibu_buffer *output)
{
    yibu_buffer own = *output;
    begin_output(output);
    int r = yibu_buffer_append(output, own.data, own.size);
    yibu_buffer_free(&own);
    return r;
}

static int end_output(yb_slot *slot, yibu_buffer *output)
{
    int r = yb_buffer_lent(output) ? 0 : bring_home(output);
    uint64_t *ends = self.in_big ? self.big_ends : self.small_ends;
    yb_ring *ring = self.in_big ? &self.big : &self.small;
    if (output->size > output->capacity)
        yb_abort("a job made its output larger than its capacity");
    if (output->size > 0)
        ends[self.next % YB_LANE_SLOTS] = yb_ring_take(ring, self.position, output->size);
    atomic_store_explicit(&slot->output, output_place(), memory_order_relaxed);
    atomic_store_explicit(&slot->output_size, output->size, memory_order_relaxed);
    return r;
}

/* Jobs. */

static intptr_t call(const yibu_job *job, yb_slot *slot)
{
    yibu_bytes input = {slot->input_size ? self.base + slot->input : NULL, slot->input_size};
    yibu_buffer output;
    begin_output(&output);
    intptr_t status = job->function(input, &output);
    int r = end_output(slot, &output);
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
    self.small_ends[self.next % YB_LANE_SLOTS] = self.big_ends[self.next % YB_LANE_SLOTS] = 0;
    atomic_store_explicit(&slot->output_size, 0, memory_order_relaxed);
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
    sleep_until(something_to_do);
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
    self.layout = yb_lane_layout_of(size);
    yb_ring_init(&self.small, YB_LANE_SMALL_BYTES);
    yb_ring_init(&self.big, self.layout.big_bytes);
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
