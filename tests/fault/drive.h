/* Drives a program through one kind of fault at a time: at its first suspension, at its second, and
 * so on, until it gets by without meeting the fault.  Each time it has to end, with what that fault
 * may answer, and to leave nothing behind (census.h).
 *
 * A program is a function that runs in a task and ends whatever fails.  An overseer of the loop
 * tells when its task suspends and when it is about to go on. */
#ifndef DRIVE_H
#define DRIVE_H

#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>

#include "base/memory.h"
#include "census.h"
#include "hush.h"
#include "loop/overseer.h"
#include "signal_storm.h"
#include "task/task.h"

typedef intptr_t drive_program(void);

typedef enum drive_fault {
    DRIVE_NOTHING,
    DRIVE_CANCEL_WAITING, /* the task is cancelled when it has suspended for the nth time */
    DRIVE_CANCEL_WOKEN,   /* … when that wait is over, but the task has not run yet */
    DRIVE_TIME_OUT,       /* its time is over when it has suspended for the nth time */
    DRIVE_NO_MEMORY,      /* the nth allocation of the loop's thread fails */
    DRIVE_NEVER_MEMORY,   /* … and all after it */
    DRIVE_NO_DESCRIPTORS, /* n descriptors can be opened; after a while, more */
    DRIVE_FAULTS
} drive_fault;

static const struct {
    const char *name;
    int answer;
} drive_faults[DRIVE_FAULTS] = {
    {"nothing", 0},
    {"cancelled while it waits", -ECANCELED},
    {"cancelled when it was woken", -ECANCELED},
    {"timed out", -ETIMEDOUT},
    {"one allocation fails", -ENOMEM},
    {"no memory any more", -ENOMEM},
    {"without descriptors", -EMFILE},
};

static struct {
    yb_overseer overseer;
    drive_program *program;
    drive_fault fault;
    long nth, count;
    bool struck;
    yb_task *task;
    bool runs; /* the item that runs is the task's */
    yibu_timeout limit;
    struct rlimit descriptors; /* as they were */
} drive;

static inline void drive_strike(void)
{
    drive.struck = true;
    if (drive.fault == DRIVE_TIME_OUT)
        assert_int_equal(yibu_timeout_reschedule(&drive.limit, 0), 0);
    else
        assert_true(yibu_task_cancel(&drive.task->future));
}

static inline void drive_before(yb_overseer *overseer, yibu_loop *loop, yb_runnable *item)
{
    (void)overseer;
    (void)loop;
    drive.runs = drive.task && item == &drive.task->ready;
    if (drive.runs && drive.fault == DRIVE_CANCEL_WOKEN && drive.count == drive.nth &&
        !drive.struck)
        drive_strike();
}

static inline void drive_after(yb_overseer *overseer, yibu_loop *loop)
{
    (void)overseer;
    (void)loop;
    bool counts = drive.fault >= DRIVE_CANCEL_WAITING && drive.fault <= DRIVE_TIME_OUT;
    if (!counts || !drive.runs || drive.task->future.state == YB_FUTURE_ENDED)
        return;
    if (++drive.count == drive.nth && drive.fault != DRIVE_CANCEL_WOKEN)
        drive_strike();
}

static inline bool drive_no_memory(void *arg)
{
    (void)arg;
    bool fails = ++drive.count == drive.nth ||
                 (drive.fault == DRIVE_NEVER_MEMORY && drive.count > drive.nth);
    drive.struck |= fails;
    return fails;
}

/* Leaves count numbers for descriptors. */
static inline void drive_leave_descriptors(long count)
{
    struct rlimit limit = drive.descriptors;
    for (limit.rlim_cur = 0; count > 0; limit.rlim_cur++)
        count -= fcntl((int)limit.rlim_cur, F_GETFD) < 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static inline intptr_t drive_main(void *arg)
{
    (void)arg;
    if (drive.fault == DRIVE_NO_MEMORY || drive.fault == DRIVE_NEVER_MEMORY)
        yb_memory_watch(drive_no_memory, NULL);
    if (drive.fault == DRIVE_NO_DESCRIPTORS)
        drive_leave_descriptors(drive.nth - 1);
    if (drive.fault == DRIVE_TIME_OUT)
        assert_int_equal(yibu_timeout_begin(&drive.limit, YIBU_FOREVER), 0);
    intptr_t r = drive.program();
    yb_memory_watch(NULL, NULL);
    return drive.fault == DRIVE_TIME_OUT ? yibu_timeout_end(&drive.limit, r) : r;
}

/* Who waits for descriptors gets them after a while, and goes on. */
static inline intptr_t drive_wait(yibu_task *task)
{
    if (drive.fault != DRIVE_NO_DESCRIPTORS)
        return yibu_await(task);
    yibu_future *const futures[] = {task};
    assert_true(yibu_wait(futures, 1, YIBU_MS(5), YIBU_ALL_COMPLETED) >= 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &drive.descriptors), 0);
    return yibu_await(task);
}

static inline intptr_t drive_once(drive_program *program, drive_fault fault, long nth)
{
    drive.program = program;
    drive.fault = fault;
    drive.nth = nth;
    drive.count = 0;
    drive.struck = false;
    drive.runs = false;
    yibu_task *task = yibu_create_task(drive_main, NULL, NULL);
    drive.task = yb_task_of(task);
    intptr_t r = drive_wait(task);
    drive.task = NULL;
    yibu_task_unref(task);
    return r;
}

/* Every one of the first places; of the many later ones, which are much alike, fewer and fewer. */
static inline long drive_next(long nth)
{
    return nth + 1 + (nth > 30 ? nth / 5 : 0);
}

/* One fault wherever it can strike; how often it did. */
static inline long drive_through(const char *name, drive_program *program, drive_fault fault,
                                 const census *limit)
{
    char after[200];
    snprintf(after, sizeof(after), "%s, %s", name, drive_faults[fault].name);
    long struck = 0;
    for (long nth = 1;; nth = drive_next(nth)) {
        intptr_t r = drive_once(program, fault, nth);
        if (r != 0 && r != drive_faults[fault].answer)
            fail_msg("%s, %ld: %s", after, nth, yibu_error_name(r));
        census_expect(limit, after, nth);
        if (fault == DRIVE_NO_DESCRIPTORS ? r == 0 && nth > 12 : !drive.struck) {
            assert_int_equal(r, 0);
            return struck;
        }
        struck++;
    }
}

static inline void drive_under_signals(const char *name, drive_program *program,
                                       const census *limit)
{
    enum { TIMES = 3 };
    for (int i = 0; i < TIMES; i++) {
        storm_begin(100 * YB_TEST_SLOWDOWN);
        intptr_t r = drive_once(program, DRIVE_NOTHING, 0);
        storm_end();
        if (r != 0)
            fail_msg("%s, under signals: %s", name, yibu_error_name(r));
        census_expect(limit, name, i);
    }
}

static inline long drive_through_all(const char *name, drive_program *program, bool descriptors,
                                     const census *limit)
{
    long struck = 0;
    for (drive_fault fault = DRIVE_CANCEL_WAITING; fault < DRIVE_FAULTS; fault++)
        if (fault != DRIVE_NO_DESCRIPTORS || descriptors)
            struck += drive_through(name, program, fault, limit);
    return struck;
}

/* What may be kept for later is kept after a first pass of all faults; in the second one nothing
 * may be added to it.  At last it gets by under a storm of signals.  descriptors: without them as
 * well.
 * Returns how many faults struck.  In a task. */
static inline long drive_all(const char *name, drive_program *program, bool descriptors)
{
    yibu_loop *loop = yibu_get_running_loop();
    yb_overseer *before = loop->overseer;
    assert_int_equal(yibu_loop_set_exception_handler(loop, test_hush, NULL), 0);
    drive.overseer = (yb_overseer){.before = drive_before, .after = drive_after};
    loop->overseer = &drive.overseer;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &drive.descriptors), 0);
    assert_int_equal(yibu_sleep(0), 0);
    intptr_t r = drive_once(program, DRIVE_NOTHING, 0);
    if (r != 0)
        fail_msg("%s: %s", name, yibu_error_name(r));
    census limit = census_rest();
    limit.blocks = LONG_MAX;
    long struck = drive_through_all(name, program, descriptors, &limit);
    limit = census_rest();
    struck += drive_through_all(name, program, descriptors, &limit);
    drive_under_signals(name, program, &limit);
    loop->overseer = before;
    return struck;
}

/* A test of a program; DESCRIPTORS: whether without them as well. */
#define DRIVE(NAME, PROGRAM, DESCRIPTORS)                     \
    LOOP_TEST(NAME)                                           \
    {                                                         \
        long struck = drive_all(#NAME, PROGRAM, DESCRIPTORS); \
        print_message("%ld faults\n", struck);                \
        assert_true(struck > 0);                              \
        return 0;                                             \
    }

#endif
