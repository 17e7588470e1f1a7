/* The watchdog: one thread a process that looks at all watched loops (stall_look.c) and tells what
 * it saw (stall_report.c).
 *
 * The lock guards the list, the thread's life and each watch's settings; it is held for moments
 * only, never while a stack is taken or a handler runs.  Meanwhile `telling` keeps that watch from
 * going away.  The thread that ends a generation waits for its thread to end; a thread whose
 * generation has passed touches nothing. */
#include "loop/watchdog.h"

#include <pthread.h>
#include <signal.h>

#include "loop/stall_look.h"
#include "loop/stall_report.h"
#include "platform/backtrace.h"
#include "platform/futex.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static yb_list watches = {&watches, &watches};
static yb_stall_watch *telling;
static pthread_t thread;
static uintptr_t generation;   /* odd while there is a thread */
static _Atomic(uint32_t) bell; /* rung when the list or a limit has changed */
static _Atomic(uint32_t) told; /* counts handlers that have returned */

static void call(yb_stall_report *report, yibu_stall_handler *handler, void *arg)
{
    handler(&report->stall, arg);
    yb_stall_forget(report);
}

/* Without the lock.  The end lies somewhere since the last look. */
static void tell(yb_stall_report *report, yb_stall_watch *watch, yb_stall_news what, int64_t now_ns,
                 yibu_stall_handler *handler, void *arg)
{
    if (what == YB_STALL_ENDED) {
        yb_stall_describe_end(report, watch, now_ns - (now_ns - watch->seen_ns) / 2);
        call(report, handler, arg);
        return;
    }
    if (!yb_stall_describe(report, watch, now_ns))
        return;
    watch->told = true;
    watch->next_ns = 2 * watch->patient_ns;
    atomic_store(&watch->told_run_ns, watch->mark.time_ns);
    call(report, handler, arg);
}

/* Under the lock, which it lets go meanwhile: the list may have changed. */
static void tell_unlocked(yb_stall_report *report, yb_stall_watch *watch, yb_stall_news what,
                          int64_t now_ns)
{
    yibu_stall_handler *handler = watch->handler;
    void *arg = watch->handler_arg;
    telling = watch;
    pthread_mutex_unlock(&lock);
    tell(report, watch, what, now_ns, handler, arg);
    pthread_mutex_lock(&lock);
    telling = NULL;
    atomic_fetch_add(&told, 1);
    yb_futex_wake_all(&told);
}

/* Looks at each loop, until one has something to be told.  Returns for how long there is nothing to
 * do. */
static int64_t look_at_all(yb_stall_report *report, int64_t now_ns)
{
    int64_t least_ns = YB_STALL_PAUSE_NS;
    for (yb_list *at = watches.next; at != &watches; at = at->next) {
        yb_stall_watch *watch = YB_CONTAINER_OF(at, yb_stall_watch, links);
        yb_stall_news what = yb_stall_look(watch, now_ns);
        if (what != YB_STALL_NONE) {
            tell_unlocked(report, watch, what, now_ns);
            return 0;
        }
        int64_t pause = yb_stall_pause(watch);
        least_ns = pause < least_ns ? pause : least_ns;
    }
    return least_ns;
}

static void *watch_all(void *arg)
{
    yb_stall_report report; /* large: on this thread's stack, which nobody else's size limits */
    uintptr_t mine = (uintptr_t)arg;
    pthread_mutex_lock(&lock);
    while (generation == mine) {
        uint32_t rung = atomic_load(&bell);
        int64_t now_ns = yb_clock_now(NULL);
        int64_t pause = look_at_all(&report, now_ns);
        pthread_mutex_unlock(&lock);
        if (pause > 0)
            (void)yb_futex_wait_until(&bell, rung, now_ns + pause);
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void ring(void)
{
    atomic_fetch_add(&bell, 1);
    yb_futex_wake(&bell);
}

/* Forks. */

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

/* The thread is not here, nor are those of the loops. */
static void after_fork_in_child(void)
{
    if (generation % 2) {
        generation++;
        yb_backtrace_after_fork();
    }
    yb_list_init(&watches);
    telling = NULL;
    pthread_mutex_unlock(&lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* The thread's life, under the lock. */

static int start_thread(void)
{
    sigset_t all, before;
    int r = yb_backtrace_start();
    if (r < 0)
        return r;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    generation++;
    r = -pthread_create(&thread, NULL, watch_all, (void *)generation);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r == 0) {
        pthread_setname_np(thread, "yibu-watchdog");
        return 0;
    }
    generation++;
    yb_backtrace_stop();
    return r;
}

int yb_watchdog_add(yb_stall_watch *watch)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    yb_backtrace_load();
    pthread_mutex_lock(&lock);
    watch->limit_ns = YB_STALL_PAUSE_NS;
    watch->seen_ns = yb_clock_now(NULL);
    int r = generation % 2 ? 0 : start_thread();
    if (r == 0)
        yb_list_push_back(&watches, &watch->links);
    pthread_mutex_unlock(&lock);
    return r;
}

/* Who asks is the loop's own thread: it still answers while it waits here. */
static void wait_until_told(const yb_stall_watch *watch)
{
    while (telling == watch || watch->told) {
        uint32_t before = atomic_load(&told);
        ring();
        pthread_mutex_unlock(&lock);
        yb_futex_wait(&told, before);
        pthread_mutex_lock(&lock);
    }
}

void yb_watchdog_remove(yb_stall_watch *watch)
{
    pthread_mutex_lock(&lock);
    watch->leaving = true;
    wait_until_told(watch);
    yb_list_remove(&watch->links);
    bool last = yb_list_empty(&watches) && generation % 2;
    pthread_t ending = thread;
    if (last) {
        generation++;
        yb_backtrace_stop();
        ring();
    }
    pthread_mutex_unlock(&lock);
    if (last)
        pthread_join(ending, NULL);
}

void yb_watchdog_set(yb_stall_watch *watch, int64_t limit_ns, yibu_stall_handler *handler,
                     void *arg)
{
    pthread_mutex_lock(&lock);
    watch->limit_ns = limit_ns;
    watch->handler = handler;
    watch->handler_arg = arg;
    ring();
    pthread_mutex_unlock(&lock);
}
