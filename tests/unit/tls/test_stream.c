/* Bytes through a TLS stream: all of them, in order, in both directions, and their end. */
#include "world.h"

enum { BIG = 8 << 20 };

static void connect_or_fail(world *w, yibu_stream **ret_stream)
{
    int r = connect_world(w, ret_stream);
    if (r < 0)
        fail_msg("%s: %s", yibu_tls_strerror(r), w->text);
}

/* Big transfers both ways at once. */

typedef struct sender {
    yibu_stream *stream;
    const uint8_t *bytes;
    size_t size, piece;
} sender;

static intptr_t send_all(void *arg)
{
    const sender *s = arg;
    for (size_t at = 0; at < s->size;) {
        size_t n = s->size - at < s->piece ? s->size - at : s->piece;
        int r = yibu_stream_write(s->stream, s->bytes + at, n);
        if (r == 0)
            r = yibu_stream_drain(s->stream);
        if (r < 0)
            return r;
        at += n;
    }
    return 0;
}

static void receive_all(yibu_stream *stream, size_t size, size_t piece)
{
    uint8_t *buffer = malloc(piece);
    assert_non_null(buffer);
    for (size_t at = 0; at < size;) {
        ssize_t n = yibu_stream_read(stream, buffer, piece);
        assert_true(n > 0);
        check_stream(buffer, (size_t)n, at);
        at += (size_t)n;
    }
    free(buffer);
}

static void exchange(yibu_tls_version version, size_t size, size_t write_piece, size_t read_piece)
{
    world w;
    begin_world(&w, "server");
    assert_int_equal(yibu_tls_context_set_versions(w.client, version, version), 0);
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    uint8_t *bytes = new_stream(size);
    sender s = {stream, bytes, size, write_piece};
    yibu_task *task = yibu_create_task(send_all, &s, NULL);
    receive_all(stream, size, read_piece);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    free(bytes);
    close_stream(stream);
    end_world(&w);
}

LOOP_TEST(big_transfers_go_both_ways_at_once)
{
    exchange(YIBU_TLS_1_3, BIG, 65536, 65536);
    exchange(YIBU_TLS_1_2, BIG, 1 << 20, 10000);
    return 0;
}

LOOP_TEST(tiny_pieces_arrive_in_order)
{
    exchange(YIBU_TLS_1_3, 20000, 1, 65536);
    exchange(YIBU_TLS_1_2, 20000, 7, 3);
    return 0;
}

LOOP_TEST(one_write_may_be_larger_than_every_buffer)
{
    exchange(YIBU_TLS_1_3, BIG, BIG, 1 << 20);
    return 0;
}

LOOP_TEST(pieces_of_a_write_are_one_stream)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    uint8_t *bytes = new_stream(200000), *back = malloc(200000);
    const struct iovec pieces[] = {
        {bytes, 1}, {bytes + 1, 0}, {bytes + 1, 99999}, {bytes + 100000, 100000}};
    assert_int_equal(yibu_stream_writelines(stream, pieces, 4), 0);
    assert_int_equal(yibu_stream_readexactly(stream, back, 200000), 0);
    check_stream(back, 200000, 0);
    free(bytes);
    free(back);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* The end. */

LOOP_TEST(the_peers_close_is_the_end_of_the_stream)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    talk(stream);
    yibu_server_close_clients(w.listener);
    char byte;
    assert_int_equal(yibu_stream_read(stream, &byte, 1), 0);
    assert_true(yibu_stream_at_eof(stream));
    assert_string_equal(yibu_tls_error_text(stream), "");
    close_stream(stream);
    end_world(&w);
    return 0;
}

static void truncate_after(bool resets, int code)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    talk(stream);
    yibu_stream_info info = {.size = sizeof(info)};
    yibu_stream_get_extra_info(stream, &info);
    if (resets)
        shutdown(info.fd, SHUT_RD); /* what comes is answered with a reset */
    yibu_server_abort_clients(w.listener);
    char byte;
    assert_int_equal(yibu_stream_read(stream, &byte, 1), code);
    assert_int_equal(yibu_stream_read(stream, &byte, 1), code);
    assert_false(yibu_stream_at_eof(stream) && code == 0);
    yibu_stream_free(stream);
    end_world(&w);
}

LOOP_TEST(an_end_without_close_notify_is_a_failure)
{
    truncate_after(false, YIBU_TLS_ETRUNCATED);
    return 0;
}

static intptr_t say_and_break_off(yibu_stream *stream, void *arg)
{
    (void)arg;
    yibu_stream_write(stream, "the last words", 14);
    yibu_stream_info info = {.size = sizeof(info)};
    yibu_stream_get_extra_info(stream, &info);
    shutdown(info.fd, SHUT_WR); /* behind TLS's back */
    char byte;
    (void)yibu_stream_read(stream, &byte, 1);
    yibu_stream_abort(stream);
    return 0;
}

LOOP_TEST(what_came_before_a_truncation_is_read_first)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, say_and_break_off);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    char words[14];
    assert_int_equal(yibu_stream_readexactly(stream, words, 14), 0);
    assert_memory_equal(words, "the last words", 14);
    char *rest;
    assert_int_equal(yibu_stream_read_all(stream, 100, &rest), YIBU_TLS_ETRUNCATED);
    assert_non_null(strstr(yibu_tls_error_text(stream), "eof"));
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

/* Reads to the end, then answers. */
static intptr_t answer_at_the_end(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *data;
    ssize_t n = yibu_stream_read_all(stream, 1000, &data);
    if (n >= 0)
        yibu_stream_write(stream, data, (size_t)n);
    return 0;
}

LOOP_TEST(with_tls_1_3_one_side_may_end_and_go_on_reading)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, answer_at_the_end);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    assert_true(yibu_stream_can_write_eof(stream));
    assert_int_equal(yibu_stream_write(stream, "question", 8), 0);
    assert_int_equal(yibu_stream_write_eof(stream), 0);
    assert_int_equal(yibu_stream_write(stream, "more", 4), -EPIPE);
    char *data;
    assert_int_equal(yibu_stream_read_all(stream, 100, &data), 8);
    assert_memory_equal(data, "question", 8);
    close_stream(stream);
    end_world(&w);
    return 0;
}

LOOP_TEST(with_tls_1_2_a_side_cannot_end_alone)
{
    world w;
    begin_world(&w, "server");
    assert_int_equal(yibu_tls_context_set_versions(w.client, YIBU_TLS_1_2, YIBU_TLS_1_2), 0);
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    assert_false(yibu_stream_can_write_eof(stream));
    assert_int_equal(yibu_stream_write_eof(stream), -ENOTSUP);
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

static intptr_t send_much_and_return(yibu_stream *stream, void *arg)
{
    (void)arg;
    uint8_t *bytes = new_stream(BIG);
    int r = yibu_stream_write(stream, bytes, BIG);
    free(bytes);
    return r;
}

LOOP_TEST(what_was_written_before_a_close_arrives)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, send_much_and_return);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    /* What the server never reads must not make its close a reset. */
    assert_int_equal(yibu_stream_write(stream, "unread", 6), 0);
    assert_int_equal(yibu_sleep(YIBU_MS(20)), 0);
    receive_all(stream, BIG, 65536);
    char byte;
    assert_int_equal(yibu_stream_read(stream, &byte, 1), 0);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* Cancels. */

static intptr_t read_one(void *stream)
{
    char byte;
    ssize_t n = yibu_stream_read(stream, &byte, 1);
    return n == 1 ? byte : n;
}

LOOP_TEST(a_cancelled_read_loses_nothing)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    for (int i = 0; i < 200; i++) {
        yibu_task *task = yibu_create_task(read_one, stream, NULL);
        char sent = (char)('a' + i % 26);
        for (int turns = i % 5; turns > 0; turns--)
            assert_int_equal(yibu_sleep(0), 0);
        assert_int_equal(yibu_stream_write(stream, &sent, 1), 0);
        for (int turns = i % 7; turns > 0; turns--)
            assert_int_equal(yibu_sleep(0), 0);
        yibu_task_cancel(task);
        intptr_t r = yibu_await(task);
        yibu_task_unref(task);
        if (r == -ECANCELED)
            r = read_one(stream);
        assert_int_equal(r, sent);
    }
    close_stream(stream);
    end_world(&w);
    return 0;
}

LOOP_TEST(a_read_that_is_cancelled_can_be_started_again)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    for (int i = 0; i < 10; i++) {
        yibu_timeout limit;
        yibu_timeout_begin(&limit, YIBU_MS(1));
        assert_int_equal(yibu_timeout_end(&limit, read_one(stream)), -ETIMEDOUT);
    }
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* Keys. */

LOOP_TEST(keys_can_be_changed_under_way)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(SSL_key_update(yibu_tls_get_ssl(stream), i % 2), 1);
        talk(stream);
    }
    close_stream(stream);
    end_world(&w);
    return 0;
}

LOOP_TEST(renegotiation_is_refused)
{
    world w;
    begin_world(&w, "server");
    assert_int_equal(yibu_tls_context_set_versions(w.server, YIBU_TLS_1_2, YIBU_TLS_1_2), 0);
    serve_world(&w, echo);
    yibu_stream *stream;
    connect_or_fail(&w, &stream);
    assert_int_equal(SSL_renegotiate(yibu_tls_get_ssl(stream)), 0);
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_transfers_go_both_ways_at_once),
        cmocka_unit_test(tiny_pieces_arrive_in_order),
        cmocka_unit_test(one_write_may_be_larger_than_every_buffer),
        cmocka_unit_test(pieces_of_a_write_are_one_stream),
        cmocka_unit_test(the_peers_close_is_the_end_of_the_stream),
        cmocka_unit_test(an_end_without_close_notify_is_a_failure),
        cmocka_unit_test(what_came_before_a_truncation_is_read_first),
        cmocka_unit_test(with_tls_1_3_one_side_may_end_and_go_on_reading),
        cmocka_unit_test(with_tls_1_2_a_side_cannot_end_alone),
        cmocka_unit_test(what_was_written_before_a_close_arrives),
        cmocka_unit_test(a_cancelled_read_loses_nothing),
        cmocka_unit_test(a_read_that_is_cancelled_can_be_started_again),
        cmocka_unit_test(keys_can_be_changed_under_way),
        cmocka_unit_test(renegotiation_is_refused),
    };
    return run_tls_tests(tests);
}
