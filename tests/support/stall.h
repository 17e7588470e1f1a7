/* Tests of the watch for stalls: what its handler hears, and tasks that hold the loop until it
 * does.
 *
 * The machine may be busy, and anything stall, anywhere: so a test says which reports it waits
 * for. */
#ifndef STALL_H
#define STALL_H

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "loop.h"

/* ThreadSanitizer delays signals until a call that it knows to block, of which read is none. */
#ifdef YB_SANITIZE_THREAD
enum { SIGNALS_BREAK_IN = false };
#else
enum { SIGNALS_BREAK_IN = true };
#endif

enum { LIMIT_MS = 20 * YB_TEST_SLOWDOWN };

/* What the handler heard, which the loop's thread may read meanwhile. */
typedef struct heard {
    const char *who;      /* whose stalls are counted: what texts hold; NULL: the culprit's */
    const char *about[2]; /* what reports hold that are counted; NULL: any */
    atomic_int reports, ends;
    atomic_bool ended_told;
    yibu_stall last; /* its strings are gone */
    int64_t held_ns[64];
    char thread_name[32];
    char text[16384];
    char end_text[512];
} heard;

static inline int64_t test_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int64_t test_now(void)
{
    return test_clock(CLOCK_MONOTONIC);
}

static inline bool test_is_about(const heard *h, const yibu_stall *stall)
{
    if (!strstr(stall->text, h->who ? h->who : "culprit"))
        return false;
    for (int i = 0; i < 2; i++)
        if (h->about[i] && !stall->ended && !strstr(stall->text, h->about[i]))
            return false;
    return true;
}

static inline void test_hear(const yibu_stall *stall, void *arg)
{
    heard *h = arg;
    if (!test_is_about(h, stall))
        return;
    if (stall->ended) {
        snprintf(h->end_text, sizeof(h->end_text), "%s", stall->text);
        atomic_store(&h->ended_told, stall->told);
        atomic_fetch_add(&h->ends, 1);
        return;
    }
    int n = atomic_load(&h->reports);
    h->last = *stall;
    if (n < 64)
        h->held_ns[n] = stall->held_ns;
    pthread_getname_np(pthread_self(), h->thread_name, sizeof(h->thread_name));
    snprintf(h->text, sizeof(h->text), "%s", stall->text);
    atomic_store(&h->reports, n + 1);
}

static inline yibu_loop_options test_watched(heard *h)
{
    return (yibu_loop_options){
        .size = sizeof(yibu_loop_options),
        .stall_limit_ns = YIBU_MS(LIMIT_MS),
        .stall_handler = test_hear,
        .stall_handler_arg = h,
    };
}

typedef struct test_call {
    yibu_coroutine *fn;
    void *arg;
} test_call;

/* Runs fn(arg) in a task of that name. */
static inline intptr_t test_run_culprit(void *arg)
{
    test_call *call = arg;
    yibu_task_options options = {.size = sizeof(options), .name = "culprit"};
    yibu_task *task = yibu_create_task_at(call->fn, call->arg, &options, "here.c:7");
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r;
}

static inline void test_run_with(const yibu_loop_options *options, yibu_coroutine *fn, void *arg)
{
    test_call call = {fn, arg};
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_run(test_run_culprit, &call, options), 0);
}

static inline void test_run_watched(yibu_coroutine *fn, heard *h)
{
    yibu_loop_options options = test_watched(h);
    test_run_with(&options, fn, h);
}

/* Calls clock_gettime, where ThreadSanitizer lets the signal in. */
__attribute__((noinline)) static void compute_until_reported(heard *h, int times)
{
    volatile unsigned work_done = 0;
    while (atomic_load(&h->reports) < times) {
        for (int i = 0; i < 10000; i++)
            work_done++;
        (void)test_now();
    }
    work_done++;
}

static inline intptr_t test_compute(void *arg)
{
    compute_until_reported(arg, 1);
    return 0;
}

static inline void test_spin(int64_t duration_ns)
{
    for (int64_t end = test_now() + duration_ns; test_now() < end;)
        ;
}

/* The same in CPU time: only that makes a stall where processors are scarce. */
static inline void test_use_cpu(int64_t duration_ns)
{
    const clockid_t own = CLOCK_THREAD_CPUTIME_ID;
    for (int64_t end = test_clock(own) + duration_ns; test_clock(own) < end;)
        ;
}

#endif
