/* No completed transfer is lost to a cancel, over everything that bytes go through. */
#include "stubborn.h"

#include <fcntl.h>

/* Descriptors. */

static ssize_t write_piece(stubborn *s, const uint8_t *data, size_t size)
{
    return yibu_write(s->to, data, size);
}

static ssize_t read_piece(stubborn *s, uint8_t *ret_data, size_t size)
{
    return yibu_read(s->from, ret_data, size);
}

static void close_both(const stubborn *s)
{
    assert_int_equal(yibu_close(s->from), 0);
    assert_int_equal(yibu_close(s->to), 0);
}

/* A pipe that holds little. */
static void open_pipe(int *ret_from, int *ret_to)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    assert_true(fcntl(ends[1], F_SETPIPE_SZ, 4096) >= 4096);
    *ret_from = ends[0];
    *ret_to = ends[1];
}

LOOP_TEST(a_pipe_loses_nothing)
{
    stubborn s = {.give = write_piece, .take = read_piece};
    open_pipe(&s.from, &s.to);
    stubborn_run(&s);
    close_both(&s);
    return 0;
}

/* What was moved to a second pipe comes out of that. */
static int second_pipe[2];

static ssize_t splice_piece(stubborn *s, uint8_t *ret_data, size_t size)
{
    ssize_t n = yibu_splice(s->from, -1, second_pipe[1], -1, size);
    if (n > 0)
        assert_int_equal(read(second_pipe[0], ret_data, (size_t)n), n);
    return n;
}

LOOP_TEST(a_splice_loses_nothing)
{
    stubborn s = {.give = write_piece, .take = splice_piece};
    open_pipe(&s.from, &s.to);
    open_pipe(&second_pipe[0], &second_pipe[1]);
    stubborn_run(&s);
    close_both(&s);
    yibu_close(second_pipe[0]);
    yibu_close(second_pipe[1]);
    return 0;
}

static ssize_t send_piece(stubborn *s, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    int r = yibu_send_all(s->to, data, size, &sent);
    s->sent += sent;
    return r;
}

static ssize_t receive_piece(stubborn *s, uint8_t *ret_data, size_t size)
{
    return yibu_recv(s->from, ret_data, size);
}

LOOP_TEST(a_socket_loses_nothing)
{
    pair p = connect_pair();
    stubborn s = {.give = send_piece, .take = receive_piece, .from = p.client, .to = p.server};
    stubborn_run(&s);
    close_both(&s);
    return 0;
}

/* Datagrams, of which none may be lost on a socket pair. */

static ssize_t send_record(stubborn *s, const uint8_t *data, size_t size)
{
    const yibu_message message = {.data = (void *)(uintptr_t)data, .size = size};
    return yibu_send_message(s->to, &message);
}

static ssize_t receive_record(stubborn *s, uint8_t *ret_data, size_t size)
{
    (void)size; /* there has to be room for any */
    yibu_message message = {.data = ret_data, .capacity = STUBBORN_PIECE};
    return yibu_recv_message(s->from, &message);
}

static ssize_t receive_records(stubborn *s, uint8_t *ret_data, size_t size)
{
    enum { ROOM = STUBBORN_PIECE / 3 };
    yibu_message messages[3];
    (void)size;
    for (int i = 0; i < 3; i++)
        messages[i] = (yibu_message){.data = ret_data + i * ROOM, .capacity = ROOM};
    ssize_t n = yibu_recv_messages(s->from, messages, 3);
    size_t total = 0;
    for (ssize_t i = 0; i < n; i++) {
        memmove(ret_data + total, messages[i].data, messages[i].size);
        total += messages[i].size;
    }
    return n < 0 ? n : (ssize_t)total;
}

static ssize_t send_short_record(stubborn *s, const uint8_t *data, size_t size)
{
    return send_record(s, data, size < 1000 ? size : 1000);
}

LOOP_TEST(datagrams_are_not_lost)
{
    int ends[2];
    assert_int_equal(yibu_socketpair(SOCK_SEQPACKET, ends), 0);
    stubborn s = {.give = send_record, .take = receive_record, .from = ends[0], .to = ends[1]};
    stubborn_run(&s);
    stubborn many = {
        .give = send_short_record, .take = receive_records, .from = ends[0], .to = ends[1]};
    stubborn_run(&many);
    close_both(&s);
    return 0;
}

/* Files: who reads follows who writes. */

static ssize_t write_file(stubborn *s, const uint8_t *data, size_t size)
{
    return yibu_file_write(s->to, data, size);
}

static ssize_t read_file(stubborn *s, uint8_t *ret_data, size_t size)
{
    ssize_t n = yibu_file_read(s->from, ret_data, size);
    int r = n == 0 ? yibu_sleep(0) : 0;
    return r < 0 ? r : n;
}

static void open_file(const char *path, int *ret_from, int *ret_to)
{
    *ret_to = yibu_file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    *ret_from = yibu_file_open(path, O_RDONLY, 0);
    assert_true(*ret_to >= 0 && *ret_from >= 0);
    assert_int_equal(yibu_unlink(path), 0);
}

LOOP_TEST(a_file_loses_nothing)
{
    char path[64];
    snprintf(path, sizeof(path), "stubborn.%d", (int)getpid());
    stubborn s = {.give = write_file, .take = read_file};
    open_file(path, &s.from, &s.to);
    stubborn_run(&s);
    close_both(&s);
    return 0;
}

/* A file that is sent goes on where a cancel stopped it. */
static int file_to_send;

static ssize_t send_from_file(stubborn *s, const uint8_t *data, size_t size)
{
    (void)data;
    size_t sent = 0;
    ssize_t n = yibu_sendfile(s->to, file_to_send, (int64_t)s->sent, size, &sent);
    s->sent += sent;
    return n < 0 ? n : 0;
}

LOOP_TEST(a_file_that_is_sent_loses_nothing)
{
    char path[64];
    int writer;
    snprintf(path, sizeof(path), "stubborn.%d", (int)getpid());
    open_file(path, &file_to_send, &writer);
    uint8_t *bytes = new_stream(STUBBORN_BYTES);
    assert_int_equal(yibu_file_write(writer, bytes, STUBBORN_BYTES), STUBBORN_BYTES);
    free(bytes);
    assert_int_equal(yibu_file_close(writer), 0);
    pair p = connect_pair();
    stubborn s = {.give = send_from_file, .take = receive_piece, .from = p.client, .to = p.server};
    stubborn_run(&s);
    close_both(&s);
    assert_int_equal(yibu_file_close(file_to_send), 0);
    return 0;
}

/* Streams. */

static void run_streams(stubborn *s)
{
    s->give = stubborn_write;
    s->take = stubborn_read;
    assert_int_equal(yibu_stream_set_write_buffer_limits(s->writer, 2000, 500), 0);
    stubborn_run(s);
    yibu_stream_free(s->reader);
    yibu_stream_free(s->writer);
}

LOOP_TEST(a_stream_loses_nothing)
{
    pair p = connect_pair();
    stubborn s = {0};
    assert_int_equal(yibu_stream_new(p.client, NULL, &s.reader), 0);
    assert_int_equal(yibu_stream_new(p.server, NULL, &s.writer), 0);
    run_streams(&s);
    return 0;
}

LOOP_TEST(a_stream_over_a_pipe_loses_nothing)
{
    stubborn s = {0};
    assert_int_equal(yibu_pipe(NULL, &s.reader, &s.writer), 0);
    run_streams(&s);
    return 0;
}

LOOP_TEST(a_subprocess_loses_nothing)
{
    static const char *const command[] = {"cat", NULL};
    const yibu_subprocess_options options = {
        .size = sizeof(options), .in = YIBU_SUBPROCESS_PIPE, .out = YIBU_SUBPROCESS_PIPE};
    yibu_subprocess *process;
    assert_int_equal(yibu_create_subprocess_exec(command, &options, &process), 0);
    stubborn s = {.give = stubborn_write,
                  .take = stubborn_read,
                  .reader = yibu_subprocess_stdout(process),
                  .writer = yibu_subprocess_stdin(process)};
    stubborn_run(&s);
    yibu_subprocess_free(process);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_loses_nothing),
        cmocka_unit_test(a_splice_loses_nothing),
        cmocka_unit_test(a_socket_loses_nothing),
        cmocka_unit_test(datagrams_are_not_lost),
        cmocka_unit_test(a_file_loses_nothing),
        cmocka_unit_test(a_file_that_is_sent_loses_nothing),
        cmocka_unit_test(a_stream_loses_nothing),
        cmocka_unit_test(a_stream_over_a_pipe_loses_nothing),
        cmocka_unit_test(a_subprocess_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
