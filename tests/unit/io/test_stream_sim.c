/* Streams in the simulator: short transfers, resets, cancels, and every byte looked at. */
#include <errno.h>

#include "sim.h"
#include "streams.h"

enum { PORT = 7, BYTES = 30000 };

typedef struct peers {
    yibu_stream *writer, *reader;
    size_t wrote; /* that were taken */
    bool broken;
} peers;

static void open_peers(peers *p, const yibu_stream_options *options)
{
    int listener = yibu_tcp_listen("127.0.0.1", PORT, NULL);
    assert_true(listener >= 0);
    int client = yibu_tcp_connect("127.0.0.1", PORT);
    assert_true(client >= 0);
    int server = yibu_accept(listener, NULL);
    assert_true(server >= 0);
    assert_int_equal(yibu_close(listener), 0);
    assert_int_equal(yibu_stream_new(client, options, &p->writer), 0);
    assert_int_equal(yibu_stream_new(server, options, &p->reader), 0);
}

static intptr_t write_some(void *arg)
{
    peers *p = arg;
    uint8_t *bytes = new_stream(BYTES);
    int r = 0;
    while (p->wrote < BYTES && r == 0) {
        size_t size = 1 + yibu_sim_random(4000);
        size = size < BYTES - p->wrote ? size : BYTES - p->wrote;
        r = yibu_stream_write(p->writer, bytes + p->wrote, size);
        if (r == 0) {
            p->wrote += size;
            r = yibu_stream_drain(p->writer);
        }
    }
    free(bytes);
    return r;
}

/* Writes until it is done, although it is cancelled now and then. */
static void write_all(peers *p)
{
    while (p->wrote < BYTES && !p->broken) {
        yibu_task *task = yibu_create_task(write_some, p, NULL);
        intptr_t r = yibu_await(task);
        yibu_task_unref(task);
        assert_true(r == 0 || r == -ECANCELED || p->broken || r == -ECONNRESET || r == -EPIPE);
        p->broken = r != 0 && r != -ECANCELED;
    }
    yibu_stream_close(p->writer);
}

static intptr_t run_writer(void *arg)
{
    write_all(arg);
    return 0;
}

typedef struct reading {
    yibu_stream *stream;
    size_t place;
} reading;

static ssize_t read_a_piece(reading *r)
{
    static _Thread_local uint8_t bytes[5000];
    size_t size = 1 + yibu_sim_random(sizeof(bytes));
    char *data;
    ssize_t n;
    switch (yibu_sim_random(3)) {
    case 0:
        n = yibu_stream_read(r->stream, bytes, size);
        if (n > 0)
            check_stream(bytes, (size_t)n, r->place);
        return n;
    case 1:
        n = yibu_stream_readexactly(r->stream, bytes, size);
        if (n == YIBU_EINCOMPLETE)
            return yibu_stream_buffered(r->stream) > 0 ? -EAGAIN : 0;
        if (n < 0)
            return n;
        check_stream(bytes, size, r->place);
        return (ssize_t)size;
    default:
        n = yibu_stream_peek(r->stream, size, &data);
        if (n <= 0)
            return n;
        check_stream((uint8_t *)data, (size_t)n, r->place);
        size = 1 + yibu_sim_random((uint64_t)n);
        assert_int_equal(yibu_stream_consume(r->stream, size), 0);
        return (ssize_t)size;
    }
}

static intptr_t read_some(void *arg)
{
    reading *r = arg;
    ssize_t n = 1;
    while (n > 0 || n == -EAGAIN) {
        n = read_a_piece(r);
        r->place += n > 0 ? (size_t)n : 0;
    }
    return n;
}

/* Reads to the end, although it is cancelled now and then: 0, or why it could not. */
static intptr_t read_to_the_end(reading *r)
{
    for (;;) {
        yibu_task *task = yibu_create_task(read_some, r, NULL);
        intptr_t result = yibu_await(task);
        yibu_task_unref(task);
        if (result != -ECANCELED)
            return result;
    }
}

/* The tasks that do the work are cancelled, those that start them anew are not. */
static bool may_cancel(yibu_task *task, void *arg)
{
    (void)arg;
    yibu_coroutine *fn = yibu_task_get_coro(task);
    return fn == write_some || fn == read_some;
}

static intptr_t exchange(bool may_break)
{
    const yibu_stream_options options = {
        .size = sizeof(options), .high_water = 5000, .low_water = yibu_sim_random(5000)};
    peers p = {0};
    open_peers(&p, &options);
    yibu_task *writer = yibu_create_task(run_writer, &p, NULL);
    reading r = {.stream = p.reader};
    intptr_t result = read_to_the_end(&r);
    assert_int_equal(yibu_await(writer), 0);
    yibu_task_unref(writer);
    int closed = yibu_stream_wait_closed(p.writer);
    if (may_break)
        assert_true(r.place <= p.wrote);
    else
        assert_true(result == 0 && closed == 0 && r.place == BYTES);
    if (result == 0 && closed == 0 && !p.broken)
        assert_int_equal(r.place, BYTES);
    yibu_stream_free(p.writer);
    yibu_stream_free(p.reader);
    return 0;
}

SIM_TEST_WITH(no_byte_is_lost_or_doubled_by_cancels_and_short_transfers, 1500,
              .short_transfer = 0.5, .cancel = 0.02, .may_cancel = may_cancel,
              .latency_ns = YIBU_US(50), .jitter_ns = YIBU_US(50), .buffer_bytes = 3000)
{
    return exchange(false);
}

SIM_TEST_WITH(what_a_reset_leaves_is_a_prefix, 1500, .short_transfer = 0.2, .reset = 0.01,
              .cancel = 0.02, .may_cancel = may_cancel, .latency_ns = YIBU_US(50),
              .buffer_bytes = 3000)
{
    return exchange(true);
}

/* Lines of any length, some of them empty. */
static size_t make_text(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(yibu_sim_random(20) == 0 ? '\n' : 'a' + (int)yibu_sim_random(3));
    return size;
}

SIM_TEST_WITH(random_chunks_give_the_same_lines, 1500, .short_transfer = 0.5,
              .latency_ns = YIBU_US(50), .jitter_ns = YIBU_MS(1))
{
    char text[2000];
    size_t size = make_text(text, 1 + yibu_sim_random(sizeof(text)));
    peers p = {0};
    open_peers(&p, NULL);
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + yibu_sim_random(size - at);
        assert_int_equal(yibu_stream_write(p.writer, text + at, piece), 0);
        at += piece;
    }
    assert_int_equal(yibu_stream_drain(p.writer), 0);
    yibu_stream_close(p.writer);
    size_t place = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_line *, line, yibu_stream_lines(p.reader), &r) {
        const char *end = memchr(text + place, '\n', size - place);
        size_t expected = end ? (size_t)(end + 1 - text) - place : size - place;
        assert_int_equal(line->size, expected);
        assert_memory_equal(line->data, text + place, expected);
        place += line->size;
    }
    assert_int_equal(r, 0);
    assert_int_equal(place, size);
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_stream_get_extra_info(p.reader, &info), 0);
    assert_int_equal(yibu_address_port(&info.local), PORT);
    yibu_stream_free(p.writer);
    yibu_stream_free(p.reader);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_byte_is_lost_or_doubled_by_cancels_and_short_transfers),
        cmocka_unit_test(what_a_reset_leaves_is_a_prefix),
        cmocka_unit_test(random_chunks_give_the_same_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
