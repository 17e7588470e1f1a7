/* What asyncio's documentation says of the event loop and of futures, as far as no other test says
 * it; and what a program does here where asyncio has an object for it. */
#include <errno.h>
#include <unistd.h>

#include "../task/coroutines.h"
#include "loop.h"

LOOP_TEST(the_clock_of_the_loop_never_goes_back)
{
    yibu_loop *loop = yibu_get_running_loop();
    int64_t last = yibu_loop_time(loop);
    for (int i = 0; i < 1000; i++) {
        int64_t time = yibu_loop_time(loop);
        assert_true(time >= last);
        last = time;
        if (i % 100 == 0)
            yibu_sleep(0);
    }
    return 0;
}

static void note_loop(void *arg)
{
    *(yibu_loop **)arg = yibu_get_running_loop();
}

LOOP_TEST(the_running_loop_is_the_same_in_tasks_and_callbacks)
{
    yibu_loop *loop = yibu_get_running_loop(), *seen = NULL;
    assert_true(yibu_loop_is_running(loop));
    assert_int_equal(yibu_call_soon(loop, note_loop, &seen, NULL), 0);
    settle();
    assert_ptr_equal(seen, loop);
    return 0;
}

static intptr_t no_loop_here(void *arg)
{
    (void)arg;
    return yibu_get_running_loop() == NULL;
}

LOOP_TEST(another_thread_has_no_running_loop)
{
    assert_int_equal(yibu_to_thread(no_loop_here, NULL), 1);
    return 0;
}

static void run_until_complete_returns_the_result_or_the_failure(void **state)
{
    (void)state;
    yibu_loop *loop;
    yibu_loop_options options = {.size = sizeof(options), .backend = test_backend()};
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_false(yibu_loop_is_running(loop));
    assert_int_equal(yibu_run_until_complete(loop, return_it, (void *)5), 5);
    assert_int_equal(yibu_run_until_complete(loop, return_it, (void *)(intptr_t)-EPIPE), -EPIPE);
    assert_int_equal(yibu_loop_free(loop), 0);
}

LOOP_TEST(debug_mode_is_off_and_slow_is_100_ms_where_nobody_says_otherwise)
{
    yibu_loop *loop = yibu_get_running_loop();
    if (!getenv("YIBU_DEBUG"))
        assert_false(yibu_loop_get_debug(loop));
    assert_int_equal(yibu_loop_get_slow_callback_duration(loop), YIBU_MS(100));
    assert_int_equal(yibu_loop_set_slow_callback_duration(loop, YIBU_MS(5)), 0);
    assert_int_equal(yibu_loop_get_slow_callback_duration(loop), YIBU_MS(5));
    return 0;
}

static void count_one(void *arg)
{
    ++*(int *)arg;
}

LOOP_TEST(calls_for_the_same_time_each_run_once)
{
    yibu_loop *loop = yibu_get_running_loop();
    int64_t when = yibu_loop_time(loop) + YIBU_US(50);
    int counts[3] = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_call_at(loop, when, count_one, &counts[i], NULL), 0);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_true(counts[0] == 1 && counts[1] == 1 && counts[2] == 1);
    return 0;
}

LOOP_TEST(removing_says_whether_the_descriptor_was_watched)
{
    yibu_loop *loop = yibu_get_running_loop();
    int ends[2], count = 0;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(yibu_remove_reader(loop, ends[0]), 0);
    assert_int_equal(yibu_add_reader(loop, ends[0], count_one, &count), 0);
    assert_int_equal(yibu_add_writer(loop, ends[1], count_one, &count), 0);
    assert_int_equal(yibu_remove_reader(loop, ends[0]), 1);
    assert_int_equal(yibu_remove_writer(loop, ends[1]), 1);
    assert_int_equal(yibu_remove_writer(loop, ends[1]), 0);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* Futures. */

static void set_result_7(void *arg)
{
    yibu_future_set_result(arg, 7);
}

LOOP_TEST(a_callback_completes_the_future_that_a_task_awaits)
{
    yibu_future *future = yibu_create_future(NULL);
    yibu_loop *loop = yibu_future_get_loop(future);
    assert_ptr_equal(loop, yibu_get_running_loop());
    assert_int_equal(yibu_call_later(loop, YIBU_US(50), set_result_7, future, NULL), 0);
    assert_int_equal(yibu_await(future), 7);
    yibu_future_unref(future);
    return 0;
}

/* A server: a listener, and a group of the tasks that serve its clients. */

typedef struct server {
    yibu_group group;
    int listener;
    int accepted;
} server;

static intptr_t serve_client(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char byte;
    ssize_t r;
    while ((r = yibu_recv(fd, &byte, 1)) == 1 && yibu_send_all(fd, &byte, 1, NULL) == 0)
        ;
    yibu_close(fd);
    return r;
}

static intptr_t accept_clients(void *arg)
{
    server *s = arg;
    int fd;
    while ((fd = yibu_accept(s->listener, NULL)) >= 0) {
        s->accepted++;
        if (yibu_group_spawn(&s->group, serve_client, (void *)(intptr_t)fd) < 0)
            yibu_close(fd);
    }
    return fd;
}

static int connect_to(const server *s)
{
    yibu_address address;
    assert_int_equal(yibu_getsockname(s->listener, &address), 0);
    int fd = yibu_tcp_connect("127.0.0.1", yibu_address_port(&address));
    assert_true(fd >= 0);
    return fd;
}

LOOP_TEST(a_server_is_a_listener_and_a_group_whose_cancel_closes_its_clients)
{
    server s = {.group = YIBU_GROUP_INIT, .listener = yibu_tcp_listen("127.0.0.1", 0, NULL)};
    assert_true(s.listener >= 0);
    assert_int_equal(yibu_group_begin(&s.group, NULL), 0);
    assert_int_equal(yibu_group_spawn(&s.group, accept_clients, &s), 0);
    int client = connect_to(&s);
    char byte = 'a';
    assert_int_equal(yibu_send_all(client, &byte, 1, NULL), 0);
    assert_int_equal(yibu_recv(client, &byte, 1), 1);
    assert_true(yibu_group_cancel(&s.group));
    assert_int_equal(yibu_group_end(&s.group, 0), 0);
    assert_int_equal(s.accepted, 1);
    assert_int_equal(yibu_recv(client, &byte, 1), 0); /* closed */
    yibu_close(client);
    yibu_close(s.listener);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clock_of_the_loop_never_goes_back),
        cmocka_unit_test(the_running_loop_is_the_same_in_tasks_and_callbacks),
        cmocka_unit_test(another_thread_has_no_running_loop),
        cmocka_unit_test(run_until_complete_returns_the_result_or_the_failure),
        cmocka_unit_test(debug_mode_is_off_and_slow_is_100_ms_where_nobody_says_otherwise),
        cmocka_unit_test(calls_for_the_same_time_each_run_once),
        cmocka_unit_test(removing_says_whether_the_descriptor_was_watched),
        cmocka_unit_test(a_callback_completes_the_future_that_a_task_awaits),
        cmocka_unit_test(a_server_is_a_listener_and_a_group_whose_cancel_closes_its_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
