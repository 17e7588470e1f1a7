/* Counts the forks that lie between this process and the one that asked first. */
#include "base/forks.h"

#include <pthread.h>
#include <stdatomic.h>

static _Atomic(uint32_t) forks;

static void count(void)
{
    atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void watch(void)
{
    (void)pthread_atfork(NULL, NULL, count);
}

uint32_t yb_forks(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, watch);
    return atomic_load_explicit(&forks, memory_order_relaxed);
}
