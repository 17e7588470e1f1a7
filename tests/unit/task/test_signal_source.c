/* Tasks that wait for signals. */
#include "process.h"
#include "streams.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>

static bool has_default_action(int number)
{
    struct sigaction action;
    sigaction(number, NULL, &action);
    return action.sa_handler == SIG_DFL;
}

typedef struct call {
    int signal;
    yibu_signal_info info;
} call;

static intptr_t wait_for_signal(void *arg)
{
    call *c = arg;
    c->info.size = sizeof(c->info);
    return yibu_signal_wait(c->signal, &c->info);
}

/* Starts a task and lets it get to its first wait. */
static yibu_task *start(yibu_coroutine *fn, void *arg)
{
    yibu_task *task = yibu_create_task(fn, arg, NULL);
    assert_non_null(task);
    assert_int_equal(yibu_sleep(0), 0);
    return task;
}

static intptr_t end(yibu_task *task)
{
    intptr_t result = yibu_await(task);
    yibu_task_unref(task);
    return result;
}

LOOP_TEST(a_task_waits_for_a_signal_and_hears_who_sent_it)
{
    call c = {.signal = SIGUSR1};
    yibu_task *task = start(wait_for_signal, &c);
    assert_false(has_default_action(SIGUSR1));
    kill(getpid(), SIGUSR1);
    assert_int_equal(end(task), SIGUSR1);
    assert_int_equal(c.info.signal, SIGUSR1);
    assert_int_equal(c.info.code, SI_USER);
    assert_int_equal(c.info.pid, getpid());
    assert_int_equal(c.info.uid, getuid());
    assert_true(has_default_action(SIGUSR1));
    return 0;
}

LOOP_TEST(every_task_that_waits_gets_a_signal)
{
    enum { TASKS = 20 };
    call calls[TASKS];
    yibu_task *tasks[TASKS];
    for (int i = 0; i < TASKS; i++) {
        calls[i] = (call){.signal = SIGUSR1};
        tasks[i] = start(wait_for_signal, &calls[i]);
    }
    raise(SIGUSR1);
    for (int i = 0; i < TASKS; i++)
        assert_int_equal(end(tasks[i]), SIGUSR1);
    assert_true(has_default_action(SIGUSR1));
    return 0;
}

static intptr_t wait_for_either(void *arg)
{
    static const int wanted[] = {SIGUSR1, SIGUSR2, SIGUSR1};
    return yibu_signal_wait_any(wanted, 3, arg);
}

LOOP_TEST(a_wait_for_several_says_which_came)
{
    yibu_task *task = start(wait_for_either, NULL);
    raise(SIGUSR2);
    assert_int_equal(end(task), SIGUSR2);
    assert_true(has_default_action(SIGUSR1) && has_default_action(SIGUSR2));
    return 0;
}

LOOP_TEST(a_cancelled_wait_leaves_nothing_behind)
{
    int before = count_descriptors();
    call c = {.signal = SIGUSR1};
    yibu_task *task = start(wait_for_signal, &c);
    yibu_task_cancel(task);
    assert_int_equal(end(task), -ECANCELED);
    assert_true(has_default_action(SIGUSR1));
    assert_int_equal(count_descriptors(), before);
    return 0;
}

LOOP_TEST(a_signal_that_came_is_not_lost_to_a_cancel)
{
    call c = {.signal = SIGUSR1};
    yibu_task *task = start(wait_for_signal, &c);
    raise(SIGUSR1);
    yibu_task_cancel(task);
    assert_int_equal(end(task), SIGUSR1);
    return 0;
}

LOOP_TEST(a_wait_has_a_time_limit_as_others)
{
    yibu_timeout limit;
    assert_int_equal(yibu_timeout_begin(&limit, YIBU_MS(5)), 0);
    intptr_t r = yibu_signal_wait(SIGUSR1, NULL);
    assert_int_equal(yibu_timeout_end(&limit, r), -ETIMEDOUT);
    assert_true(has_default_action(SIGUSR1));
    return 0;
}

LOOP_TEST(what_cannot_be_waited_for_is_refused)
{
    static const int bad[] = {SIGKILL, SIGSTOP, SIGSEGV, 32, 0, -1, 1000};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int both[] = {SIGUSR1, bad[i]};
        assert_int_equal(yibu_signal_wait(bad[i], NULL), -EINVAL);
        assert_int_equal(yibu_signal_wait_any(both, 2, NULL), -EINVAL);
        assert_true(has_default_action(SIGUSR1));
        int r;
        YIBU_ASYNC_FOR (yibu_signal_info *, info, yibu_signals(both, 2), &r)
            fail_msg("signal %d came", info->signal);
        assert_int_equal(r, -EINVAL);
    }
    yibu_signal_info no_size = {.size = 0};
    assert_int_equal(yibu_signal_wait(SIGUSR1, &no_size), -EINVAL);
    assert_int_equal(yibu_signal_wait_any(NULL, 0, NULL), -EINVAL);
    return 0;
}

static yibu_signal_source *new_source(int number, size_t capacity)
{
    yibu_signal_source *source;
    yibu_signal_options options = {.size = sizeof(options), .capacity = capacity};
    assert_int_equal(yibu_signal_source_new(&number, 1, &options, &source), 0);
    return source;
}

LOOP_TEST(a_source_keeps_what_comes_between_two_waits)
{
    yibu_signal_info info = {.size = sizeof(info)};
    yibu_signal_source *source = new_source(SIGUSR1, 0);
    for (int i = 0; i < 3; i++)
        raise(SIGUSR1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_signal_source_next(source, &info), SIGUSR1);
    assert_int_equal(info.missed, 0);
    assert_int_equal(yibu_signal_source_try_next(source, &info), -EAGAIN);
    yibu_signal_source_free(source);
    assert_true(has_default_action(SIGUSR1));
    return 0;
}

LOOP_TEST(a_full_source_counts_what_it_missed)
{
    yibu_signal_info info = {.size = sizeof(info)};
    yibu_signal_source *source = new_source(SIGUSR1, 4);
    for (int i = 0; i < 10; i++)
        raise(SIGUSR1);
    assert_int_equal(yibu_signal_source_next(source, &info), SIGUSR1);
    assert_int_equal(info.missed, 6);
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_signal_source_next(source, &info), SIGUSR1);
    assert_int_equal(info.missed, 0);
    assert_int_equal(yibu_signal_source_try_next(source, &info), -EAGAIN);
    yibu_signal_source_free(source);
    return 0;
}

LOOP_TEST(real_time_signals_come_in_order_with_their_values)
{
    yibu_signal_info info = {.size = sizeof(info)};
    yibu_signal_source *source = new_source(SIGRTMIN + 1, 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i}), 0);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(yibu_signal_source_next(source, &info), SIGRTMIN + 1);
        assert_int_equal((int)info.value, i);
        assert_int_equal(info.code, SI_QUEUE);
    }
    yibu_signal_source_free(source);
    return 0;
}

static intptr_t take_one(void *arg)
{
    return yibu_signal_source_next(arg, NULL);
}

LOOP_TEST(each_delivery_to_a_source_goes_to_the_task_that_waits_longest)
{
    yibu_signal_source *source = new_source(SIGUSR1, 0);
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = start(take_one, source);
    for (int i = 0; i < 3; i++) {
        raise(SIGUSR1);
        assert_int_equal(end(tasks[i]), SIGUSR1);
        assert_true(i == 2 || !yibu_task_done(tasks[i + 1]));
    }
    yibu_signal_source_free(source);
    return 0;
}

/* The first is promised the signal, and cancelled before it runs. */
static void cancel_first(void *arg)
{
    yibu_task_cancel(arg);
}

LOOP_TEST(what_a_cancelled_task_was_promised_goes_to_the_next)
{
    yibu_signal_source *source = new_source(SIGUSR1, 0);
    yibu_task *first = start(take_one, source), *second = start(take_one, source);
    raise(SIGUSR1);
    /* What others post is taken before signals are handed on, and runs before who they wake. */
    assert_int_equal(yibu_call_soon_threadsafe(yibu_get_running_loop(), cancel_first, first), 0);
    assert_int_equal(end(first), -ECANCELED);
    assert_int_equal(end(second), SIGUSR1);
    assert_int_equal(yibu_signal_source_try_next(source, NULL), -EAGAIN);
    yibu_signal_source_free(source);
    return 0;
}

LOOP_TEST(iterating_meets_every_signal)
{
    static const int wanted[] = {SIGUSR1, SIGUSR2};
    int r, first = 0, second = 0;
    yibu_iterator *all = yibu_signals(wanted, 2);
    raise(SIGUSR1);
    raise(SIGUSR2);
    YIBU_ASYNC_FOR (yibu_signal_info *, info, all, &r) {
        first += info->signal == SIGUSR1;
        second += info->signal == SIGUSR2;
        if (second == 3)
            break;
        if (info->signal == SIGUSR2)
            raise(SIGUSR2);
    }
    assert_int_equal(r, 0);
    assert_int_equal(first, 1);
    assert_true(has_default_action(SIGUSR1) && has_default_action(SIGUSR2));
    return 0;
}

static intptr_t wait_for_child(void *arg)
{
    return yibu_signal_wait(SIGCHLD, arg);
}

LOOP_TEST(a_child_that_ends_is_told_with_its_status_and_is_left_to_be_waited_for)
{
    yibu_signal_info info = {.size = sizeof(info)};
    yibu_task *task = start(wait_for_child, &info);
    pid_t child = fork();
    if (child == 0)
        _exit(7);
    assert_true(child > 0);
    assert_int_equal(end(task), SIGCHLD);
    assert_int_equal(info.code, CLD_EXITED);
    assert_int_equal(info.pid, child);
    assert_int_equal(info.status, 7);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return 0;
}

/* Many loops, and a thread that is none. */

typedef struct listener {
    sem_t *ready;
    intptr_t result;
} listener;

static intptr_t listen_and_say_so(void *arg)
{
    listener *l = arg;
    yibu_signal_source *source = new_source(SIGUSR1, 0);
    sem_post(l->ready);
    intptr_t r = yibu_signal_source_next(source, NULL);
    yibu_signal_source_free(source);
    return r;
}

static void *run_listener(void *arg)
{
    listener *l = arg;
    l->result = yibu_run(listen_and_say_so, l, NULL);
    return NULL;
}

static void *send_to_this_thread(void *arg)
{
    (void)arg;
    raise(SIGUSR1); /* to this thread alone */
    return NULL;
}

static void any_threads_signal_reaches_every_loop(void **state)
{
    (void)state;
    enum { LOOPS = 4 };
    sem_t ready;
    listener listeners[LOOPS];
    pthread_t threads[LOOPS], sender;
    sem_init(&ready, 0, 0);
    for (int i = 0; i < LOOPS; i++) {
        listeners[i] = (listener){.ready = &ready};
        assert_int_equal(pthread_create(&threads[i], NULL, run_listener, &listeners[i]), 0);
    }
    for (int i = 0; i < LOOPS; i++)
        while (sem_wait(&ready) < 0)
            ;
    assert_int_equal(pthread_create(&sender, NULL, send_to_this_thread, NULL), 0);
    for (int i = 0; i < LOOPS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(listeners[i].result, SIGUSR1);
    }
    pthread_join(sender, NULL);
    sem_destroy(&ready);
    assert_true(has_default_action(SIGUSR1));
}

/* Another thread sends numbered real-time signals while the loop sleeps and wakes: none is lost. */
enum { SHOTS = 2000 };

static void *shoot(void *arg)
{
    const pthread_t *target = arg;
    for (int i = 0; i < SHOTS; i++)
        while (pthread_sigqueue(*target, SIGRTMIN + 2, (union sigval){.sival_int = i}) != 0)
            usleep(100); /* the kernel's queue is full */
    return NULL;
}

LOOP_TEST(no_signal_is_lost_while_the_loop_sleeps_and_wakes)
{
    pthread_t self = pthread_self(), thread;
    yibu_signal_info info = {.size = sizeof(info)};
    yibu_signal_source *source = new_source(SIGRTMIN + 2, SHOTS);
    assert_int_equal(pthread_create(&thread, NULL, shoot, &self), 0);
    for (int i = 0; i < SHOTS; i++) {
        assert_int_equal(yibu_signal_source_next(source, &info), SIGRTMIN + 2);
        assert_int_equal((int)info.value, i);
        assert_int_equal(info.missed, 0);
    }
    pthread_join(thread, NULL);
    yibu_signal_source_free(source);
    return 0;
}

/* SIGINT. */

static intptr_t listen_to_sigint(void *arg)
{
    (void)arg;
    yibu_signal_source *source = new_source(SIGINT, 0);
    for (int i = 0; i < 3; i++) {
        raise(SIGINT);
        assert_int_equal(yibu_signal_source_next(source, NULL), SIGINT);
    }
    yibu_signal_source_free(source);
    raise(SIGINT); /* now it is yibu_run's again */
    return yibu_sleep(YIBU_SECONDS(20));
}

static void sigint_is_yibu_runs_while_nobody_listens(void **state)
{
    (void)state;
    assert_int_equal(yibu_run(listen_to_sigint, NULL, NULL), -EINTR);
    assert_true(has_default_action(SIGINT));
}

/* Processes. */

static int fork_with_a_source(void *arg)
{
    (void)arg;
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_signal_source *source = new_source(SIGUSR1, 0);
    pid_t child = fork();
    if (child == 0) {
        assert_true(has_default_action(SIGUSR1));
        int number = SIGUSR1;
        yibu_signal_source *own;
        assert_int_equal(yibu_signal_source_new(&number, 1, NULL, &own), YIBU_EFORKED);
        yibu_loop *second;
        assert_int_equal(yibu_loop_new(NULL, &second), 0);
        own = new_source(SIGUSR1, 0);
        raise(SIGUSR1);
        assert_int_equal(yibu_signal_source_try_next(own, NULL), SIGUSR1);
        assert_int_equal(yibu_signal_source_try_next(source, NULL), -EAGAIN);
        yibu_signal_source_free(own);
        assert_int_equal(yibu_loop_free(second), 0);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    raise(SIGUSR1);
    assert_int_equal(yibu_signal_source_try_next(source, NULL), SIGUSR1);
    yibu_signal_source_free(source);
    return yibu_loop_free(loop);
}

static void a_child_does_not_inherit_a_source(void **state)
{
    (void)state;
    test_result result;
    test_in_process(fork_with_a_source, NULL, &result);
    assert_true(test_exited(&result, 0));
}

static void a_source_may_outlive_its_loop(void **state)
{
    (void)state;
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_signal_source *source = new_source(SIGUSR1, 0);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_true(has_default_action(SIGUSR1));
    yibu_signal_source_free(source);
    yibu_signal_source_free(NULL);
}

static intptr_t free_while_waiting(void *arg)
{
    (void)arg;
    yibu_signal_source *source = new_source(SIGUSR1, 0);
    (void)start(take_one, source);
    yibu_signal_source_free(source);
    return 0;
}

static int run_free_while_waiting(void *arg)
{
    return (int)yibu_run(free_while_waiting, arg, NULL);
}

static void freeing_a_source_that_a_task_waits_for_aborts(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_free_while_waiting, NULL, &result);
    assert_true(test_died_of(&result, SIGABRT));
    assert_non_null(strstr(result.said, "a source of signals was freed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_waits_for_a_signal_and_hears_who_sent_it),
        cmocka_unit_test(every_task_that_waits_gets_a_signal),
        cmocka_unit_test(a_wait_for_several_says_which_came),
        cmocka_unit_test(a_cancelled_wait_leaves_nothing_behind),
        cmocka_unit_test(a_signal_that_came_is_not_lost_to_a_cancel),
        cmocka_unit_test(a_wait_has_a_time_limit_as_others),
        cmocka_unit_test(what_cannot_be_waited_for_is_refused),
        cmocka_unit_test(a_source_keeps_what_comes_between_two_waits),
        cmocka_unit_test(a_full_source_counts_what_it_missed),
        cmocka_unit_test(real_time_signals_come_in_order_with_their_values),
        cmocka_unit_test(each_delivery_to_a_source_goes_to_the_task_that_waits_longest),
        cmocka_unit_test(what_a_cancelled_task_was_promised_goes_to_the_next),
        cmocka_unit_test(iterating_meets_every_signal),
        cmocka_unit_test(a_child_that_ends_is_told_with_its_status_and_is_left_to_be_waited_for),
        cmocka_unit_test(any_threads_signal_reaches_every_loop),
        cmocka_unit_test(no_signal_is_lost_while_the_loop_sleeps_and_wakes),
        cmocka_unit_test(sigint_is_yibu_runs_while_nobody_listens),
        cmocka_unit_test(a_child_does_not_inherit_a_source),
        cmocka_unit_test(a_source_may_outlive_its_loop),
        cmocka_unit_test(freeing_a_source_that_a_task_waits_for_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
