/* Pipes and shared descriptors as streams: nothing that is shared is changed, nothing blocks, and
 * nobody dies of SIGPIPE. */
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>

#include "io/pipe_call.h"
#include "streams.h"

typedef struct two_ends {
    int read, write;
} two_ends;

static two_ends make_pipe(int flags)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | flags), 0);
    return (two_ends){ends[0], ends[1]};
}

static bool non_blocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static void expect_line(yibu_stream *stream, const char *wanted)
{
    char *line;
    assert_int_equal(yibu_stream_readline(stream, &line), (ssize_t)strlen(wanted));
    assert_memory_equal(line, wanted, strlen(wanted));
}

LOOP_TEST(a_pair_carries_lines_and_its_end)
{
    yibu_stream *reader, *writer;
    assert_int_equal(yibu_pipe(NULL, &reader, &writer), 0);
    yibu_stream_write(writer, "hello\n", 6);
    expect_line(reader, "hello\n");
    assert_false(yibu_stream_can_write_eof(writer));
    assert_int_equal(yibu_stream_write_eof(writer), -ENOTSUP);
    yibu_stream_close(writer);
    char *line;
    assert_int_equal(yibu_stream_readline(reader, &line), 0);
    yibu_stream_free(writer);
    yibu_stream_free(reader);
    return 0;
}

static intptr_t write_all(void *arg)
{
    const size_t size = 1 << 20;
    yibu_stream *writer = arg;
    uint8_t *bytes = new_stream(size);
    for (size_t at = 0; at < size; at += 1000) {
        size_t part = size - at < 1000 ? size - at : 1000;
        assert_int_equal(yibu_stream_write(writer, bytes + at, part), 0);
        assert_int_equal(yibu_stream_drain(writer), 0);
    }
    free(bytes);
    yibu_stream_close(writer);
    return yibu_stream_wait_closed(writer);
}

static void carry(yibu_stream *reader, yibu_stream *writer)
{
    yibu_task *task = yibu_create_task(write_all, writer, NULL);
    uint8_t *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    assert_int_equal(yibu_stream_readexactly(reader, bytes, 1 << 20), 0);
    check_stream(bytes, 1 << 20, 0);
    free(bytes);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
}

LOOP_TEST(more_than_a_pipe_holds_goes_through)
{
    yibu_stream *reader, *writer;
    int before = count_descriptors();
    assert_int_equal(yibu_pipe(NULL, &reader, &writer), 0);
    carry(reader, writer);
    yibu_stream_free(writer);
    yibu_stream_free(reader);
    assert_int_equal(count_descriptors(), before);
    return 0;
}

static void carry_through_blocking_ends(void)
{
    two_ends p = make_pipe(0);
    yibu_stream *reader, *writer;
    assert_int_equal(yibu_stream_new(p.read, NULL, &reader), 0);
    assert_int_equal(yibu_stream_new(p.write, NULL, &writer), 0);
    carry(reader, writer);
    assert_false(non_blocking(p.read));
    yibu_stream_free(writer);
    yibu_stream_free(reader);
}

LOOP_TEST(ends_in_blocking_mode_do_not_hold_the_loop)
{
    carry_through_blocking_ends();
    yb_pipe_forget_flags(true); /* as on a kernel before 6.4 */
    carry_through_blocking_ends();
    yb_pipe_forget_flags(false);
    return 0;
}

LOOP_TEST(a_shared_pipe_is_opened_anew_and_its_mode_stays)
{
    two_ends p = make_pipe(0);
    yibu_stream *reader, *writer;
    assert_int_equal(yibu_connect_read_pipe(p.read, NULL, &reader), 0);
    assert_int_equal(yibu_connect_write_pipe(p.write, NULL, &writer), 0);
    yibu_stream_info about = {.size = sizeof(about)};
    assert_int_equal(yibu_stream_get_extra_info(reader, &about), 0);
    assert_int_not_equal(about.fd, p.read);
    assert_true(non_blocking(about.fd));
    carry(reader, writer);
    assert_false(non_blocking(p.read));
    assert_false(non_blocking(p.write));
    yibu_stream_free(writer);
    yibu_stream_free(reader);
    assert_int_equal(close(p.read), 0);
    assert_int_equal(close(p.write), 0);
    return 0;
}

static void write_to_nobody(int fd)
{
    yibu_stream *writer;
    assert_int_equal(yibu_stream_new(fd, NULL, &writer), 0);
    assert_int_equal(yibu_stream_write(writer, "x", 1), -EPIPE);
    yibu_stream_free(writer);
    sigset_t pending;
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
}

LOOP_TEST(a_pipe_that_nobody_reads_is_an_error_and_no_signal)
{
    assert_true(signal(SIGPIPE, SIG_DFL) == SIG_DFL);
    for (int forget = 0; forget <= 1; forget++) {
        yb_pipe_forget_flags(forget);
        for (int mode = 0; mode <= 1; mode++) {
            two_ends p = make_pipe(mode ? O_NONBLOCK : 0);
            close(p.read);
            write_to_nobody(p.write);
        }
    }
    yb_pipe_forget_flags(false);
    return 0;
}

LOOP_TEST(a_reader_that_leaves_while_a_write_waits_is_an_error)
{
    yibu_stream *reader, *writer;
    static char much[1 << 18];
    assert_int_equal(yibu_pipe(NULL, &reader, &writer), 0);
    assert_int_equal(yibu_stream_write(writer, much, sizeof(much)), 0);
    yibu_sleep(0);
    yibu_stream_free(reader);
    yibu_stream_set_write_buffer_limits(writer, 0, 0);
    assert_int_equal(yibu_stream_drain(writer), -EPIPE);
    yibu_stream_free(writer);
    return 0;
}

static intptr_t read_a_line(void *arg)
{
    char *line;
    return yibu_stream_readline(arg, &line);
}

LOOP_TEST(a_cancelled_read_loses_nothing)
{
    yibu_stream *reader, *writer;
    assert_int_equal(yibu_pipe(NULL, &reader, &writer), 0);
    yibu_stream_write(writer, "first ", 6);
    yibu_task *task = yibu_create_task(read_a_line, reader, NULL);
    yibu_sleep(YIBU_MS(1));
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    yibu_stream_write(writer, "second\n", 7);
    expect_line(reader, "first second\n");
    yibu_stream_free(writer);
    yibu_stream_free(reader);
    return 0;
}

LOOP_TEST(an_abort_ends_a_write_and_a_read_that_wait)
{
    yibu_stream *reader, *writer;
    static char much[1 << 18];
    int before = count_descriptors();
    assert_int_equal(yibu_pipe(NULL, &reader, &writer), 0);
    yibu_stream_write(writer, much, sizeof(much));
    yibu_stream_abort(writer);
    assert_int_equal(yibu_stream_wait_closed(writer), 0);
    char *data;
    assert_true(yibu_stream_read_all(reader, sizeof(much), &data) >= 0);
    yibu_stream_free(writer);
    yibu_stream_free(reader);

    assert_int_equal(yibu_pipe(NULL, &reader, &writer), 0);
    yibu_task *task = yibu_create_task(read_a_line, reader, NULL);
    yibu_sleep(YIBU_MS(1));
    yibu_stream_abort(reader);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    yibu_stream_free(writer);
    yibu_stream_free(reader);
    yibu_sleep(0);
    assert_int_equal(count_descriptors(), before);
    return 0;
}

LOOP_TEST(files_and_devices_can_be_read_and_written_where_they_are)
{
    char path[] = "/tmp/yibu-test-XXXXXX", text[32] = {0};
    int fd = mkstemp(path);
    yibu_stream *stream;
    assert_int_equal(write(fd, "before\n", 7), 7);
    assert_int_equal(yibu_connect_write_pipe(fd, NULL, &stream), 0);
    assert_int_equal(yibu_stream_write(stream, "after\n", 6), 0);
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_wait_closed(stream), 0);
    yibu_stream_free(stream);
    assert_int_equal(pread(fd, text, sizeof(text), 0), 13);
    assert_string_equal(text, "before\nafter\n");

    assert_int_equal(lseek(fd, 7, SEEK_SET), 7);
    assert_int_equal(yibu_connect_read_pipe(fd, NULL, &stream), 0);
    expect_line(stream, "after\n");
    assert_int_equal(read_a_line(stream), 0);
    yibu_stream_free(stream);
    close(fd);
    unlink(path);

    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(yibu_connect_read_pipe(fd, NULL, &stream), 0);
    assert_int_equal(read_a_line(stream), 0);
    yibu_stream_free(stream);
    close(fd);
    return 0;
}

LOOP_TEST(a_socket_that_is_shared_works_and_stays_open)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    yibu_stream *reader, *writer;
    assert_int_equal(yibu_connect_read_pipe(ends[0], NULL, &reader), 0);
    assert_int_equal(yibu_connect_write_pipe(ends[1], NULL, &writer), 0);
    yibu_stream_write(writer, "hello\n", 6);
    expect_line(reader, "hello\n");
    yibu_stream_free(writer);
    yibu_stream_free(reader);
    assert_false(non_blocking(ends[0]));
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
    return 0;
}

LOOP_TEST(what_cannot_be_read_or_written_is_refused)
{
    two_ends p = make_pipe(0);
    yibu_stream *stream;
    const yibu_stream_options bad = {.size = 1};
    int before = count_descriptors();
    assert_int_equal(yibu_connect_read_pipe(p.write, NULL, &stream), -EBADF);
    assert_int_equal(yibu_connect_write_pipe(p.read, NULL, &stream), -EBADF);
    assert_int_equal(yibu_connect_read_pipe(-1, NULL, &stream), -EBADF);
    assert_int_equal(yibu_connect_read_pipe(p.read, &bad, &stream), -EINVAL);
    assert_int_equal(yibu_connect_read_pipe(p.read, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_pipe(&bad, &stream, &stream), -EINVAL);
    assert_int_equal(yibu_pipe(NULL, NULL, &stream), -EINVAL);
    assert_int_equal(count_descriptors(), before);
    close(p.read);
    close(p.write);
    return 0;
}

/* Terminals: master is the side of the one who sits before it. */

static void open_terminal(int *ret_master, int *ret_terminal)
{
    struct termios mode;
    assert_int_equal(openpty(ret_master, ret_terminal, NULL, NULL, NULL), 0);
    tcgetattr(*ret_terminal, &mode);
    cfmakeraw(&mode);
    tcsetattr(*ret_terminal, TCSANOW, &mode);
}

LOOP_TEST(a_terminal_is_opened_anew_and_its_mode_stays)
{
    int master, terminal;
    open_terminal(&master, &terminal);
    yibu_stream *in, *out, *user;
    assert_int_equal(yibu_connect_read_pipe(terminal, NULL, &in), 0);
    assert_int_equal(yibu_connect_write_pipe(terminal, NULL, &out), 0);
    assert_int_equal(yibu_connect_read_pipe(master, NULL, &user), 0);
    yibu_stream_write(out, "question\n", 9);
    expect_line(user, "question\n");
    assert_int_equal(write(master, "answer\n", 7), 7);
    expect_line(in, "answer\n");
    assert_false(non_blocking(terminal));
    assert_false(non_blocking(master));
    yibu_stream_free(in);
    yibu_stream_free(out);
    close(terminal);
    assert_int_equal(read_a_line(user), 0); /* EIO, which is the end */
    yibu_stream_free(user);
    close(master);
    return 0;
}

static intptr_t drain_it(void *arg)
{
    return yibu_stream_drain(arg);
}

LOOP_TEST(a_terminal_that_nobody_reads_does_not_hold_the_loop)
{
    int master, terminal;
    static char much[1 << 18], got[4096];
    open_terminal(&master, &terminal);
    yibu_stream *out;
    assert_int_equal(yibu_connect_write_pipe(terminal, NULL, &out), 0);
    yibu_stream_write(out, much, sizeof(much));
    yibu_stream_set_write_buffer_limits(out, 0, 0);
    yibu_task *task = yibu_create_task(drain_it, out, NULL);
    for (int i = 0; i < 10; i++)
        yibu_sleep(YIBU_MS(1));
    assert_false(yibu_task_done(task));
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    for (size_t total = 0; total < sizeof(much);) {
        ssize_t n = read(master, got, sizeof(got));
        total += n > 0 ? (size_t)n : 0;
        yibu_sleep(0);
    }
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    yibu_stream_free(out);
    close(terminal);
    close(master);
    return 0;
}

static void without_a_loop_there_are_no_streams(void **state)
{
    (void)state;
    yibu_stream *a, *b;
    assert_int_equal(yibu_pipe(NULL, &a, &b), YIBU_ENOTASK);
    assert_int_equal(yibu_open_stdin(NULL, &a), YIBU_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pair_carries_lines_and_its_end),
        cmocka_unit_test(more_than_a_pipe_holds_goes_through),
        cmocka_unit_test(ends_in_blocking_mode_do_not_hold_the_loop),
        cmocka_unit_test(a_shared_pipe_is_opened_anew_and_its_mode_stays),
        cmocka_unit_test(a_pipe_that_nobody_reads_is_an_error_and_no_signal),
        cmocka_unit_test(a_reader_that_leaves_while_a_write_waits_is_an_error),
        cmocka_unit_test(a_cancelled_read_loses_nothing),
        cmocka_unit_test(an_abort_ends_a_write_and_a_read_that_wait),
        cmocka_unit_test(files_and_devices_can_be_read_and_written_where_they_are),
        cmocka_unit_test(a_socket_that_is_shared_works_and_stays_open),
        cmocka_unit_test(what_cannot_be_read_or_written_is_refused),
        cmocka_unit_test(a_terminal_is_opened_anew_and_its_mode_stays),
        cmocka_unit_test(a_terminal_that_nobody_reads_does_not_hold_the_loop),
        cmocka_unit_test(without_a_loop_there_are_no_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
