/* Every way to receive and to send on a connection, at a peer that resets it, that has ended its
 * half, that is silent, and that takes nothing; each leaves nothing behind. */
#include "streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include "census.h"

enum { PIECE = 16384, SPOKEN = 300000 };

/* One end of a connection, and how much it is to send: SIZE_MAX, for ever. */
typedef struct end {
    int fd;
    yibu_stream *stream; /* NULL: fd is used as it is */
    size_t left;
    int pipe[2], file; /* for those who need them */
} end;

static char zeros[PIECE];

/* Receiving, until the end (0) or a failure. */

static intptr_t by_recv(end *e)
{
    char bytes[PIECE];
    ssize_t n;
    while ((n = yibu_recv(e->fd, bytes, sizeof(bytes))) > 0)
        ;
    return n;
}

static intptr_t by_read(end *e)
{
    char bytes[PIECE];
    ssize_t n;
    while ((n = yibu_read(e->fd, bytes, sizeof(bytes))) > 0)
        ;
    return n;
}

static intptr_t by_recv_message(end *e)
{
    char bytes[PIECE];
    ssize_t n;
    do {
        yibu_message message = {.data = bytes, .capacity = sizeof(bytes)};
        n = yibu_recv_message(e->fd, &message);
    } while (n > 0);
    return n;
}

static intptr_t by_waiting(end *e)
{
    char bytes[PIECE];
    int r;
    ssize_t n = 1;
    while ((r = yibu_wait_readable(e->fd)) == 0 && n > 0)
        n = recv(e->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    return r < 0 ? r : n < 0 ? -errno : 0;
}

static intptr_t by_splice(end *e)
{
    char bytes[PIECE];
    ssize_t n;
    while ((n = yibu_splice(e->fd, -1, e->pipe[1], -1, PIECE)) > 0)
        assert_int_equal(read(e->pipe[0], bytes, sizeof(bytes)), n);
    return n;
}

/* Of streams: what is too short for what was asked for is the end, too. */

static intptr_t ended(intptr_t r)
{
    return r == YIBU_EINCOMPLETE ? 0 : r;
}

static intptr_t by_stream_read(end *e)
{
    char bytes[PIECE];
    ssize_t n;
    while ((n = yibu_stream_read(e->stream, bytes, sizeof(bytes))) > 0)
        ;
    return n;
}

static intptr_t by_readexactly(end *e)
{
    char bytes[100];
    return ended(yibu_stream_readexactly(e->stream, bytes, sizeof(bytes)));
}

static intptr_t by_readline(end *e)
{
    char *line;
    return yibu_stream_readline(e->stream, &line);
}

static intptr_t by_readuntil(end *e)
{
    char *data;
    return ended(yibu_stream_readuntil(e->stream, "\r\n", 2, &data));
}

static intptr_t by_readuntil_any(end *e)
{
    static const yibu_separator either[] = {{"\n", 1}, {";", 1}};
    char *data;
    size_t which;
    return ended(yibu_stream_readuntil_any(e->stream, either, 2, &which, &data));
}

static intptr_t by_peek(end *e)
{
    char *data;
    return yibu_stream_peek(e->stream, 100, &data);
}

static intptr_t by_read_all(end *e)
{
    char *data;
    return yibu_stream_read_all(e->stream, SIZE_MAX, &data);
}

static intptr_t by_lines(end *e)
{
    int r;
    YIBU_ASYNC_FOR (yibu_line *, line, yibu_stream_lines(e->stream), &r)
        fail_msg("a line of %zu bytes came", line->size);
    return r;
}

/* Sending, until nothing is left (0) or a failure. */

static size_t next_piece(const end *e)
{
    return e->left < PIECE ? e->left : PIECE;
}

static intptr_t sent(end *e, ssize_t n)
{
    assert_true(n > 0 && (size_t)n <= e->left);
    e->left -= (size_t)n;
    return 0;
}

static intptr_t by_send(end *e)
{
    intptr_t n = 0;
    while (n >= 0 && e->left > 0)
        if ((n = yibu_send(e->fd, zeros, next_piece(e))) > 0)
            sent(e, n);
    return n < 0 ? n : 0;
}

static intptr_t by_send_all(end *e)
{
    int r = 0;
    while (r == 0 && e->left > 0)
        if ((r = yibu_send_all(e->fd, zeros, next_piece(e), NULL)) == 0)
            sent(e, (ssize_t)next_piece(e));
    return r;
}

static intptr_t by_write(end *e)
{
    intptr_t n = 0;
    while (n >= 0 && e->left > 0)
        if ((n = yibu_write(e->fd, zeros, next_piece(e))) > 0)
            sent(e, n);
    return n < 0 ? n : 0;
}

static intptr_t by_send_message(end *e)
{
    intptr_t n = 0;
    while (n >= 0 && e->left > 0) {
        const yibu_message message = {.data = zeros, .size = next_piece(e)};
        if ((n = yibu_send_message(e->fd, &message)) > 0)
            sent(e, n);
    }
    return n < 0 ? n : 0;
}

static intptr_t by_sendfile(end *e)
{
    ssize_t n = yibu_sendfile(e->fd, e->file, 0, e->left, NULL);
    return n < 0 ? n : sent(e, n);
}

static intptr_t by_splice_out(end *e)
{
    intptr_t n = 0;
    while (n >= 0 && e->left > 0) {
        assert_int_equal(write(e->pipe[1], zeros, next_piece(e)), next_piece(e));
        for (size_t moved = next_piece(e); moved > 0 && n >= 0; moved -= (size_t)n)
            if ((n = yibu_splice(e->pipe[0], -1, e->fd, -1, moved)) > 0)
                sent(e, n);
            else
                break;
    }
    return n < 0 ? n : 0;
}

static intptr_t by_drain(end *e)
{
    int r = 0;
    while (r == 0 && e->left > 0) {
        size_t size = next_piece(e);
        r = yibu_stream_write(e->stream, zeros, size);
        if (r == 0)
            r = yibu_stream_drain(e->stream);
        if (r == 0)
            sent(e, (ssize_t)size);
    }
    return r;
}

static intptr_t by_stream_sendfile(end *e)
{
    ssize_t n = yibu_stream_sendfile(e->stream, e->file, 0, e->left, NULL);
    return n < 0 ? n : sent(e, n);
}

static const struct way {
    const char *name;
    intptr_t (*run)(end *e);
    bool by_stream, sends;
} ways[] = {
    {"recv", by_recv, false, false},
    {"read", by_read, false, false},
    {"recv_message", by_recv_message, false, false},
    {"wait_readable", by_waiting, false, false},
    {"splice from a socket", by_splice, false, false},
    {"stream_read", by_stream_read, true, false},
    {"readexactly", by_readexactly, true, false},
    {"readline", by_readline, true, false},
    {"readuntil", by_readuntil, true, false},
    {"readuntil_any", by_readuntil_any, true, false},
    {"peek", by_peek, true, false},
    {"read_all", by_read_all, true, false},
    {"lines", by_lines, true, false},
    {"send", by_send, false, true},
    {"send_all", by_send_all, false, true},
    {"write", by_write, false, true},
    {"send_message", by_send_message, false, true},
    {"sendfile", by_sendfile, false, true},
    {"splice to a socket", by_splice_out, false, true},
    {"drain", by_drain, true, true},
    {"stream_sendfile", by_stream_sendfile, true, true},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/* A connection, one end of which is used in one of the ways. */

typedef struct trial {
    const struct way *way;
    end end;
    int peer;
} trial;

static void begin_trial(trial *t, const struct way *way)
{
    pair p = connect_pair();
    *t = (trial){.way = way, .end = {.fd = p.server, .left = SIZE_MAX / 4}, .peer = p.client};
    assert_int_equal(pipe2(t->end.pipe, O_NONBLOCK | O_CLOEXEC), 0);
    t->end.file = memfd_create("sparse", MFD_CLOEXEC);
    assert_int_equal(ftruncate(t->end.file, (off_t)1 << 32), 0);
    if (way->by_stream)
        assert_int_equal(yibu_stream_new(p.server, NULL, &t->end.stream), 0);
}

static void end_trial(trial *t)
{
    if (t->end.stream)
        yibu_stream_free(t->end.stream);
    else
        assert_int_equal(yibu_close(t->end.fd), 0);
    if (t->peer >= 0)
        assert_int_equal(yibu_close(t->peer), 0);
    close(t->end.pipe[0]);
    close(t->end.pipe[1]);
    close(t->end.file);
}

static intptr_t run_trial(void *arg)
{
    trial *t = arg;
    return t->way->run(&t->end);
}

/* Until it can do nothing any more. */
static void wait_until_it_waits(const trial *t)
{
    struct pollfd query = {.fd = t->end.fd, .events = POLLOUT};
    for (int quiet = 0; quiet < 10; quiet++) {
        assert_int_equal(yibu_sleep(0), 0);
        if (t->way->sends && poll(&query, 1, 0) > 0)
            quiet = 0;
    }
}

static void expect(const trial *t, intptr_t r, intptr_t one, intptr_t other)
{
    if (r != one && r != other)
        fail_msg("%s: %s (%td)", t->way->name, yibu_failed(r) ? yibu_error_name(r) : "", r);
}

/* Once in each way; what is left is what was there before. */
static void try_all_ways(void (*attempt)(trial *t))
{
    census limit = {0};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < WAYS; i++) {
            trial t;
            begin_trial(&t, &ways[i]);
            attempt(&t);
            end_trial(&t);
            if (round > 0)
                census_expect(&limit, ways[i].name, (long)i);
        }
        limit = census_rest();
    }
}

static void reset(trial *t)
{
    yibu_task *task = yibu_create_task(run_trial, t, NULL);
    wait_until_it_waits(t);
    close_will_reset(t->peer);
    assert_int_equal(yibu_close(t->peer), 0);
    t->peer = -1;
    expect(t, yibu_await(task), -ECONNRESET, t->way->sends ? -EPIPE : -ECONNRESET);
    yibu_task_unref(task);
}

LOOP_TEST(who_waits_hears_of_a_reset)
{
    try_all_ways(reset);
    return 0;
}

/* Before anything was asked for. */
static void reset_before(trial *t)
{
    struct pollfd query = {.fd = t->end.fd, .events = POLLIN};
    close_will_reset(t->peer);
    assert_int_equal(yibu_close(t->peer), 0);
    t->peer = -1;
    assert_int_equal(poll(&query, 1, -1), 1);
    intptr_t r = run_trial(t);
    expect(t, r, -ECONNRESET, t->way->sends ? -EPIPE : -ECONNRESET);
}

LOOP_TEST(who_comes_late_hears_of_a_reset)
{
    try_all_ways(reset_before);
    return 0;
}

static intptr_t take_all(void *arg)
{
    char bytes[PIECE];
    size_t total = 0;
    for (ssize_t n = 1; n > 0 && total < SPOKEN; total += (size_t)n)
        if ((n = yibu_recv(*(int *)arg, bytes, sizeof(bytes))) < 0)
            return n;
    return (intptr_t)total;
}

/* Who receives is at the end; who sends goes on, and the peer receives all of it. */
static void half_close(trial *t)
{
    t->end.left = SPOKEN;
    assert_int_equal(yibu_shutdown(t->peer, SHUT_WR), 0);
    yibu_task *task = t->way->sends ? yibu_create_task(take_all, &t->peer, NULL) : NULL;
    expect(t, run_trial(t), 0, 0);
    if (t->end.stream)
        assert_int_equal(yibu_stream_set_write_buffer_limits(t->end.stream, 0, 0), 0);
    if (t->way->sends && t->end.stream)
        assert_int_equal(yibu_stream_drain(t->end.stream), 0);
    if (task)
        expect(t, yibu_await(task), SPOKEN, SPOKEN);
    yibu_task_unref(task);
}

LOOP_TEST(a_peer_that_has_ended_its_half_is_no_failure)
{
    try_all_ways(half_close);
    return 0;
}

/* Nothing comes, and nothing is taken. */
static void time_out(trial *t)
{
    yibu_timeout limit;
    assert_int_equal(yibu_timeout_begin(&limit, YIBU_MS(5)), 0);
    expect(t, yibu_timeout_end(&limit, run_trial(t)), -ETIMEDOUT, -ETIMEDOUT);
}

LOOP_TEST(a_silent_peer_and_a_full_buffer_are_left_when_time_is_over)
{
    try_all_ways(time_out);
    return 0;
}

static void cancel(trial *t)
{
    yibu_task *task = yibu_create_task(run_trial, t, NULL);
    wait_until_it_waits(t);
    assert_true(yibu_task_cancel(task));
    expect(t, yibu_await(task), -ECANCELED, -ECANCELED);
    yibu_task_unref(task);
}

LOOP_TEST(a_silent_peer_and_a_full_buffer_are_left_by_a_cancel)
{
    try_all_ways(cancel);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_hears_of_a_reset),
        cmocka_unit_test(who_comes_late_hears_of_a_reset),
        cmocka_unit_test(a_peer_that_has_ended_its_half_is_no_failure),
        cmocka_unit_test(a_silent_peer_and_a_full_buffer_are_left_when_time_is_over),
        cmocka_unit_test(a_silent_peer_and_a_full_buffer_are_left_by_a_cancel),
    };
    census_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
