/* The write side of streams, and their close. */
#include <errno.h>

#include "streams.h"

enum { MUCH = 3 << 20 };

typedef struct ends {
    yibu_stream *stream;
    int peer;
} ends;

/* A connection that holds little by itself. */
static ends open_with(const yibu_stream_options *options)
{
    pair p = connect_pair();
    const int bytes = 65536;
    assert_int_equal(setsockopt(p.client, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)), 0);
    assert_int_equal(setsockopt(p.server, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
    ends e = {.peer = p.server};
    assert_int_equal(yibu_stream_new(p.client, options, &e.stream), 0);
    return e;
}

static void end(ends e)
{
    yibu_stream_free(e.stream);
    assert_int_equal(yibu_close(e.peer), 0);
}

/* Receives what the peer is sent, from `place` on, until the end or as many bytes. */
static size_t receive(int fd, size_t place, size_t size)
{
    uint8_t buffer[9973];
    while (place < size) {
        size_t rest = size - place;
        ssize_t n = yibu_recv(fd, buffer, rest < sizeof(buffer) ? rest : sizeof(buffer));
        assert_true(n >= 0);
        if (n == 0)
            break;
        check_stream(buffer, (size_t)n, place);
        place += (size_t)n;
    }
    return place;
}

static void write_much(yibu_stream *stream)
{
    uint8_t *bytes = new_stream(MUCH);
    assert_int_equal(yibu_stream_write(stream, bytes, MUCH), 0);
    free(bytes);
}

LOOP_TEST(a_small_write_goes_out_at_once)
{
    ends e = open_with(NULL);
    char text[8];
    assert_int_equal(yibu_stream_write(e.stream, "now", 3), 0);
    assert_int_equal(yibu_stream_get_write_buffer_size(e.stream), 0);
    assert_int_equal(recv(e.peer, text, sizeof(text), 0), 3);
    assert_int_equal(yibu_stream_write(e.stream, NULL, 0), 0);
    assert_int_equal(yibu_stream_drain(e.stream), 0);
    end(e);
    return 0;
}

LOOP_TEST(what_is_buffered_goes_out_by_itself_and_in_order)
{
    ends e = open_with(NULL);
    uint8_t *bytes = new_stream(MUCH);
    size_t place = 0;
    for (size_t size = 1; place < MUCH; size = size * 3 % 70001 + 1) {
        size = size < MUCH - place ? size : MUCH - place;
        assert_int_equal(yibu_stream_write(e.stream, bytes + place, size), 0);
        place += size;
    }
    free(bytes);
    assert_true(yibu_stream_get_write_buffer_size(e.stream) > 0);
    assert_int_equal(receive(e.peer, 0, MUCH), MUCH);
    end(e);
    return 0;
}

LOOP_TEST(writelines_writes_its_pieces_one_after_the_other)
{
    ends e = open_with(NULL);
    enum { PIECES = 3000, PIECE = 1000 };
    uint8_t *bytes = new_stream(PIECES * PIECE);
    static struct iovec pieces[PIECES];
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = (struct iovec){bytes + i * PIECE, PIECE};
    assert_int_equal(yibu_stream_writelines(e.stream, pieces, PIECES), 0);
    assert_int_equal(yibu_stream_writelines(e.stream, pieces, 0), 0);
    free(bytes);
    yibu_stream_close(e.stream);
    assert_int_equal(receive(e.peer, 0, SIZE_MAX), PIECES * PIECE);
    end(e);
    return 0;
}

static intptr_t drain(void *arg)
{
    return yibu_stream_drain(arg);
}

LOOP_TEST(drain_waits_for_the_low_water_mark)
{
    const yibu_stream_options options = {
        .size = sizeof(options), .high_water = 100000, .low_water = 1000};
    ends e = open_with(&options);
    write_much(e.stream);
    yibu_task *task = yibu_create_task(drain, e.stream, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(task));
    size_t place = 0;
    while (!yibu_task_done(task)) {
        place = receive(e.peer, place, place + 10000);
        assert_int_equal(yibu_sleep(0), 0);
    }
    assert_true(yibu_stream_get_write_buffer_size(e.stream) <= 1000);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(receive(e.peer, place, MUCH), MUCH);
    end(e);
    return 0;
}

LOOP_TEST(a_cancelled_drain_leaves_the_buffer_to_go_out)
{
    ends e = open_with(NULL);
    write_much(e.stream);
    yibu_task *task = yibu_create_task(drain, e.stream, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_stream_close(e.stream);
    assert_int_equal(receive(e.peer, 0, SIZE_MAX), MUCH);
    end(e);
    return 0;
}

LOOP_TEST(limits_of_zero_make_drain_wait_for_everything)
{
    ends e = open_with(NULL);
    assert_int_equal(yibu_stream_set_write_buffer_limits(e.stream, 1, 2), -EINVAL);
    assert_int_equal(yibu_stream_set_write_buffer_limits(e.stream, 0, 0), 0);
    write_much(e.stream);
    yibu_task *task = yibu_create_task(drain, e.stream, NULL);
    size_t place = 0;
    while (!yibu_task_done(task)) {
        place = receive(e.peer, place, place + 10000);
        assert_int_equal(yibu_sleep(0), 0);
    }
    assert_int_equal(yibu_stream_get_write_buffer_size(e.stream), 0);
    yibu_task_unref(task);
    end(e);
    return 0;
}

LOOP_TEST(a_full_buffer_takes_nothing_more)
{
    const yibu_stream_options options = {.size = sizeof(options), .max_buffered = 1000};
    ends e = open_with(&options);
    write_much(e.stream);
    assert_int_equal(yibu_stream_write(e.stream, "x", 1), -ENOBUFS);
    assert_int_equal(receive(e.peer, 0, MUCH), MUCH);
    assert_int_equal(yibu_stream_write(e.stream, "x", 1), 0);
    end(e);
    return 0;
}

LOOP_TEST(write_eof_ends_the_stream_after_what_was_written)
{
    ends e = open_with(NULL);
    assert_true(yibu_stream_can_write_eof(e.stream));
    write_much(e.stream);
    assert_int_equal(yibu_stream_write_eof(e.stream), 0);
    assert_int_equal(yibu_stream_write_eof(e.stream), 0);
    assert_int_equal(yibu_stream_write(e.stream, "x", 1), -EPIPE);
    assert_int_equal(receive(e.peer, 0, SIZE_MAX), MUCH);
    assert_int_equal(yibu_send_all(e.peer, "answer\n", 7, NULL), 0);
    char *line;
    assert_int_equal(yibu_stream_readline(e.stream, &line), 7);
    end(e);
    return 0;
}

static intptr_t wait_closed(void *arg)
{
    return yibu_stream_wait_closed(arg);
}

LOOP_TEST(close_sends_what_was_written_first)
{
    ends e = open_with(NULL);
    write_much(e.stream);
    assert_false(yibu_stream_is_closing(e.stream));
    yibu_stream_close(e.stream);
    yibu_stream_close(e.stream);
    assert_true(yibu_stream_is_closing(e.stream));
    assert_int_equal(yibu_stream_write(e.stream, "x", 1), -EPIPE);
    yibu_task *task = yibu_create_task(wait_closed, e.stream, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(task));
    assert_int_equal(receive(e.peer, 0, SIZE_MAX), MUCH);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(yibu_stream_wait_closed(e.stream), 0);
    end(e);
    return 0;
}

LOOP_TEST(abort_drops_what_was_written_and_wakes_who_waits)
{
    ends e = open_with(NULL);
    write_much(e.stream);
    yibu_task *drains = yibu_create_task(drain, e.stream, NULL);
    yibu_task *waits = yibu_create_task(wait_closed, e.stream, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_stream_abort(e.stream);
    assert_int_equal(yibu_await(drains), -ECONNABORTED);
    assert_int_equal(yibu_await(waits), 0);
    yibu_task_unref(drains);
    yibu_task_unref(waits);
    assert_true(receive(e.peer, 0, SIZE_MAX) < MUCH);
    end(e);
    return 0;
}

LOOP_TEST(a_failed_write_is_told_by_every_later_call)
{
    ends e = open_with(NULL);
    write_much(e.stream);
    close_will_reset(e.peer);
    assert_int_equal(yibu_close(e.peer), 0);
    int r = yibu_stream_drain(e.stream);
    assert_true(r == -ECONNRESET || r == -EPIPE);
    assert_int_equal(yibu_stream_write(e.stream, "x", 1), r);
    assert_int_equal(yibu_stream_write_eof(e.stream), r);
    assert_int_equal(yibu_stream_get_write_buffer_size(e.stream), 0);
    yibu_stream_close(e.stream);
    assert_int_equal(yibu_stream_wait_closed(e.stream), r);
    yibu_stream_free(e.stream);
    return 0;
}

LOOP_TEST(a_stream_says_where_it_is)
{
    ends e = open_with(NULL);
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_stream_get_extra_info(e.stream, &info), 0);
    yibu_address local, peer;
    assert_int_equal(yibu_getsockname(info.fd, &local), 0);
    assert_int_equal(yibu_getsockname(e.peer, &peer), 0);
    assert_int_equal(yibu_address_port(&info.local), yibu_address_port(&local));
    assert_int_equal(yibu_address_port(&info.peer), yibu_address_port(&peer));
    yibu_stream_close(e.stream);
    assert_int_equal(yibu_stream_get_extra_info(e.stream, &info), 0);
    assert_int_equal(info.fd, -1);
    info.size = 0;
    assert_int_equal(yibu_stream_get_extra_info(e.stream, &info), -EINVAL);
    end(e);
    return 0;
}

static intptr_t forget(void *arg)
{
    ends *e = arg;
    *e = open_with(NULL);
    write_much(e->stream);
    yibu_stream_close(e->stream);
    return 0;
}

static void the_end_of_the_loop_closes_streams_that_nobody_did(void **state)
{
    (void)state;
    int before = count_descriptors();
    ends e;
    assert_int_equal(yibu_run(forget, &e, NULL), 0);
    yibu_stream_free(e.stream);
    close(e.peer);
    assert_int_equal(count_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_write_goes_out_at_once),
        cmocka_unit_test(what_is_buffered_goes_out_by_itself_and_in_order),
        cmocka_unit_test(writelines_writes_its_pieces_one_after_the_other),
        cmocka_unit_test(drain_waits_for_the_low_water_mark),
        cmocka_unit_test(a_cancelled_drain_leaves_the_buffer_to_go_out),
        cmocka_unit_test(limits_of_zero_make_drain_wait_for_everything),
        cmocka_unit_test(a_full_buffer_takes_nothing_more),
        cmocka_unit_test(write_eof_ends_the_stream_after_what_was_written),
        cmocka_unit_test(close_sends_what_was_written_first),
        cmocka_unit_test(abort_drops_what_was_written_and_wakes_who_waits),
        cmocka_unit_test(a_failed_write_is_told_by_every_later_call),
        cmocka_unit_test(a_stream_says_where_it_is),
        cmocka_unit_test(the_end_of_the_loop_closes_streams_that_nobody_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
