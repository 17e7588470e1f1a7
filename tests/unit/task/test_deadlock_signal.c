/* What signals have to do with deadlocks. */
#include "heard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* Does not help itself: SIGINT must end it, once the report was made, and time for another has
 * passed. */
static void *interrupt(void *arg)
{
    heard *h = arg;
    while (__atomic_load_n(&h->count, __ATOMIC_SEQ_CST) == 0)
        usleep(1000);
    usleep(20000);
    kill(getpid(), SIGINT);
    return NULL;
}

static intptr_t wait_in_vain(void *arg)
{
    (void)arg;
    yibu_event never = YIBU_EVENT_INIT;
    return yibu_event_wait(&never);
}

static void the_runners_own_signal_handler_is_no_hope_but_still_works(void **state)
{
    (void)state;
    heard h = {0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, interrupt, &h), 0);
    assert_int_equal(run_with(wait_in_vain, &h, YIBU_MS(1)), -EINTR);
    pthread_join(thread, NULL);
    assert_int_equal(h.count, 1);
}

static void *raise_later(void *arg)
{
    usleep(30000);
    kill(getpid(), SIGUSR1);
    return arg;
}

static intptr_t wait_for_signal(void *arg)
{
    (void)arg;
    yibu_event event = YIBU_EVENT_INIT;
    pthread_t thread;
    yibu_loop *loop = yibu_get_running_loop();
    assert_int_equal(yibu_add_signal_handler(loop, SIGUSR1, set_event, &event), 0);
    assert_int_equal(pthread_create(&thread, NULL, raise_later, NULL), 0);
    assert_int_equal(yibu_event_wait(&event), 0);
    pthread_join(thread, NULL);
    assert_int_equal(yibu_remove_signal_handler(loop, SIGUSR1), 1);
    return 0;
}

static void a_signal_handler_of_the_programs_is_hope(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(wait_for_signal, &h, 1), 0);
    assert_int_equal(h.count, 0);
}

static intptr_t remove_handlers_and_wait(void *arg)
{
    yibu_event event = YIBU_EVENT_INIT;
    yibu_loop *loop = yibu_get_running_loop();
    assert_int_equal(yibu_add_signal_handler(loop, SIGUSR1, set_event, &event), 0);
    assert_int_equal(yibu_add_signal_handler(loop, SIGUSR1, set_event, &event), 0);
    assert_int_equal(yibu_add_signal_handler(loop, SIGINT, set_event, &event), 0);
    assert_int_equal(yibu_remove_signal_handler(loop, SIGUSR1), 1);
    assert_int_equal(yibu_remove_signal_handler(loop, SIGINT), 1);
    return wait_for_nothing(arg);
}

static void a_signal_handler_that_was_removed_is_none(void **state)
{
    (void)state;
    heard h = {0};
    assert_int_equal(run_with(remove_handlers_and_wait, &h, YIBU_MS(1)), -ECANCELED);
    assert_int_equal(h.count, 1);
}

static int set_up(void **state)
{
    (void)state;
    signal(SIGINT, SIG_DFL); /* ignored in what a shell started in the background */
    return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_runners_own_signal_handler_is_no_hope_but_still_works),
        cmocka_unit_test(a_signal_handler_of_the_programs_is_hope),
        cmocka_unit_test(a_signal_handler_that_was_removed_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
