/* Signals delivered to a loop. */
#include "loop.h"
#include "platform/valgrind.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static void a_handler_runs_in_the_loop(void **state)
{
    yibu_loop *loop = *state;
    bool done = false;
    assert_int_equal(yibu_add_signal_handler(loop, SIGUSR1, test_set, &done), 0);
    raise(SIGUSR1);
    assert_false(done); /* not in the signal handler */
    test_loop_until(loop, &done);
    assert_int_equal(yibu_remove_signal_handler(loop, SIGUSR1), 1);
    assert_int_equal(yibu_remove_signal_handler(loop, SIGUSR1), 0);
}

static void two_signals_have_two_handlers(void **state)
{
    yibu_loop *loop = *state;
    int first = 0, second = 0;
    yibu_add_signal_handler(loop, SIGUSR1, test_count, &first);
    yibu_add_signal_handler(loop, SIGUSR2, test_count, &second);
    raise(SIGUSR2);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(first, 0);
    assert_int_equal(second, 1);
    raise(SIGUSR1);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(first, 1);
    assert_int_equal(second, 1);
}

static void a_second_handler_replaces_the_first(void **state)
{
    yibu_loop *loop = *state;
    int first = 0, second = 0;
    yibu_add_signal_handler(loop, SIGUSR1, test_count, &first);
    yibu_add_signal_handler(loop, SIGUSR1, test_count, &second);
    raise(SIGUSR1);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(first, 0);
    assert_int_equal(second, 1);
}

static volatile sig_atomic_t own_count;

static void count_own(int number)
{
    (void)number;
    own_count++;
}

static void removing_restores_what_the_program_did_before(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    struct sigaction own = {.sa_handler = count_own}, before;
    sigaction(SIGUSR1, &own, &before);
    own_count = 0;
    yibu_add_signal_handler(loop, SIGUSR1, test_count, &count);
    raise(SIGUSR1);
    assert_int_equal(own_count, 0);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(count, 1);
    yibu_remove_signal_handler(loop, SIGUSR1);
    raise(SIGUSR1);
    assert_int_equal(own_count, 1);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(count, 1);
    sigaction(SIGUSR1, &before, NULL);
}

static void a_handler_of_children_that_was_there_is_called_as_well(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    struct sigaction own = {.sa_handler = count_own}, before;
    sigaction(SIGCHLD, &own, &before);
    own_count = 0;
    yibu_add_signal_handler(loop, SIGCHLD, test_count, &count);
    raise(SIGCHLD);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(own_count, 1);
    assert_int_equal(count, 1);
    yibu_remove_signal_handler(loop, SIGCHLD);
    raise(SIGCHLD);
    assert_int_equal(own_count, 2);
    sigaction(SIGCHLD, &before, NULL);
}

static void a_handler_that_came_after_ours_stays(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    struct sigaction later = {.sa_handler = count_own}, before, after;
    sigaction(SIGUSR1, NULL, &before);
    yibu_add_signal_handler(loop, SIGUSR1, test_count, &count);
    sigaction(SIGUSR1, &later, NULL);
    yibu_remove_signal_handler(loop, SIGUSR1);
    sigaction(SIGUSR1, NULL, &after);
    assert_true(after.sa_handler == count_own);
    sigaction(SIGUSR1, &before, NULL);
}

static void freeing_the_loop_restores_it_too(void **state)
{
    (void)state;
    yibu_loop *loop;
    int count = 0;
    struct sigaction after;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_add_signal_handler(loop, SIGUSR1, test_count, &count);
    assert_int_equal(yibu_loop_free(loop), 0);
    sigaction(SIGUSR1, NULL, &after);
    assert_true(after.sa_handler == SIG_DFL);
}

static void what_is_no_signal_to_handle_is_refused(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    static const int bad[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, 32, 0, -1, 1000};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(yibu_add_signal_handler(loop, bad[i], test_count, &count), -EINVAL);
    assert_int_equal(yibu_add_signal_handler(loop, SIGUSR1, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_remove_signal_handler(loop, 1000), -EINVAL);
    /* A refused one leaves no owner behind. */
    assert_int_equal(yibu_remove_signal_handler(loop, SIGKILL), 0);
}

typedef struct second_loop {
    int result;
    int count;
    pthread_barrier_t step;
} second_loop;

static void *listen_on_second_loop(void *arg)
{
    second_loop *s = arg;
    yibu_loop *loop;
    if (yibu_loop_new(NULL, &loop) < 0)
        abort();
    s->result = yibu_add_signal_handler(loop, SIGUSR1, test_count, &s->count);
    pthread_barrier_wait(&s->step);
    while (s->count == 0)
        yibu_loop_run_once(loop, YIBU_MS(10)); /* a signal may be delayed under ThreadSanitizer */
    yibu_loop_free(loop);
    return NULL;
}

static void each_loop_that_asks_gets_a_signal(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    second_loop s = {0};
    pthread_t thread;
    struct sigaction after;
    pthread_barrier_init(&s.step, NULL, 2);
    assert_int_equal(yibu_add_signal_handler(loop, SIGUSR1, test_count, &count), 0);
    assert_int_equal(pthread_create(&thread, NULL, listen_on_second_loop, &s), 0);
    pthread_barrier_wait(&s.step);
    raise(SIGUSR1);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&s.step);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(s.result, 0);
    assert_int_equal(s.count, 1);
    assert_int_equal(count, 1);
    /* The first one's is left, and still there. */
    raise(SIGUSR1);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(count, 2);
    yibu_remove_signal_handler(loop, SIGUSR1);
    sigaction(SIGUSR1, NULL, &after);
    assert_true(after.sa_handler == SIG_DFL);
}

/* Another thread sends them while the loop sleeps; the loop answers each before the next comes. */
typedef struct volley {
    pthread_t target;
    int received;
    pthread_barrier_t step;
} volley;

enum { SHOTS = 500 };

static void *shoot(void *arg)
{
    volley *v = arg;
    for (int i = 0; i < SHOTS; i++) {
        pthread_barrier_wait(&v->step);
        if (i % 2)
            pthread_kill(v->target, SIGUSR1);
        else
            kill(getpid(), SIGUSR1); /* on any thread */
    }
    return NULL;
}

static void no_delivery_to_a_sleeping_loop_is_lost(void **state)
{
#ifdef YB_SANITIZE_THREAD
    skip(); /* it delays signals until a call that it knows, and the loop's waits are none */
#endif
    yibu_loop *loop = *state;
    volley v = {.target = pthread_self()};
    pthread_t thread;
    pthread_barrier_init(&v.step, NULL, 2);
    yibu_add_signal_handler(loop, SIGUSR1, test_count, &v.received);
    assert_int_equal(pthread_create(&thread, NULL, shoot, &v), 0);
    for (int i = 0; i < SHOTS; i++) {
        pthread_barrier_wait(&v.step);
        while (v.received == i)
            yibu_loop_run_once(loop, YIBU_FOREVER);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&v.step);
    assert_int_equal(v.received, SHOTS);
}

/* Signals interrupt whatever the loop is doing; nothing else may suffer from it. */
typedef struct storm {
    pthread_t target;
    _Atomic bool over;
} storm;

static void *rain(void *arg)
{
    storm *s = arg;
    while (!s->over) {
        pthread_kill(s->target, SIGUSR1);
        usleep(50);
    }
    return NULL;
}

static intptr_t chat(void *arg)
{
    int *pair = arg;
    char byte = 0;
    for (int i = 0; i < 500; i++) {
        if (yibu_write(pair[1], &byte, 1) != 1 || yibu_read(pair[0], &byte, 1) != 1)
            return -EIO;
        if (i % 100 == 0 && yibu_sleep(YIBU_MS(1)) < 0)
            return -EINTR;
    }
    return 0;
}

static void operations_go_on_in_a_storm_of_signals(void **state)
{
    yibu_loop *loop = *state;
    int count = 0, ends[2];
    storm s = {.target = pthread_self()};
    pthread_t thread;
    if (YB_UNDER_VALGRIND) /* at times it takes the stack of a handler for unowned */
        skip();
    assert_int_equal(pipe(ends), 0);
    yibu_add_signal_handler(loop, SIGUSR1, test_count, &count);
    assert_int_equal(pthread_create(&thread, NULL, rain, &s), 0);
    do
        assert_int_equal(yibu_run_until_complete(loop, chat, ends), 0);
    while (count == 0);
    s.over = true;
    pthread_join(thread, NULL);
    close(ends[0]);
    close(ends[1]);
}

static void remove_self(void *arg)
{
    assert_int_equal(yibu_remove_signal_handler(yibu_get_running_loop(), SIGUSR1), 1);
    *(bool *)arg = true;
}

static void a_handler_may_remove_itself(void **state)
{
    yibu_loop *loop = *state;
    bool done = false;
    yibu_add_signal_handler(loop, SIGUSR1, remove_self, &done);
    raise(SIGUSR1);
    test_loop_until(loop, &done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(a_handler_runs_in_the_loop),
        loop_unit_test(two_signals_have_two_handlers),
        loop_unit_test(a_second_handler_replaces_the_first),
        loop_unit_test(removing_restores_what_the_program_did_before),
        loop_unit_test(a_handler_of_children_that_was_there_is_called_as_well),
        loop_unit_test(a_handler_that_came_after_ours_stays),
        cmocka_unit_test(freeing_the_loop_restores_it_too),
        loop_unit_test(what_is_no_signal_to_handle_is_refused),
        loop_unit_test(each_loop_that_asks_gets_a_signal),
        loop_unit_test(no_delivery_to_a_sleeping_loop_is_lost),
        loop_unit_test(operations_go_on_in_a_storm_of_signals),
        loop_unit_test(a_handler_may_remove_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
