/* Primitives belong to one loop: who wakes a task from another thread is told so, and which
 * task. */
#include <pthread.h>

#include "process.h"
#include "waiting.h"

static yibu_lock lock = YIBU_LOCK_INIT;
static yibu_condition condition = YIBU_CONDITION_INIT;
static yibu_semaphore semaphore = YIBU_SEMAPHORE_INIT(0);
static yibu_event event = YIBU_EVENT_INIT;
static yibu_barrier barrier = YIBU_BARRIER_INIT(2);
static yibu_rwlock rwlock = YIBU_RWLOCK_INIT;
static yibu_limiter *limiter;

typedef struct misuse {
    yibu_coroutine *wait; /* in a task named "waiter" */
    void *(*wake)(void *);
} misuse;

static intptr_t wait_for_lock(void *arg)
{
    (void)arg;
    (void)yibu_lock_try_acquire(&lock);
    return yibu_lock_acquire(&lock);
}

static void *release_lock(void *arg)
{
    (void)yibu_lock_release(&lock);
    return arg;
}

static intptr_t wait_for_condition(void *arg)
{
    (void)arg;
    int r = yibu_condition_acquire(&condition);
    return r < 0 ? r : yibu_condition_wait(&condition);
}

static void *notify_condition(void *arg)
{
    (void)yibu_condition_try_acquire(&condition);
    (void)yibu_condition_notify(&condition, 1);
    return arg;
}

static intptr_t wait_for_semaphore(void *arg)
{
    (void)arg;
    return yibu_semaphore_acquire(&semaphore);
}

static void *release_semaphore(void *arg)
{
    (void)yibu_semaphore_release(&semaphore);
    return arg;
}

static intptr_t wait_for_event(void *arg)
{
    (void)arg;
    return yibu_event_wait(&event);
}

static void *set_event(void *arg)
{
    yibu_event_set(&event);
    return arg;
}

static intptr_t wait_at_barrier(void *arg)
{
    (void)arg;
    return yibu_barrier_wait(&barrier);
}

static void *abort_barrier(void *arg)
{
    yibu_barrier_abort(&barrier);
    return arg;
}

static intptr_t wait_for_rwlock(void *arg)
{
    (void)arg;
    (void)yibu_rwlock_try_acquire_read(&rwlock);
    return yibu_rwlock_acquire_write(&rwlock);
}

static void *release_rwlock(void *arg)
{
    (void)yibu_rwlock_release_read(&rwlock);
    return arg;
}

static intptr_t wait_for_limiter(void *arg)
{
    (void)arg;
    return yibu_limiter_acquire(limiter);
}

static void *raise_limiter(void *arg)
{
    yibu_limiter_set_total(limiter, 1);
    return arg;
}

static intptr_t wake_from_another_thread(void *arg)
{
    const misuse *m = arg;
    pthread_t thread;
    yibu_task *task = yibu_create_task(m->wait, NULL, NULL);
    (void)yibu_task_set_name(task, "waiter");
    (void)yibu_sleep(0);
    pthread_create(&thread, NULL, m->wake, NULL);
    pthread_join(thread, NULL);
    yibu_task_unref(task);
    return 0;
}

static int run(void *arg)
{
    return (int)yibu_run(wake_from_another_thread, arg, NULL);
}

static void assert_aborts(yibu_coroutine *wait, void *(*wake)(void *))
{
    misuse m = {wait, wake};
    test_result result;
    test_in_process(run, &m, &result);
    assert_true(test_died_of(&result, SIGABRT));
    assert_non_null(strstr(result.said, "\"waiter\""));
    assert_non_null(strstr(result.said, "another thread"));
}

static void waking_a_task_from_another_thread_aborts_and_names_the_task(void **state)
{
    (void)state;
    limiter = yibu_limiter_new(0);
    assert_aborts(wait_for_lock, release_lock);
    assert_aborts(wait_for_condition, notify_condition);
    assert_aborts(wait_for_semaphore, release_semaphore);
    assert_aborts(wait_for_event, set_event);
    assert_aborts(wait_at_barrier, abort_barrier);
    assert_aborts(wait_for_rwlock, release_rwlock);
    assert_aborts(wait_for_limiter, raise_limiter);
    yibu_limiter_free(limiter);
}

static intptr_t free_a_limiter_that_is_waited_for(void *arg)
{
    yibu_task *task = start(wait_for_limiter, NULL);
    settle();
    yibu_limiter_free(limiter);
    yibu_task_unref(task);
    return (intptr_t)arg;
}

static int run_free(void *arg)
{
    return (int)yibu_run(free_a_limiter_that_is_waited_for, arg, NULL);
}

static void freeing_a_limiter_that_a_task_waits_for_aborts_with_a_reason(void **state)
{
    (void)state;
    test_result result;
    limiter = yibu_limiter_new(0);
    test_in_process(run_free, NULL, &result);
    assert_true(test_died_of(&result, SIGABRT));
    assert_non_null(strstr(result.said, "limiter was freed while 1 task"));
    yibu_limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waking_a_task_from_another_thread_aborts_and_names_the_task),
        cmocka_unit_test(freeing_a_limiter_that_a_task_waits_for_aborts_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
