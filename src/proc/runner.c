/* The worker's side of a lane (lane.h), the first thread of its process.
 *
 * What a job has changed of the process is put back (state.h).  The look at it costs as much as
 * many short jobs, so it is put off where it is not likely to find anything.  The next job waits
 * for it
 *   - after a job with settings,
 *   - after one that is not trusted (trust.h),
 *   - once jobs have run for LOOK_NS since the last look, so after each long one,
 *   - once LOOK_WITHIN_NS have passed since the first of them began.
 * So that the last of these is seldom waited for, a worker also looks before it sleeps, where it
 * does not keep its parent from running meanwhile.  It does not wake up for it: that takes a timer,
 * which takes longer to set on a virtual machine than the look.  One that cannot be put back ends
 * once it has answered, and its parent makes another.
 *
 * Descriptors are a job's to close, ours too.  One whose doorbell was closed ends when it would
 * have to ring; a job that needs what an earlier one has closed is not taken: the worker ends
 * before.  Nor are processes that a job leaves put back: where its text was captured, and they may
 * go on writing to where the next one's will be, the worker ends, and they with it.
 *
 * Waiting for the next job, the worker spins for a moment, where that pays (spin.h) and the parent
 * allows it (another process may need this processor more); then it sleeps. */
#define _GNU_SOURCE
#include "proc/runner.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/processor.h"
#include "proc/apply.h"
#include "proc/asleep.h"
#include "proc/belongings.h"
#include "proc/death.h"
#include "proc/job.h"
#include "proc/lane.h"
#include "proc/messages.h"
#include "proc/output.h"
#include "proc/redirect.h"
#include "proc/spin.h"
#include "proc/state.h"
#include "proc/trust.h"
#include <yibu/error.h>

enum {
    SPINS_A_LOOK = 16,  /* between looks at the clock */
    CANNOT_GO_ON = 119, /* exit statuses */
    CANNOT_START = 118,
    LOOK_NS = 250000, /* of jobs' running between looks at what they have changed */
    LOOK_WITHIN_NS = 10000000,
    LOOK_AT_REST_NS = 1000000, /* since the last look, before a worker sleeps */
};

typedef struct runner {
    yb_lane_shared *shared;
    unsigned char *base;
    int doorbell;
    uint32_t next;      /* the job to take next */
    uint32_t text_free; /* text can be captured once jobs before this are retired */
    int64_t ran_ns;     /* jobs, since the last look */
    int64_t began_ns;   /* the first of them; 0: none has */
    int64_t looked_ns;
    bool doubtful; /* one of them is not trusted */
    bool noted;    /* how the process is to be */
    bool unfit;    /* a job has changed what cannot be put back */
    bool mute;     /* a job has closed the doorbell */
    yb_spin spin;
} runner;

static runner self;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

/* What jobs have changed. */

/* Whether the job finds the descriptors that it needs as they were. */
static bool has_descriptors(const yb_slot *slot)
{
    bool needs = slot->settings_size > 0 || (slot->flags & YB_SLOT_LISTENED);
    return !needs || yb_belongings_are_there();
}

static void clean(void)
{
    self.ran_ns = self.began_ns = 0;
    self.looked_ns = now();
    self.doubtful = false;
}

/* The job that sets up leaves the process as others are to find it. */
static void note_state(bool set_up)
{
    if (self.noted && !set_up)
        return;
    yb_state_note();
    yb_belongings_note();
    self.noted = true;
    clean();
}

static void look(void)
{
    yb_state state = yb_state_restore();
    yb_trust_looked(state != YB_STATE_AS_NOTED);
    if (state == YB_STATE_LOST)
        _exit(CANNOT_GO_ON);
    clean();
}

static void note_run(const yibu_job *job, int64_t began_ns, int64_t run_ns)
{
    if (self.began_ns == 0)
        self.began_ns = began_ns;
    self.ran_ns += run_ns;
    self.doubtful |= !yb_trust_ran(job);
}

/* Whether the look at what has run must not be put off any longer. */
static bool look_due(int64_t now_ns)
{
    return self.began_ns != 0 && now_ns - self.began_ns >= LOOK_WITHIN_NS;
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

/* `submitted` is written last, and is what `asleep` pairs with. */
static bool text_retired(void)
{
    (void)atomic_load(&self.shared->submitted);
    return (int32_t)(atomic_load(&self.shared->retired) - self.text_free) >= 0;
}

/* With settings; where they cannot be had, the job fails without being run. */
static intptr_t call_as_set(const yibu_job *job, yb_slot *slot)
{
    const yb_settings *settings = (const yb_settings *)(void *)(self.base + slot->settings);
    if (yb_settings_capture(settings)) {
        yb_asleep_until(self.shared, YB_ASLEEP_FOR_ROOM, text_retired);
        self.text_free = self.next + 1;
    }
    intptr_t status = yb_settings_apply(settings);
    if (status == 0)
        status = call(job, slot);
    self.unfit |= !yb_settings_lift();
    self.unfit |= yb_settings_capture(settings) && yb_belongings_have_grown();
    clean();
    return status;
}

static int64_t in_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

static void measure(const struct rusage *before)
{
    yb_usage *usage = &self.shared->usage[self.next % YB_LANE_SLOTS];
    struct rusage after;
    getrusage(RUSAGE_SELF, &after);
    atomic_store_explicit(&usage->user_ns, in_ns(after.ru_utime) - in_ns(before->ru_utime),
                          memory_order_relaxed);
    atomic_store_explicit(&usage->system_ns, in_ns(after.ru_stime) - in_ns(before->ru_stime),
                          memory_order_relaxed);
    atomic_store_explicit(&usage->peak_memory_bytes, (uint64_t)after.ru_maxrss * 1024,
                          memory_order_relaxed);
}

/* How most are called is decided by two words that are in the cache already. */
static intptr_t call_as_wanted(const yibu_job *job, yb_slot *slot)
{
    struct rusage before;
    bool measured = slot->flags & YB_SLOT_MEASURED;
    if (measured)
        getrusage(RUSAGE_SELF, &before);
    yb_death_begin();
    intptr_t status = slot->settings_size ? call_as_set(job, slot) : call(job, slot);
    if (measured)
        measure(&before);
    return status;
}

static void run(yb_slot *slot, int64_t start)
{
    bool set = slot->settings_size > 0; /* after which it was looked at */
    atomic_store_explicit(&slot->taken_ns, start, memory_order_relaxed);
    const yibu_job *job = yb_job_find((const char *)self.base + slot->name, slot->name_size);
    intptr_t status = job && job->function ? call_as_wanted(job, slot) : 0;
    if ((slot->flags & YB_SLOT_SETS_UP) && !yibu_failed(status) && !yb_belongings_suffice())
        status = -EBADF;
    uint32_t outcome = job && job->function ? YB_JOB_RAN : YB_JOB_UNKNOWN;
    int64_t run_ns = now() - start;
    atomic_store_explicit(&slot->outcome, outcome, memory_order_relaxed);
    atomic_store_explicit(&slot->status, status, memory_order_relaxed);
    atomic_store_explicit(&slot->run_ns, run_ns, memory_order_relaxed);
    if (job && !set)
        note_run(job, start, run_ns);
}

/* Returns false where a job has closed the doorbell, and the parent may be asleep. */
static bool ring_doorbell(void)
{
    const uint64_t one = 1;
    if (self.mute || !atomic_load(&self.shared->armed) || !atomic_exchange(&self.shared->armed, 0))
        return !self.mute;
    self.mute = write(self.doorbell, &one, sizeof(one)) < 0 && errno != EAGAIN;
    return !self.mute;
}

/* Where the worker ends, the parent hears of that from the zygote, and finds the answer in the
 * lane. */
static void tell_answer(void)
{
    if (!ring_doorbell() || self.unfit)
        _exit(CANNOT_GO_ON);
}

static void take(void)
{
    if (atomic_load(&self.shared->submitted) - self.next > YB_LANE_SLOTS)
        yb_abort("a job wrote over what its worker shares with its parent");
    yb_slot *slot = &self.shared->slots[self.next % YB_LANE_SLOTS];
    uint32_t queued = YB_SLOT_QUEUED;
    bool sets_up = slot->flags & YB_SLOT_SETS_UP;
    int64_t start = now();
    if (look_due(start))
        look();
    if (!sets_up)
        note_state(false);
    atomic_store_explicit(&self.shared->worker_processor, sched_getcpu(), memory_order_relaxed);
    yb_output_none(self.next, slot);
    if (!has_descriptors(slot))
        _exit(CANNOT_GO_ON);
    if (atomic_compare_exchange_strong(&slot->state, &queued, YB_SLOT_TAKEN))
        run(slot, start);
    else
        atomic_store_explicit(&slot->outcome, YB_JOB_SKIPPED, memory_order_relaxed);
    if (sets_up)
        note_state(true);
    self.next++;
    atomic_store(&self.shared->completed, self.next);
    tell_answer();
    if (self.doubtful || self.ran_ns >= LOOK_NS)
        look();
}

/* Waiting. */

static bool something_to_do(void)
{
    return atomic_load(&self.shared->submitted) != self.next || atomic_load(&self.shared->closing);
}

static bool spin(int64_t limit_ns)
{
    int64_t begin_ns = now(), now_ns = begin_ns;
    bool called = false;
    if (!yb_spin_affordable(&self.spin, begin_ns))
        return false;
    for (int i = 1; !(called = something_to_do()) && now_ns - begin_ns < limit_ns; i++) {
        yb_processor_relax();
        if (i % SPINS_A_LOOK == 0)
            now_ns = now();
    }
    yb_spin_ended(&self.spin, called, now_ns - begin_ns);
    return called;
}

/* Whether the parent may run while we do. */
static bool apart_from_parent(void)
{
    return atomic_load_explicit(&self.shared->parent_processor, memory_order_relaxed) !=
           sched_getcpu();
}

/* Whether the parent can give us something meanwhile, and lately did. */
static bool spinning_pays(uint32_t limit_ns)
{
    return limit_ns > 0 && apart_from_parent() && yb_spin_pays(&self.spin);
}

/* As long as nobody waits for it. */
static void look_at_rest(void)
{
    if (self.began_ns != 0 && apart_from_parent() && now() - self.looked_ns >= LOOK_AT_REST_NS)
        look();
}

static void wait_for_work(void)
{
    if (something_to_do())
        return;
    uint32_t limit_ns = atomic_load_explicit(&self.shared->spin_ns, memory_order_relaxed);
    if (spinning_pays(limit_ns) && spin(limit_ns))
        return;
    fflush(NULL); /* what jobs wrote through stdio must not wait for the next one */
    look_at_rest();
    yb_asleep_until(self.shared, YB_ASLEEP_IDLE, something_to_do);
}

/* Making. */

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
    yb_death_watch(&self.shared->death_note);
    return true;
}

void yb_runner_main(const int fds[YB_RUNNER_FDS])
{
    if (!open_lane(fds[YB_RUNNER_LANE]))
        _exit(CANNOT_START);
    self.doorbell = yb_redirect_out_of_the_way(fds[YB_RUNNER_DOORBELL]);
    yb_redirect_open(&fds[YB_RUNNER_TEXT]);
    yb_belongings_open(self.doorbell);
    for (;;) {
        wait_for_work();
        if (atomic_load(&self.shared->submitted) == self.next)
            break;
        take();
    }
    fflush(NULL);
    _exit(0);
}
