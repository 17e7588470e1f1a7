/* The process and its thread pools: which there are, forks, and the end of the program.
 *
 * A program that ends (exit, or main returns) with functions still running waits for them, each
 * pool as long as it was told, then names them on standard error and goes on ending.  The list is
 * held through a fork, so that the child finds it whole; the child's copy of a pool is refused by
 * its number of forks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/function_name.h"
#include "base/memory.h"
#include "exec/thread_pool.h"
#include "platform/backend.h"

static struct {
    pthread_mutex_t lock;
    yb_list pools; /* yb_thread_pool.all */
    uint64_t forks;
} process = {PTHREAD_MUTEX_INITIALIZER, {&process.pools, &process.pools}, 0};

uint64_t yb_thread_pool_forks(void)
{
    return process.forks;
}

static void before_fork(void)
{
    pthread_mutex_lock(&process.lock);
}

static void in_parent(void)
{
    pthread_mutex_unlock(&process.lock);
}

static void in_child(void)
{
    process.forks++;
    yb_list_init(&process.pools);
    pthread_mutex_unlock(&process.lock);
}

/* The end of the program. */

/* Calls found for each function that runs, but for the caller's own; whether there was any. */
static bool for_each_running(yb_thread_pool *pool, void (*found)(yb_worker *, yibu_coroutine *))
{
    bool any = false;
    pthread_mutex_lock(&pool->lock);
    for (yb_worker *worker = pool->workers; worker; worker = worker->next) {
        yibu_coroutine *fn = atomic_load_explicit(&worker->runs, memory_order_acquire);
        if (!fn || worker == yb_worker_current)
            continue;
        any = true;
        if (found)
            found(worker, fn);
    }
    pthread_mutex_unlock(&pool->lock);
    return any;
}

static void tell(yb_worker *worker, yibu_coroutine *fn)
{
    char name[128];
    yb_function_name((yb_function *)fn, name, sizeof(name));
    fprintf(stderr, "yibu: the program ends while %s still runs on the thread %s\n", name,
            worker->name);
}

/* Whether something runs that is still waited for. */
static bool anything_runs(int64_t waited_ns)
{
    bool any = false;
    pthread_mutex_lock(&process.lock);
    for (yb_list *at = process.pools.next; at != &process.pools; at = at->next) {
        yb_thread_pool *pool = YB_CONTAINER_OF(at, yb_thread_pool, all);
        if (waited_ns < pool->plan.exit_wait_ns)
            any |= for_each_running(pool, NULL);
    }
    pthread_mutex_unlock(&process.lock);
    return any;
}

static void for_each_pool(void (*visit)(yb_thread_pool *pool))
{
    pthread_mutex_lock(&process.lock);
    for (yb_list *at = process.pools.next; at != &process.pools; at = at->next)
        visit(YB_CONTAINER_OF(at, yb_thread_pool, all));
    pthread_mutex_unlock(&process.lock);
}

static void start_nothing_more(yb_thread_pool *pool)
{
    atomic_store(&pool->exiting, true);
}

static void name_what_runs(yb_thread_pool *pool)
{
    if (pool->plan.exit_wait_ns > 0)
        (void)for_each_running(pool, tell);
}

static void end_program(void)
{
    const struct timespec a_moment = {.tv_nsec = 1000000};
    int64_t start_ns = yb_clock_now(NULL);
    for_each_pool(start_nothing_more);
    while (anything_runs(yb_clock_now(NULL) - start_ns))
        nanosleep(&a_moment, NULL);
    for_each_pool(name_what_runs);
}

/* The list. */

static void attend(void)
{
    (void)pthread_atfork(before_fork, in_parent, in_child);
    (void)atexit(end_program);
}

void yb_thread_pool_enlist(yb_thread_pool *pool)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, attend);
    pthread_mutex_lock(&process.lock);
    pool->forks = process.forks;
    yb_list_push_back(&process.pools, &pool->all);
    pthread_mutex_unlock(&process.lock);
}

void yb_thread_pool_delist(yb_thread_pool *pool)
{
    if (pool->forks != process.forks)
        return;
    pthread_mutex_lock(&process.lock);
    yb_list_unlink(&pool->all);
    pthread_mutex_unlock(&process.lock);
}
