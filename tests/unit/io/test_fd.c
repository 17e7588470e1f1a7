/* Descriptors of every kind: pipes, files, terminals, sockets. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <sys/eventfd.h>

#include "streams.h"

typedef struct reader {
    int fd;
    char text[8];
} reader;

static intptr_t read_some(void *arg)
{
    reader *r = arg;
    return yibu_read(r->fd, r->text, sizeof(r->text));
}

/* Pipes in blocking mode, as a program is given them, and in the other. */
static void open_pipe(int ends[2], int flags)
{
    assert_int_equal(pipe2(ends, O_CLOEXEC | flags), 0);
}

static void close_both(const int ends[2])
{
    assert_int_equal(yibu_close(ends[0]), 0);
    assert_int_equal(yibu_close(ends[1]), 0);
}

static void pass_a_message(int flags)
{
    int ends[2];
    open_pipe(ends, flags);
    reader r = {.fd = ends[0]};
    yibu_task *task = yibu_create_task(read_some, &r, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_write(ends[1], "hello", 5), 5);
    assert_int_equal(yibu_await(task), 5);
    yibu_task_unref(task);
    assert_memory_equal(r.text, "hello", 5);
    close_both(ends);
}

LOOP_TEST(a_reader_waits_for_the_writer_of_a_pipe)
{
    pass_a_message(O_NONBLOCK);
    pass_a_message(0);
    return 0;
}

typedef struct stream {
    int fd;
    size_t size;
} stream;

static intptr_t write_stream(void *arg)
{
    const stream *s = arg;
    uint8_t *bytes = new_stream(s->size);
    for (size_t place = 0; place < s->size;) {
        ssize_t n = yibu_write(s->fd, bytes + place, s->size - place);
        assert_true(n > 0);
        place += (size_t)n;
    }
    free(bytes);
    return yibu_close(s->fd);
}

static size_t read_stream(int fd)
{
    uint8_t buffer[9973];
    size_t place = 0;
    for (ssize_t n; (n = yibu_read(fd, buffer, sizeof(buffer))) != 0;) {
        assert_true(n > 0);
        check_stream(buffer, (size_t)n, place);
        place += (size_t)n;
    }
    return place;
}

static void pass_a_stream(int flags)
{
    int ends[2];
    open_pipe(ends, flags);
    stream s = {ends[1], 1000003};
    yibu_task *task = yibu_create_task(write_stream, &s, NULL);
    assert_int_equal(read_stream(ends[0]), s.size);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(yibu_close(ends[0]), 0);
}

LOOP_TEST(more_than_a_pipe_holds_arrives_whole)
{
    pass_a_stream(O_NONBLOCK);
    pass_a_stream(0);
    return 0;
}

LOOP_TEST(regular_files_are_read_and_written_at_their_position)
{
    char name[] = "/tmp/yibu-test-XXXXXX";
    int fd = mkostemp(name, O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(name), 0);
    char text[16];
    assert_int_equal(yibu_write(fd, "hello ", 6), 6);
    assert_int_equal(yibu_write(fd, "world", 5), 5);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(yibu_read(fd, text, 3), 3);
    assert_int_equal(yibu_read(fd, text + 3, sizeof(text) - 3), 8);
    assert_memory_equal(text, "hello world", 11);
    assert_int_equal(yibu_read(fd, text, sizeof(text)), 0);
    assert_int_equal(yibu_wait_readable(fd), 0);
    assert_int_equal(yibu_wait_writable(fd), 0);
    assert_int_equal(yibu_close(fd), 0);
    return 0;
}

LOOP_TEST(a_terminal_is_read_as_it_is_typed)
{
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, NULL) < 0)
        skip();
    reader r = {.fd = slave};
    yibu_task *task = yibu_create_task(read_some, &r, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(write(master, "y\n", 2), 2);
    assert_int_equal(yibu_await(task), 2);
    yibu_task_unref(task);
    assert_memory_equal(r.text, "y\n", 2);
    assert_int_equal(yibu_close(slave), 0);
    assert_int_equal(yibu_close(master), 0);
    return 0;
}

LOOP_TEST(a_cancelled_read_takes_nothing)
{
    int ends[2];
    open_pipe(ends, O_NONBLOCK);
    reader r = {.fd = ends[0]};
    yibu_task *task = yibu_create_task(read_some, &r, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    assert_int_equal(write(ends[1], "hello", 5), 5);
    intptr_t n = yibu_await(task);
    yibu_task_unref(task);
    if (n == -ECANCELED)
        n = read_some(&r);
    assert_int_equal(n, 5);
    assert_memory_equal(r.text, "hello", 5);
    close_both(ends);
    return 0;
}

LOOP_TEST(time_limits_end_reads_writes_and_waits)
{
    static const char zeros[1 << 20];
    int ends[2];
    char byte;
    yibu_timeout limit;
    open_pipe(ends, O_NONBLOCK);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_read(ends[0], &byte, 1)), -ETIMEDOUT);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_wait_readable(ends[0])), -ETIMEDOUT);
    while (write(ends[1], zeros, sizeof(zeros)) > 0)
        ;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_write(ends[1], "x", 1)), -ETIMEDOUT);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_wait_writable(ends[1])), -ETIMEDOUT);
    close_both(ends);
    return 0;
}

static intptr_t wait_readable(void *arg)
{
    return yibu_wait_readable(*(int *)arg);
}

LOOP_TEST(wait_readable_reads_nothing)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    yibu_task *task = yibu_create_task(wait_readable, &fd, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(task));
    assert_int_equal(eventfd_write(fd, 3), 0);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(yibu_wait_readable(fd), 0);
    eventfd_t value;
    assert_int_equal(eventfd_read(fd, &value), 0);
    assert_int_equal(value, 3);
    assert_int_equal(yibu_close(fd), 0);
    return 0;
}

LOOP_TEST(several_tasks_may_wait_for_one_descriptor)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = yibu_create_task(wait_readable, &fd, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(eventfd_write(fd, 1), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(yibu_close(fd), 0);
    return 0;
}

LOOP_TEST(a_hang_up_ends_the_wait)
{
    int ends[2];
    open_pipe(ends, O_NONBLOCK);
    yibu_task *task = yibu_create_task(wait_readable, &ends[0], NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_close(ends[1]), 0);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    char byte;
    assert_int_equal(yibu_read(ends[0], &byte, 1), 0);
    assert_int_equal(yibu_close(ends[0]), 0);
    return 0;
}

LOOP_TEST(a_socket_without_reader_raises_no_signal)
{
    pair p = connect_pair();
    assert_int_equal(yibu_shutdown(p.client, SHUT_WR), 0);
    assert_int_equal(yibu_write(p.client, "x", 1), -EPIPE);
    close_pair(p);
    return 0;
}

LOOP_TEST(close_ends_reads_and_waits_of_other_tasks)
{
    int ends[2];
    open_pipe(ends, O_NONBLOCK);
    reader r = {.fd = ends[0]};
    yibu_task *reading = yibu_create_task(read_some, &r, NULL);
    yibu_task *waiting = yibu_create_task(wait_readable, &ends[0], NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_close(ends[0]), 0);
    assert_int_equal(yibu_await(reading), -EBADF);
    assert_int_equal(yibu_await(waiting), -EBADF);
    yibu_task_unref(reading);
    yibu_task_unref(waiting);
    assert_int_equal(yibu_close(ends[1]), 0);
    return 0;
}

/* A number that was closed and comes back as another file is a new descriptor in every way. */
LOOP_TEST(a_reused_descriptor_number_works)
{
    for (int i = 0; i < 50; i++) {
        pair p = connect_pair();
        reader r = {.fd = p.server};
        yibu_task *task = yibu_create_task(read_some, &r, NULL);
        assert_int_equal(yibu_sleep(0), 0);
        assert_int_equal(yibu_write(p.client, "x", 1), 1);
        assert_int_equal(yibu_await(task), 1);
        yibu_task_unref(task);
        close_pair(p);
        pass_a_message(O_NONBLOCK);
    }
    return 0;
}

LOOP_TEST(wrong_arguments_are_refused)
{
    char byte = 0;
    assert_int_equal(yibu_read(-1, &byte, 1), -EBADF);
    assert_int_equal(yibu_write(-1, &byte, 1), -EBADF);
    assert_int_equal(yibu_wait_readable(-1), -EBADF);
    assert_int_equal(yibu_wait_writable(-1), -EBADF);
    assert_int_equal(yibu_close(-1), -EBADF);
    int ends[2];
    open_pipe(ends, O_NONBLOCK);
    assert_int_equal(yibu_read(ends[0], NULL, 1), -EINVAL);
    assert_int_equal(yibu_write(ends[0], "x", 1), -EBADF);
    assert_int_equal(yibu_read(ends[1], &byte, 1), -EBADF);
    close_both(ends);
    assert_int_equal(yibu_close(ends[0]), -EBADF);
    assert_int_equal(yibu_read(ends[0], &byte, 1), -EBADF);
    assert_int_equal(yibu_wait_readable(ends[0]), -EBADF);
    return 0;
}

static void only_tasks_can_wait_but_anybody_can_close(void **state)
{
    (void)state;
    char byte;
    assert_int_equal(yibu_read(0, &byte, 1), YIBU_ENOTASK);
    assert_int_equal(yibu_write(0, &byte, 1), YIBU_ENOTASK);
    assert_int_equal(yibu_wait_readable(0), YIBU_ENOTASK);
    assert_int_equal(yibu_wait_writable(0), YIBU_ENOTASK);
    int fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(yibu_close(fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_waits_for_the_writer_of_a_pipe),
        cmocka_unit_test(more_than_a_pipe_holds_arrives_whole),
        cmocka_unit_test(regular_files_are_read_and_written_at_their_position),
        cmocka_unit_test(a_terminal_is_read_as_it_is_typed),
        cmocka_unit_test(a_cancelled_read_takes_nothing),
        cmocka_unit_test(time_limits_end_reads_writes_and_waits),
        cmocka_unit_test(wait_readable_reads_nothing),
        cmocka_unit_test(several_tasks_may_wait_for_one_descriptor),
        cmocka_unit_test(a_hang_up_ends_the_wait),
        cmocka_unit_test(a_socket_without_reader_raises_no_signal),
        cmocka_unit_test(close_ends_reads_and_waits_of_other_tasks),
        cmocka_unit_test(a_reused_descriptor_number_works),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(only_tasks_can_wait_but_anybody_can_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
