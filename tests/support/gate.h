/* Where functions on threads and their test meet: functions say that they have started, and stay
 * until they are let go.  Nobody sleeps to wait for something. */
#ifndef GATE_H
#define GATE_H

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "test.h"

typedef struct gate {
    sem_t started, go;
    _Atomic(int) passed;
} gate;

static inline void gate_open(gate *g)
{
    sem_init(&g->started, 0, 0);
    sem_init(&g->go, 0, 0);
    atomic_init(&g->passed, 0);
}

static inline void gate_close(gate *g)
{
    sem_destroy(&g->started);
    sem_destroy(&g->go);
}

static inline void wait_on(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0)
        assert_int_equal(errno, EINTR);
}

/* On a thread: returns how many have passed before. */
static inline intptr_t pass_gate(void *arg)
{
    gate *g = arg;
    sem_post(&g->started);
    wait_on(&g->go);
    return atomic_fetch_add(&g->passed, 1);
}

/* As a task. */
static inline intptr_t pass_gate_on_a_thread(void *arg)
{
    return yibu_to_thread(pass_gate, arg);
}

static inline intptr_t return_argument(void *arg)
{
    return (intptr_t)arg;
}

static inline intptr_t return_argument_on_a_thread(void *arg)
{
    return yibu_to_thread(return_argument, arg);
}

static inline void run_with_threads(unsigned max_threads, yibu_coroutine *main, void *arg)
{
    yibu_loop_options options = {.size = sizeof(options), .max_threads = max_threads};
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_run(main, arg, &options), 0);
    unsetenv("CMOCKA_TEST_ABORT");
}

/* A coroutine test on a loop with so many threads; with one, the order of things is known. */
#define THREADS_TEST(THREADS, NAME)                      \
    static intptr_t NAME##_body(void *arg);              \
    static void NAME(void **state)                       \
    {                                                    \
        run_with_threads((THREADS), NAME##_body, state); \
    }                                                    \
    static intptr_t NAME##_body(__attribute__((unused)) void *arg)

#endif
