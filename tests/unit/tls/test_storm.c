/* Many at once, and what goes on around them: signals, forks, servers that stop. */
#include <signal.h>
#include <sys/wait.h>

#include "signal_storm.h"
#include "world.h"

enum {
    CROWD = 1000 / YB_TEST_SLOWDOWN,
    SILENT = 100,
};

/* A thousand connections. */

static intptr_t come_and_talk(void *arg)
{
    return try_world(arg);
}

static void talk_at_once(world *w, int count)
{
    yibu_task **tasks = calloc((size_t)count, sizeof(*tasks));
    for (int i = 0; i < count; i++)
        assert_non_null(tasks[i] = yibu_create_task(come_and_talk, w, NULL));
    for (int i = 0; i < count; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    free(tasks);
}

LOOP_TEST(a_thousand_clients_are_served_at_once)
{
    world w;
    (void)raise_descriptor_limit();
    begin_world(&w, "server");
    w.server_options.server.size = sizeof(w.server_options.server);
    w.server_options.server.backlog = CROWD;
    serve_world(&w, echo);
    talk_at_once(&w, CROWD);
    end_world(&w);
    return 0;
}

/* Signals. */

LOOP_TEST(signals_that_interrupt_calls_change_nothing)
{
    world w;
    yibu_stream *stream;
    begin_world(&w, "server");
    serve_world(&w, echo);
    storm_begin(500 * YB_TEST_SLOWDOWN);
    while (storm_signals < 100) {
        assert_int_equal(connect_world(&w, &stream), 0);
        exchange_much(stream);
        close_stream(stream);
    }
    storm_end();
    end_world(&w);
    return 0;
}

static intptr_t reset_after_a_byte(yibu_stream *stream, void *arg)
{
    char byte;
    (void)arg;
    (void)yibu_stream_read(stream, &byte, 1);
    yibu_stream_info info = {.size = sizeof(info)};
    yibu_stream_get_extra_info(stream, &info);
    close_will_reset(info.fd);
    yibu_stream_abort(stream);
    return 0;
}

LOOP_TEST(a_peer_that_is_gone_is_a_failure_and_no_signal)
{
    world w;
    yibu_stream *stream;
    void (*const before)(int) = signal(SIGPIPE, SIG_DFL); /* which would end the program */
    begin_world(&w, "server");
    serve_world(&w, reset_after_a_byte);
    assert_int_equal(connect_world(&w, &stream), 0);
    int r = 0;
    while (r == 0) {
        r = yibu_stream_write(stream, "x", 1);
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    }
    assert_true(r == -ECONNRESET || r == -EPIPE);
    yibu_stream_close(stream);
    (void)yibu_stream_wait_closed(stream);
    yibu_stream_free(stream);
    end_world(&w);
    (void)signal(SIGPIPE, before);
    return 0;
}

/* Forks. */

LOOP_TEST(a_child_process_leaves_its_parents_connections_alone)
{
    world w;
    yibu_stream *stream;
    begin_world(&w, "server");
    serve_world(&w, echo);
    assert_int_equal(connect_world(&w, &stream), 0);
    talk(stream);
    assert_int_equal(yibu_stream_write(stream, "before", 6), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(yibu_stream_drain(stream) == YIBU_EFORKED ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    char back[6];
    assert_int_equal(yibu_stream_readexactly(stream, back, 6), 0);
    assert_memory_equal(back, "before", 6);
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* A server that stops while clients shake hands, or say nothing. */

static intptr_t come(void *arg)
{
    yibu_stream *stream;
    int r = connect_world(arg, &stream);
    if (r == 0)
        yibu_stream_free(stream);
    return 0; /* it may come too late */
}

static void stop_after(int turns)
{
    world w;
    yibu_task *tasks[SILENT];
    int silent[SILENT];
    begin_world(&w, "server");
    serve_world(&w, echo);
    for (int i = 0; i < SILENT; i++) {
        silent[i] = yibu_tcp_connect("127.0.0.1", yibu_server_port(w.listener));
        assert_true(silent[i] >= 0);
        tasks[i] = yibu_create_task(come, &w, NULL);
    }
    for (int i = 0; i < turns; i++)
        assert_int_equal(yibu_sleep(0), 0);
    yibu_server_close(w.listener);
    yibu_server_abort_clients(w.listener);
    assert_int_equal(yibu_server_wait_closed(w.listener), 0);
    for (int i = 0; i < SILENT; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
        assert_int_equal(yibu_close(silent[i]), 0);
    }
    end_world(&w);
}

LOOP_TEST(a_server_may_stop_while_clients_shake_hands)
{
    (void)raise_descriptor_limit();
    for (int turns = 0; turns < 12; turns += 3)
        stop_after(turns);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_clients_are_served_at_once),
        cmocka_unit_test(signals_that_interrupt_calls_change_nothing),
        cmocka_unit_test(a_peer_that_is_gone_is_a_failure_and_no_signal),
        cmocka_unit_test(a_child_process_leaves_its_parents_connections_alone),
        cmocka_unit_test(a_server_may_stop_while_clients_shake_hands),
    };
    return run_tls_tests(tests);
}
