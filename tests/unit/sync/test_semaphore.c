/* Semaphores: fair, and exact about every permit. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

static intptr_t acquire(void *semaphore)
{
    return yibu_semaphore_acquire(semaphore);
}

static void await_result(yibu_task *task, intptr_t expected)
{
    assert_int_equal(yibu_await(task), expected);
    yibu_task_unref(task);
}

LOOP_TEST(permits_are_taken_and_given_back)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(2);
    assert_int_equal(yibu_semaphore_acquire(&s), 0);
    assert_int_equal(yibu_semaphore_try_acquire(&s), 0);
    assert_int_equal(s.value, 0);
    assert_int_equal(yibu_semaphore_try_acquire(&s), -EAGAIN);
    yibu_semaphore_release(&s);
    yibu_semaphore_release(&s);
    yibu_semaphore_release(&s);
    assert_int_equal(s.value, 3);
    return 0;
}

LOOP_TEST(waiters_are_served_in_the_order_they_came)
{
    enum { WAITERS = 5 };
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *tasks[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        tasks[i] = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    for (int i = 0; i < WAITERS; i++) {
        yibu_semaphore_release(&s);
        assert_int_equal(s.value, 0);
        assert_int_equal(yibu_sleep(0), 0);
        for (int j = 0; j < WAITERS; j++)
            assert_int_equal(yibu_task_done(tasks[j]), j <= i);
    }
    for (int i = 0; i < WAITERS; i++)
        await_result(tasks[i], 0);
    return 0;
}

LOOP_TEST(nobody_overtakes_the_waiter_that_a_permit_was_given_to)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *first = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_semaphore_release(&s);
    assert_int_equal(yibu_semaphore_try_acquire(&s), -EAGAIN);
    yibu_task *second = yibu_create_task(acquire, &s, NULL);
    await_result(first, 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(second));
    yibu_semaphore_release(&s);
    await_result(second, 0);
    assert_int_equal(s.value, 0);
    return 0;
}

LOOP_TEST(a_cancelled_waiter_takes_no_permit)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *first = yibu_create_task(acquire, &s, NULL);
    yibu_task *second = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(first);
    yibu_semaphore_release(&s);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    assert_int_equal(s.value, 0);
    return 0;
}

LOOP_TEST(a_waiter_cancelled_after_it_was_woken_passes_its_permit_on)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_task *first = yibu_create_task(acquire, &s, NULL);
    yibu_task *second = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_semaphore_release(&s);
    yibu_task_cancel(first);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    assert_int_equal(s.value, 0);

    yibu_task *third = yibu_create_task(acquire, &s, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_semaphore_release(&s);
    yibu_task_cancel(third);
    await_result(third, -ECANCELED);
    assert_int_equal(s.value, 1);
    return 0;
}

LOOP_TEST(a_cancelled_task_takes_no_free_permit)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(1);
    yibu_task *task = yibu_create_task(acquire, &s, NULL);
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    assert_int_equal(s.value, 1);
    return 0;
}

LOOP_TEST(a_time_limit_ends_the_wait_and_takes_no_permit)
{
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(0);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_semaphore_acquire(&s)), -ETIMEDOUT);
    yibu_semaphore_release(&s);
    assert_int_equal(s.value, 1);
    return 0;
}

/* Tasks that acquire, work and release, while a tormentor cancels some of them at any moment. */

enum { PERMITS = 3, WORKERS = 40, ROUNDS = 50 };

typedef struct workshop {
    yibu_semaphore permits;
    int inside, peak;
    long worked;
} workshop;

static intptr_t work(void *arg)
{
    workshop *w = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int r = yibu_semaphore_acquire(&w->permits);
        if (r < 0)
            return r;
        if (++w->inside > w->peak)
            w->peak = w->inside;
        (void)yibu_yield();
        w->inside--;
        w->worked++;
        yibu_semaphore_release(&w->permits);
    }
    return 0;
}

LOOP_TEST(no_permit_is_lost_or_doubled_whatever_is_cancelled)
{
    workshop w = {.permits = YIBU_SEMAPHORE_INIT(PERMITS)};
    yibu_task *tasks[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        tasks[i] = yibu_create_task(work, &w, NULL);
    for (int i = 0; i < WORKERS; i += 2) {
        for (int turns = i % 7; turns >= 0; turns--)
            assert_int_equal(turns % 2 ? yibu_sleep(0) : yibu_yield(), 0);
        yibu_task_cancel(tasks[i]);
    }
    for (int i = 0; i < WORKERS; i++) {
        intptr_t r = yibu_await(tasks[i]);
        assert_true(r == 0 || (i % 2 == 0 && r == -ECANCELED));
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(w.permits.value, PERMITS);
    assert_int_equal(w.inside, 0);
    assert_int_equal(w.peak, PERMITS);
    assert_true(w.worked >= WORKERS / 2 * ROUNDS);
    return 0;
}

static void only_tasks_wait_but_anybody_may_try(void **state)
{
    (void)state;
    yibu_semaphore s = YIBU_SEMAPHORE_INIT(1);
    assert_int_equal(yibu_semaphore_acquire(&s), YIBU_ENOTASK);
    assert_int_equal(yibu_semaphore_try_acquire(&s), 0);
    yibu_semaphore_release(&s);
    assert_int_equal(s.value, 1);
}

/* The wrong thread, in a child that must not survive it. */

static yibu_semaphore shared = YIBU_SEMAPHORE_INIT(0);

static void *release_shared(void *arg)
{
    (void)arg;
    yibu_semaphore_release(&shared);
    return NULL;
}

static intptr_t release_from_another_thread(void *arg)
{
    (void)arg;
    pthread_t thread;
    yibu_task *task = yibu_create_task(acquire, &shared, NULL);
    (void)yibu_sleep(0);
    pthread_create(&thread, NULL, release_shared, NULL);
    pthread_join(thread, NULL);
    yibu_task_unref(task);
    return 0;
}

static void a_release_from_another_thread_aborts_with_a_reason(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        _exit((int)yibu_run(release_from_another_thread, NULL, NULL));
    }
    close(ends[1]);
    char text[512] = "";
    assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(text, "task-2"));
    assert_non_null(strstr(text, "another thread"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(permits_are_taken_and_given_back),
        cmocka_unit_test(waiters_are_served_in_the_order_they_came),
        cmocka_unit_test(nobody_overtakes_the_waiter_that_a_permit_was_given_to),
        cmocka_unit_test(a_cancelled_waiter_takes_no_permit),
        cmocka_unit_test(a_waiter_cancelled_after_it_was_woken_passes_its_permit_on),
        cmocka_unit_test(a_cancelled_task_takes_no_free_permit),
        cmocka_unit_test(a_time_limit_ends_the_wait_and_takes_no_permit),
        cmocka_unit_test(no_permit_is_lost_or_doubled_whatever_is_cancelled),
        cmocka_unit_test(only_tasks_wait_but_anybody_may_try),
        cmocka_unit_test(a_release_from_another_thread_aborts_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
