/* STARTTLS, handshakes that are cancelled or late, and what they leave behind. */
#include "world.h"

/* A server that speaks in the clear first. */

static intptr_t upgrade(yibu_stream *stream, void *arg)
{
    world *w = arg;
    char *line;
    if (yibu_stream_readline(stream, &line) <= 0 || strncmp(line, "STARTTLS\n", 9) != 0)
        return 0;
    yibu_stream_write(stream, "go ahead\n", 9);
    int r = yibu_stream_start_tls(stream, w->server, NULL);
    if (r < 0) {
        w->server_failure = r;
        return 0;
    }
    return echo(stream, NULL);
}

static void begin_plain(world *w, yibu_connection_handler *handler)
{
    begin_world(w, "server");
    assert_int_equal(yibu_start_server(handler, w, "127.0.0.1", 0, NULL, &w->listener), 0);
}

static yibu_stream *connect_plain(world *w)
{
    yibu_stream *stream;
    assert_int_equal(
        yibu_open_connection("127.0.0.1", yibu_server_port(w->listener), NULL, &stream), 0);
    return stream;
}

LOOP_TEST(a_stream_goes_on_with_tls)
{
    world w;
    begin_plain(&w, upgrade);
    yibu_stream *stream = connect_plain(&w);
    char *line;
    yibu_stream_write(stream, "STARTTLS\n", 9);
    assert_int_equal(yibu_stream_readline(stream, &line), 9);
    yibu_tls_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_tls_get_info(stream, &info), -EINVAL);
    assert_int_equal(yibu_stream_start_tls(stream, w.client, &w.options), 0);
    assert_int_equal(yibu_tls_get_info(stream, &info), 0);
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* CVE-2021-23222 and its kin: a command that somebody put behind STARTTLS, in the clear, must not
 * be taken for one that came through TLS. */
LOOP_TEST(what_was_injected_before_the_handshake_is_never_data)
{
    world w;
    begin_plain(&w, upgrade);
    yibu_stream *stream = connect_plain(&w);
    yibu_stream_write(stream, "STARTTLS\nevil command\n", 22);
    while (w.server_failure == 0)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(w.server_failure, YIBU_TLS_EPROTOCOL);
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

/* The server's side of that: what it answers in the clear behind "go ahead". */
static intptr_t inject(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *line;
    (void)yibu_stream_readline(stream, &line);
    yibu_stream_write(stream, "go ahead\nforged answer\n", 23);
    return yibu_stream_readline(stream, &line) < 0 ? 0 : 0;
}

LOOP_TEST(a_client_takes_no_answer_that_was_sent_in_the_clear)
{
    world w;
    begin_plain(&w, inject);
    yibu_stream *stream = connect_plain(&w);
    char *line;
    yibu_stream_write(stream, "STARTTLS\n", 9);
    assert_int_equal(yibu_stream_readline(stream, &line), 9);
    assert_int_equal(yibu_stream_start_tls(stream, w.client, &w.options), YIBU_TLS_EPROTOCOL);
    assert_true(w.text[0] != '\0');
    char byte;
    assert_int_equal(yibu_stream_read(stream, &byte, 1), YIBU_TLS_EPROTOCOL);
    assert_int_equal(yibu_stream_write(stream, "x", 1), YIBU_TLS_EPROTOCOL);
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

/* The whole first flight of the client may come together with the command. */
static intptr_t upgrade_at_once(yibu_stream *stream, void *arg)
{
    world *w = arg;
    char *line, *hello;
    (void)yibu_stream_readline(stream, &line);
    assert_true(yibu_stream_peek(stream, 50, &hello) >= 50);
    w->server_failure = yibu_stream_start_tls(stream, w->server, NULL);
    return w->server_failure < 0 ? 0 : echo(stream, NULL);
}

LOOP_TEST(a_handshake_that_is_buffered_already_is_taken_up)
{
    world w;
    begin_plain(&w, upgrade_at_once);
    yibu_stream *stream = connect_plain(&w);
    yibu_stream_write(stream, "STARTTLS\n", 9);
    assert_int_equal(yibu_stream_start_tls(stream, w.client, &w.options), 0);
    talk(stream);
    assert_int_equal(w.server_failure, 0);
    close_stream(stream);
    end_world(&w);
    return 0;
}

static intptr_t write_much_and_upgrade(yibu_stream *stream, void *arg)
{
    world *w = arg;
    uint8_t *bytes = new_stream(4 << 20);
    (void)yibu_stream_write(stream, bytes, 4 << 20);
    free(bytes);
    w->server_failure = yibu_stream_start_tls(stream, w->server, NULL);
    return w->server_failure < 0 ? 0 : echo(stream, NULL);
}

LOOP_TEST(what_was_written_before_goes_out_in_the_clear_first)
{
    world w;
    begin_plain(&w, write_much_and_upgrade);
    yibu_stream *stream = connect_plain(&w);
    uint8_t *bytes = malloc(4 << 20);
    assert_int_equal(yibu_sleep(YIBU_MS(10)), 0);
    assert_int_equal(yibu_stream_readexactly(stream, bytes, 4 << 20), 0);
    check_stream(bytes, 4 << 20, 0);
    free(bytes);
    assert_int_equal(yibu_stream_start_tls(stream, w.client, &w.options), 0);
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

static intptr_t read_byte(void *stream)
{
    char byte;
    return yibu_stream_read(stream, &byte, 1);
}

LOOP_TEST(a_stream_that_is_read_cannot_change)
{
    world w;
    begin_plain(&w, upgrade);
    yibu_stream *stream = connect_plain(&w);
    yibu_task *reader = yibu_create_task(read_byte, stream, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_stream_start_tls(stream, w.client, &w.options), -EBUSY);
    yibu_task_cancel(reader);
    assert_int_equal(yibu_await(reader), -ECANCELED);
    yibu_task_unref(reader);
    char *line; /* it is as it was */
    yibu_stream_write(stream, "STARTTLS\n", 9);
    assert_int_equal(yibu_stream_readline(stream, &line), 9);
    assert_int_equal(yibu_stream_start_tls(stream, w.client, &w.options), 0);
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* Peers that do not shake hands. */

static intptr_t be_silent(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *data;
    (void)yibu_stream_read_all(stream, 1 << 20, &data);
    return 0;
}

LOOP_TEST(a_silent_peer_is_given_up_in_time)
{
    world w;
    begin_plain(&w, be_silent);
    w.options.handshake_timeout_ns = YIBU_MS(30);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), YIBU_TLS_ETIMEDOUT);
    assert_string_equal(w.text, "The TLS handshake took too long");
    end_world(&w);
    return 0;
}

LOOP_TEST(a_server_gives_up_a_silent_client_in_time)
{
    world w;
    begin_world(&w, "server");
    w.server_options.handshake_timeout_ns = YIBU_MS(30);
    serve_world(&w, echo);
    yibu_stream *stream = connect_plain(&w);
    char *data;
    assert_int_equal(yibu_stream_read_all(stream, 100, &data), 0);
    assert_int_equal(w.server_failure, YIBU_TLS_ETIMEDOUT);
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

LOOP_TEST(the_limit_of_a_handshake_ends_with_it)
{
    const int64_t limit_ns = YIBU_MS(300) * YB_TEST_SLOWDOWN;
    world w;
    begin_world(&w, "server");
    w.options.handshake_timeout_ns = w.server_options.handshake_timeout_ns = limit_ns;
    serve_world(&w, echo);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    assert_int_equal(yibu_sleep(limit_ns * 3 / 2), 0);
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* The alert, then the end, while the server still waits for ours: a close would reset the
 * connection with something unread, and take the alert along. */
LOOP_TEST(who_cannot_shake_hands_is_told_before_the_connection_is_closed)
{
    enum { ALERT = 21, FATAL = 2 };
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream = connect_plain(&w);
    assert_int_equal(yibu_stream_write(stream, "\x16\x03\x01\0\x05hello", 10), 0);
    char *data;
    assert_int_equal(yibu_stream_read_all(stream, 100, &data), 7);
    assert_int_equal(data[0], ALERT);
    assert_int_equal(data[5], FATAL);
    assert_int_equal(yibu_server_connections(w.listener), 1);
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

static intptr_t hang_up(yibu_stream *stream, void *arg)
{
    const world *w = arg;
    char byte;
    (void)yibu_stream_read(stream, &byte, 1);
    yibu_stream_info info = {.size = sizeof(info)};
    yibu_stream_get_extra_info(stream, &info);
    if (w->arg)
        close_will_reset(info.fd);
    yibu_stream_abort(stream);
    return 0;
}

LOOP_TEST(a_peer_that_hangs_up_or_resets_is_told_apart)
{
    world w;
    begin_plain(&w, hang_up);
    yibu_stream *stream;
    w.arg = &w;
    assert_int_equal(connect_world(&w, &stream), -ECONNRESET);
    end_world(&w);
    return 0;
}

static intptr_t answer_in_the_clear(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *data;
    static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    yibu_stream_write(stream, text, sizeof(text) - 1);
    (void)yibu_stream_read_all(stream, 1 << 20, &data);
    return 0;
}

LOOP_TEST(a_peer_that_does_not_speak_tls_is_told)
{
    world w;
    begin_plain(&w, answer_in_the_clear);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), YIBU_TLS_EPROTOCOL);
    assert_non_null(strstr(w.text, "wrong version number"));
    end_world(&w);
    return 0;
}

/* Cancels, at every turn that a connection takes. */

/* Connects, speaks and closes, and stops wherever it is cancelled. */
static intptr_t visit(void *arg)
{
    yibu_stream *stream;
    char answer[6];
    int r = connect_world(arg, &stream);
    if (r < 0)
        return r;
    r = yibu_stream_write(stream, "hello\n", 6);
    if (r == 0)
        r = yibu_stream_readexactly(stream, answer, 6);
    yibu_stream_close(stream);
    int closed = yibu_stream_wait_closed(stream);
    yibu_stream_free(stream);
    return r < 0 ? r : closed;
}

LOOP_TEST(a_cancel_at_any_point_leaves_nothing_behind)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    int cancelled = 0;
    intptr_t r = -ECANCELED;
    for (int turns = 0; r == -ECANCELED; turns++) {
        yibu_task *task = yibu_create_task(visit, &w, NULL);
        for (int i = 0; i < turns; i++)
            assert_int_equal(yibu_sleep(0), 0);
        yibu_task_cancel(task);
        r = yibu_await(task);
        yibu_task_unref(task);
        cancelled += r == -ECANCELED;
    }
    assert_int_equal(r, 0);
    assert_true(cancelled > 4);
    assert_int_equal(try_world(&w), 0);
    end_world(&w);
    return 0;
}

static intptr_t connect_only(void *arg)
{
    yibu_stream *stream;
    int r = connect_world(arg, &stream);
    if (r == 0)
        yibu_stream_free(stream);
    return r;
}

static intptr_t start_and_free(void *stream)
{
    yibu_tls_context *context = client_context();
    const yibu_tls_options options = {.size = sizeof(options), .server_name = "localhost"};
    int r = yibu_stream_start_tls(stream, context, &options);
    yibu_stream_free(stream);
    yibu_tls_context_free(context);
    return r;
}

static intptr_t do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* Nothing of the stream is touched later, which a sanitizer sees. */
LOOP_TEST(a_stream_may_be_freed_as_soon_as_its_handshake_was_cancelled)
{
    int before = count_descriptors();
    for (int i = 0; i < 50; i++) {
        yibu_stream *stream;
        int ends[2];
        assert_int_equal(yibu_socketpair(SOCK_STREAM, ends), 0);
        assert_int_equal(yibu_stream_new(ends[0], NULL, &stream), 0);
        yibu_task *task = yibu_create_task(start_and_free, stream, NULL);
        for (int turns = 0; turns < 1 + i % 5; turns++)
            assert_int_equal(yibu_sleep(0), 0);
        assert_int_equal(write(ends[1], "x", 1), 1); /* a read below ends as well */
        assert_true(yibu_task_cancel(task));
        for (int others = 0; others < 300; others++) /* meanwhile the loop looks at I/O */
            assert_int_equal(yibu_spawn(do_nothing, NULL), 0);
        assert_int_equal(yibu_await(task), -ECANCELED);
        yibu_task_unref(task);
        assert_int_equal(yibu_close(ends[1]), 0);
    }
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(count_descriptors(), before);
    return 0;
}

LOOP_TEST(a_time_limit_of_the_callers_ends_a_handshake)
{
    world w;
    begin_plain(&w, be_silent);
    for (int i = 0; i < 20; i++) {
        yibu_timeout limit;
        yibu_timeout_begin(&limit, YIBU_MS(i));
        assert_int_equal(yibu_timeout_end(&limit, connect_only(&w)), -ETIMEDOUT);
    }
    end_world(&w);
    return 0;
}

LOOP_TEST(a_server_that_closes_ends_handshakes_under_way)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream = connect_plain(&w);
    while (yibu_server_connections(w.listener) == 0)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    yibu_server_close(w.listener);
    yibu_server_close_clients(w.listener);
    char *data;
    ssize_t n = yibu_stream_read_all(stream, 100, &data);
    assert_true(n >= 0);
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

/* Descriptors run out. */

LOOP_TEST(without_descriptors_connecting_fails_and_leaves_nothing)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    assert_int_equal(try_world(&w), 0);
    struct rlimit old, few;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    int lowest = dup(0); /* the next that there would be */
    close(lowest);
    few.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    yibu_stream *stream;
    int r = connect_world(&w, &stream);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(r, -EMFILE);
    assert_int_equal(try_world(&w), 0);
    end_world(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_goes_on_with_tls),
        cmocka_unit_test(what_was_injected_before_the_handshake_is_never_data),
        cmocka_unit_test(a_client_takes_no_answer_that_was_sent_in_the_clear),
        cmocka_unit_test(a_handshake_that_is_buffered_already_is_taken_up),
        cmocka_unit_test(what_was_written_before_goes_out_in_the_clear_first),
        cmocka_unit_test(a_stream_that_is_read_cannot_change),
        cmocka_unit_test(a_silent_peer_is_given_up_in_time),
        cmocka_unit_test(a_server_gives_up_a_silent_client_in_time),
        cmocka_unit_test(the_limit_of_a_handshake_ends_with_it),
        cmocka_unit_test(who_cannot_shake_hands_is_told_before_the_connection_is_closed),
        cmocka_unit_test(a_peer_that_hangs_up_or_resets_is_told_apart),
        cmocka_unit_test(a_peer_that_does_not_speak_tls_is_told),
        cmocka_unit_test(a_cancel_at_any_point_leaves_nothing_behind),
        cmocka_unit_test(a_stream_may_be_freed_as_soon_as_its_handshake_was_cancelled),
        cmocka_unit_test(a_time_limit_of_the_callers_ends_a_handshake),
        cmocka_unit_test(a_server_that_closes_ends_handshakes_under_way),
        cmocka_unit_test(without_descriptors_connecting_fails_and_leaves_nothing),
    };
    return run_tls_tests(tests);
}
