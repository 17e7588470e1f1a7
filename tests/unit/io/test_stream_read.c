/* The read side of streams. */
#include <errno.h>
#include <fcntl.h>

#include "streams.h"

typedef struct ends {
    yibu_stream *stream;
    int peer;
} ends;

static ends open_with(const yibu_stream_options *options)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ends e = {.peer = fds[1]};
    assert_int_equal(yibu_stream_new(fds[0], options, &e.stream), 0);
    return e;
}

static void say(ends e, const char *text)
{
    assert_int_equal(write(e.peer, text, strlen(text)), strlen(text));
}

static void hang_up(ends *e)
{
    assert_int_equal(yibu_close(e->peer), 0);
    e->peer = -1;
}

static void end(ends e)
{
    yibu_stream_free(e.stream);
    if (e.peer >= 0)
        assert_int_equal(yibu_close(e.peer), 0);
}

static void check_text(const char *data, ssize_t size, const char *text)
{
    assert_int_equal(size, strlen(text));
    assert_memory_equal(data, text, strlen(text));
}

/* CALL sets DATA and answers its size. */
#define expect(DATA, CALL, TEXT)            \
    do {                                    \
        ssize_t answered = (CALL);          \
        check_text((DATA), answered, TEXT); \
    } while (0)

LOOP_TEST(read_answers_what_there_is_and_zero_at_the_end)
{
    ends e = open_with(NULL);
    char big[4096], small[3];
    say(e, "hello");
    assert_int_equal(yibu_stream_read(e.stream, big, 0), 0);
    expect(small, yibu_stream_read(e.stream, small, 3), "hel");
    assert_int_equal(yibu_stream_buffered(e.stream), 2);
    expect(big, yibu_stream_read(e.stream, big, sizeof(big)), "lo");
    say(e, "direct");
    expect(big, yibu_stream_read(e.stream, big, sizeof(big)), "direct");
    hang_up(&e);
    assert_false(yibu_stream_at_eof(e.stream));
    assert_int_equal(yibu_stream_read(e.stream, big, sizeof(big)), 0);
    assert_true(yibu_stream_at_eof(e.stream));
    assert_int_equal(yibu_stream_read(e.stream, big, sizeof(big)), 0);
    end(e);
    return 0;
}

LOOP_TEST(read_all_answers_everything_up_to_the_end_within_its_limit)
{
    ends e = open_with(NULL);
    char *data;
    say(e, "all of it");
    hang_up(&e);
    assert_int_equal(yibu_stream_read_all(e.stream, 8, &data), YIBU_ELIMIT);
    expect(data, yibu_stream_read_all(e.stream, 9, &data), "all of it");
    assert_int_equal(yibu_stream_read_all(e.stream, 9, &data), 0);
    end(e);
    return 0;
}

LOOP_TEST(readexactly_leaves_what_has_come_where_the_stream_ends_before)
{
    ends e = open_with(NULL);
    char data[16];
    say(e, "0123456789");
    assert_int_equal(yibu_stream_readexactly(e.stream, data, 4), 0);
    assert_memory_equal(data, "0123", 4);
    assert_int_equal(yibu_stream_readexactly(e.stream, data, 0), 0);
    hang_up(&e);
    assert_int_equal(yibu_stream_readexactly(e.stream, data, 7), YIBU_EINCOMPLETE);
    assert_int_equal(yibu_stream_readexactly(e.stream, data, 6), 0);
    assert_memory_equal(data, "456789", 6);
    assert_true(yibu_stream_at_eof(e.stream));
    end(e);
    return 0;
}

LOOP_TEST(readline_answers_lines_and_what_is_left_at_the_end)
{
    ends e = open_with(NULL);
    char *line;
    say(e, "one\n\ntwo\r\nthree");
    expect(line, yibu_stream_readline(e.stream, &line), "one\n");
    expect(line, yibu_stream_readline(e.stream, &line), "\n");
    expect(line, yibu_stream_readline(e.stream, &line), "two\r\n");
    hang_up(&e);
    expect(line, yibu_stream_readline(e.stream, &line), "three");
    assert_int_equal(yibu_stream_readline(e.stream, &line), 0);
    end(e);
    return 0;
}

LOOP_TEST(a_line_beyond_the_limit_is_an_error_and_stays)
{
    const yibu_stream_options options = {.size = sizeof(options), .limit = 5};
    ends e = open_with(&options);
    char *line, data[16];
    say(e, "12345\n123456\n");
    expect(line, yibu_stream_readline(e.stream, &line), "12345\n");
    assert_int_equal(yibu_stream_readline(e.stream, &line), YIBU_ELIMIT);
    assert_int_equal(yibu_stream_readline(e.stream, &line), YIBU_ELIMIT);
    expect(data, yibu_stream_read(e.stream, data, sizeof(data)), "123456\n");
    say(e, "no end in sight");
    assert_int_equal(yibu_stream_readline(e.stream, &line), YIBU_ELIMIT);
    expect(data, yibu_stream_read(e.stream, data, sizeof(data)), "no end in sight");
    end(e);
    return 0;
}

LOOP_TEST(readuntil_ends_at_the_first_place_where_a_separator_ends)
{
    static const yibu_separator separators[] = {{"\n", 1}, {"\r\n", 2}, {"END", 3}};
    ends e = open_with(NULL);
    char *data;
    size_t which = 99;
    say(e, "a\r\nb\nEENDc");
    expect(data, yibu_stream_readuntil_any(e.stream, separators, 3, &which, &data), "a\r\n");
    assert_int_equal(which, 1);
    expect(data, yibu_stream_readuntil_any(e.stream, separators, 3, &which, &data), "b\n");
    assert_int_equal(which, 0);
    expect(data, yibu_stream_readuntil(e.stream, "END", 3, &data), "EEND");
    hang_up(&e);
    assert_int_equal(yibu_stream_readuntil(e.stream, "END", 3, &data), YIBU_EINCOMPLETE);
    assert_int_equal(yibu_stream_buffered(e.stream), 1);
    assert_int_equal(yibu_stream_readuntil(e.stream, "", 0, &data), -EINVAL);
    assert_int_equal(yibu_stream_readuntil_any(e.stream, separators, 0, NULL, &data), -EINVAL);
    end(e);
    return 0;
}

typedef struct reading {
    yibu_stream *stream;
    char data[16];
    char *line;
} reading;

static intptr_t read_line(void *arg)
{
    reading *r = arg;
    return yibu_stream_readline(r->stream, &r->line);
}

static intptr_t read_part(void *arg)
{
    static const yibu_separator separators[] = {{"\r\n\r\n", 4}, {"!!", 2}};
    reading *r = arg;
    return yibu_stream_readuntil_any(r->stream, separators, 2, NULL, &r->line);
}

LOOP_TEST(a_separator_that_comes_in_pieces_is_found)
{
    ends e = open_with(NULL);
    reading r = {.stream = e.stream};
    yibu_task *task = yibu_create_task(read_part, &r, NULL);
    for (const char *at = "piece! by piece\r\n\r\n"; *at; at++) {
        assert_false(yibu_task_done(task));
        assert_int_equal(write(e.peer, at, 1), 1);
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    }
    expect(r.line, yibu_await(task), "piece! by piece\r\n\r\n");
    yibu_task_unref(task);
    end(e);
    return 0;
}

LOOP_TEST(a_cancelled_read_leaves_what_has_come_in_the_buffer)
{
    ends e = open_with(NULL);
    reading r = {.stream = e.stream};
    yibu_task *task = yibu_create_task(read_line, &r, NULL);
    say(e, "half a ");
    while (yibu_stream_buffered(e.stream) < 7)
        assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    say(e, "line\n");
    expect(r.line, yibu_stream_readline(e.stream, &r.line), "half a line\n");
    end(e);
    return 0;
}

LOOP_TEST(a_second_reader_is_refused)
{
    ends e = open_with(NULL);
    reading r = {.stream = e.stream};
    yibu_task *task = yibu_create_task(read_line, &r, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    char data[8];
    assert_int_equal(yibu_stream_read(e.stream, data, sizeof(data)), -EBUSY);
    assert_int_equal(yibu_stream_feed_data(e.stream, "x", 1), -EBUSY);
    say(e, "\n");
    expect(r.line, yibu_await(task), "\n");
    yibu_task_unref(task);
    end(e);
    return 0;
}

static intptr_t with_a_reader(void (*act)(yibu_stream *stream))
{
    ends e = open_with(NULL);
    reading r = {.stream = e.stream};
    yibu_task *task = yibu_create_task(read_line, &r, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    act(e.stream);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_true(yibu_stream_at_eof(e.stream));
    end(e);
    return 0;
}

LOOP_TEST(a_reader_sees_the_end_when_its_own_side_ends_the_stream)
{
    (void)with_a_reader(yibu_stream_feed_eof);
    (void)with_a_reader(yibu_stream_close);
    (void)with_a_reader(yibu_stream_abort);
    return 0;
}

LOOP_TEST(what_is_fed_is_read_and_then_the_end)
{
    ends e = open_with(NULL);
    char *line;
    assert_int_equal(yibu_stream_feed_data(e.stream, "fed\nand ", 8), 0);
    assert_int_equal(yibu_stream_feed_data(e.stream, "more", 4), 0);
    expect(line, yibu_stream_readline(e.stream, &line), "fed\n");
    yibu_stream_feed_eof(e.stream);
    assert_int_equal(yibu_stream_feed_data(e.stream, "x", 1), -EPIPE);
    expect(line, yibu_stream_readline(e.stream, &line), "and more");
    end(e);
    return 0;
}

LOOP_TEST(peek_shows_without_taking)
{
    ends e = open_with(NULL);
    char *data;
    assert_int_equal(yibu_stream_peek(e.stream, 0, &data), 0);
    say(e, "shown");
    expect(data, yibu_stream_peek(e.stream, 3, &data), "shown");
    assert_int_equal(yibu_stream_consume(e.stream, 6), -EINVAL);
    assert_int_equal(yibu_stream_consume(e.stream, 4), 0);
    hang_up(&e);
    expect(data, yibu_stream_peek(e.stream, 100, &data), "n");
    end(e);
    return 0;
}

LOOP_TEST(a_failure_is_told_after_what_came_before_it_and_stays)
{
    pair p = connect_pair();
    yibu_stream *stream;
    assert_int_equal(yibu_stream_new(p.client, NULL, &stream), 0);
    char *data, one;
    assert_int_equal(yibu_send_all(p.server, "abc", 3, NULL), 0);
    assert_int_equal(yibu_stream_peek(stream, 3, &data), 3);
    close_will_reset(p.server);
    assert_int_equal(yibu_close(p.server), 0);
    assert_int_equal(yibu_stream_peek(stream, 4, &data), -ECONNRESET);
    assert_int_equal(yibu_stream_read(stream, &one, 1), 1);
    assert_int_equal(one, 'a');
    assert_int_equal(yibu_stream_readexactly(stream, &one, 1), 0);
    assert_int_equal(yibu_stream_readline(stream, &data), -ECONNRESET);
    assert_int_equal(yibu_stream_consume(stream, 1), 0);
    assert_int_equal(yibu_stream_read(stream, &one, 1), -ECONNRESET);
    yibu_stream_free(stream);
    return 0;
}

LOOP_TEST(lines_come_one_by_one_through_an_iterator)
{
    ends e = open_with(NULL);
    say(e, "a\nbb\nccc");
    hang_up(&e);
    size_t count = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_line *, line, yibu_stream_lines(e.stream), &r) {
        expect(line->data, (ssize_t)line->size, &"a\n\0bb\n\0ccc"[count * 3 + (count == 2)]);
        count++;
    }
    assert_int_equal(r, 0);
    assert_int_equal(count, 3);
    end(e);
    return 0;
}

LOOP_TEST(a_pipe_can_be_a_stream)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    yibu_stream *reader, *writer;
    assert_int_equal(yibu_stream_new(fds[0], NULL, &reader), 0);
    assert_int_equal(yibu_stream_new(fds[1], NULL, &writer), 0);
    assert_false(yibu_stream_can_write_eof(writer));
    assert_int_equal(yibu_stream_write_eof(writer), -ENOTSUP);
    assert_int_equal(yibu_stream_write(writer, "through\n", 8), 0);
    yibu_stream_close(writer);
    char *line;
    expect(line, yibu_stream_readline(reader, &line), "through\n");
    assert_int_equal(yibu_stream_readline(reader, &line), 0);
    yibu_stream_free(reader);
    yibu_stream_free(writer);
    return 0;
}

static void a_stream_needs_a_loop(void **state)
{
    (void)state;
    yibu_stream *stream;
    assert_int_equal(yibu_stream_new(0, NULL, &stream), YIBU_ENOTASK);
    yibu_stream_free(NULL);
}

LOOP_TEST(what_is_no_descriptor_or_no_option_is_refused)
{
    yibu_stream *stream;
    assert_int_equal(yibu_stream_new(-1, NULL, &stream), -EBADF);
    const yibu_stream_options options = {
        .size = sizeof(options), .high_water = 10, .low_water = 11};
    assert_int_equal(yibu_stream_new(0, &options, &stream), -EINVAL);
    const yibu_stream_options no_size = {.size = 0};
    assert_int_equal(yibu_stream_new(0, &no_size, &stream), -EINVAL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_answers_what_there_is_and_zero_at_the_end),
        cmocka_unit_test(read_all_answers_everything_up_to_the_end_within_its_limit),
        cmocka_unit_test(readexactly_leaves_what_has_come_where_the_stream_ends_before),
        cmocka_unit_test(readline_answers_lines_and_what_is_left_at_the_end),
        cmocka_unit_test(a_line_beyond_the_limit_is_an_error_and_stays),
        cmocka_unit_test(readuntil_ends_at_the_first_place_where_a_separator_ends),
        cmocka_unit_test(a_separator_that_comes_in_pieces_is_found),
        cmocka_unit_test(a_cancelled_read_leaves_what_has_come_in_the_buffer),
        cmocka_unit_test(a_second_reader_is_refused),
        cmocka_unit_test(a_reader_sees_the_end_when_its_own_side_ends_the_stream),
        cmocka_unit_test(what_is_fed_is_read_and_then_the_end),
        cmocka_unit_test(peek_shows_without_taking),
        cmocka_unit_test(a_failure_is_told_after_what_came_before_it_and_stays),
        cmocka_unit_test(lines_come_one_by_one_through_an_iterator),
        cmocka_unit_test(a_pipe_can_be_a_stream),
        cmocka_unit_test(a_stream_needs_a_loop),
        cmocka_unit_test(what_is_no_descriptor_or_no_option_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
