/* Copies of files, and files sent through sockets and pipes. */
#include "files.h"

#include <signal.h>
#include <sys/socket.h>

enum { SIZE = 5 * 1024 * 1024 + 123 };

static char *content;

static const char *make_file(size_t size)
{
    if (!content) {
        content = malloc(SIZE);
        test_fill(content, SIZE);
    }
    return test_file("file", content, size);
}

static void assert_file(const char *path, size_t size)
{
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_read_file(path, SIZE_MAX, &buffer), (ssize_t)size);
    assert_memory_equal(buffer.data, content, size);
    yibu_buffer_free(&buffer);
}

LOOP_TEST(a_file_is_copied_with_its_permissions)
{
    mode_t mask = umask(0);
    const char *path = make_file(SIZE), *copy = test_path("copy");
    assert_int_equal(chmod(path, 0750), 0);
    assert_int_equal(yibu_copy_file(path, copy), SIZE);
    assert_file(copy, SIZE);
    struct statx about;
    assert_int_equal(yibu_stat(copy, &about), 0);
    assert_int_equal(about.stx_mode & 07777, 0750);
    umask(mask);
    return 0;
}

LOOP_TEST(files_the_kernel_cannot_copy_are_read_and_written)
{
    yibu_buffer buffer = {0};
    const char *copy = test_path("copy");
    ssize_t n = yibu_copy_file("/proc/self/limits", copy);
    assert_true(n > 0);
    assert_int_equal(yibu_read_file(copy, 1 << 20, &buffer), n);
    assert_memory_equal(buffer.data, "Limit", 5);
    yibu_buffer_free(&buffer);
    assert_int_equal(yibu_copy_file("/dev/null", copy), 0);
    return 0;
}

LOOP_TEST(a_copy_that_fails_changes_nothing)
{
    const char *path = make_file(10), *copy = test_path("no/such");
    assert_int_equal(yibu_copy_file(path, copy), -ENOENT);
    assert_int_equal(yibu_copy_file(test_path("missing"), path), -ENOENT);
    assert_int_equal(yibu_copy_file(test_folder, path), -EISDIR);
    assert_int_equal(yibu_copy_file(NULL, "a"), -EINVAL);
    assert_file(test_path("file"), 10);
    assert_int_equal(test_entries(), 1);
    return 0;
}

LOOP_TEST(ranges_of_files_are_copied)
{
    int from = yibu_file_open(make_file(1000), O_RDONLY, 0);
    int to = yibu_file_open(test_path("range"), O_RDWR | O_CREAT, 0600);
    assert_int_equal(yibu_copy_file_range(from, 100, to, 0, 50), 50);
    assert_int_equal(yibu_copy_file_range(from, 150, to, -1, 2000), 850);
    char back[1000];
    assert_int_equal(yibu_file_read_at(to, back, 1000, 0), 850);
    assert_memory_equal(back, content + 150, 850);
    assert_int_equal(yibu_copy_file_range(from, 1000, to, 0, 50), 0);
    assert_int_equal(yibu_copy_file_range(from, -2, to, 0, 50), -EINVAL);
    assert_int_equal(yibu_copy_file_range(-1, 0, to, 0, 50), -EBADF);
    assert_int_equal(yibu_file_close(from), 0);
    return yibu_file_close(to);
}

typedef struct copier {
    const char *from, *to;
    ssize_t result;
} copier;

static intptr_t copy_it(void *arg)
{
    copier *c = arg;
    c->result = yibu_copy_file(c->from, c->to);
    return 0;
}

LOOP_TEST(a_cancelled_copy_leaves_what_was_there)
{
    copier c = {.from = make_file(SIZE), .to = test_path("copy")};
    int descriptors = test_descriptors();
    for (int turns = 0; turns < 20; turns++) {
        (void)unlink(c.to);
        yibu_task *task = yibu_create_task(copy_it, &c, NULL);
        for (int i = 0; i < turns; i++)
            assert_int_equal(yibu_sleep(YIBU_US(50)), 0);
        yibu_task_cancel(task);
        (void)yibu_await(task);
        yibu_task_unref(task);
        assert_true(c.result == SIZE || c.result == -ECANCELED);
        assert_int_equal(test_entries(), c.result == SIZE ? 2 : 1);
        if (c.result == SIZE)
            assert_file(c.to, SIZE);
    }
    assert_int_equal(test_descriptors(), descriptors);
    return 0;
}

/* What comes out of the other end. */
typedef struct receiver {
    int fd;
    char *data;
    size_t size;
    int64_t pause_ns; /* between reads */
} receiver;

static intptr_t receive(void *arg)
{
    receiver *r = arg;
    ssize_t n;
    while ((n = yibu_read(r->fd, r->data + r->size, SIZE + 100 - r->size)) > 0) {
        r->size += (size_t)n;
        if (r->pause_ns)
            (void)yibu_sleep(r->pause_ns);
    }
    return n;
}

typedef struct channel {
    int ends[2]; /* read, written */
    receiver receiver;
    yibu_task *task;
} channel;

static void open_channel(channel *c, bool pipe, int flags)
{
    if (pipe)
        assert_int_equal(pipe2(c->ends, O_CLOEXEC | (flags & SOCK_NONBLOCK ? O_NONBLOCK : 0)), 0);
    else
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, c->ends), 0);
    c->receiver = (receiver){.fd = c->ends[0], .data = malloc(SIZE + 100)};
    c->task = yibu_create_task(receive, &c->receiver, NULL);
}

static void close_channel(channel *c)
{
    if (c->ends[1] >= 0)
        assert_int_equal(yibu_close(c->ends[1]), 0);
    assert_int_equal(yibu_await(c->task), 0);
    yibu_task_unref(c->task);
    assert_int_equal(yibu_close(c->ends[0]), 0);
}

static void send_through(bool pipe, int flags, int64_t offset, size_t count, size_t expected)
{
    channel c;
    size_t sent = 1;
    int file = yibu_file_open(test_path("file"), O_RDONLY, 0);
    open_channel(&c, pipe, flags);
    assert_int_equal(yibu_sendfile(c.ends[1], file, offset, count, &sent), (ssize_t)expected);
    assert_int_equal(sent, expected);
    close_channel(&c);
    assert_int_equal(c.receiver.size, expected);
    assert_memory_equal(c.receiver.data, content + offset, expected);
    free(c.receiver.data);
    assert_int_equal(lseek(file, 0, SEEK_CUR), 0);
    assert_int_equal(yibu_file_close(file), 0);
}

LOOP_TEST(a_file_is_sent_through_sockets_and_pipes)
{
    test_evict(make_file(SIZE));
    for (int pipe = 0; pipe < 2; pipe++)
        for (int flags = 0; flags < 2; flags++) {
            int mode = flags ? SOCK_NONBLOCK : 0;
            send_through(pipe, mode, 0, SIZE_MAX, SIZE);
            send_through(pipe, mode, 1000, 300000, 300000);
            send_through(pipe, mode, 7, 100, 100);
            send_through(pipe, mode, SIZE - 5, 100, 5);
            send_through(pipe, mode, 0, 0, 0);
        }
    return 0;
}

LOOP_TEST(a_file_is_sent_to_a_file)
{
    int from = yibu_file_open(make_file(SIZE), O_RDONLY, 0);
    int to = yibu_file_open(test_path("to"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(yibu_sendfile(to, from, 0, SIZE_MAX, NULL), SIZE);
    assert_int_equal(yibu_file_close(to), 0);
    assert_file(test_path("to"), SIZE);
    to = yibu_file_open(test_path("to"), O_WRONLY | O_APPEND | O_TRUNC, 0600);
    assert_int_equal(yibu_sendfile(to, from, 0, SIZE_MAX, NULL), SIZE); /* splice(2) refuses */
    assert_int_equal(yibu_file_close(to), 0);
    assert_file(test_path("to"), SIZE);
    return yibu_file_close(from);
}

LOOP_TEST(mistakes_are_told)
{
    int file = yibu_file_open(make_file(10), O_RDONLY, 0);
    assert_int_equal(yibu_sendfile(-1, file, 0, 1, NULL), -EBADF);
    assert_int_equal(yibu_sendfile(1, -1, 0, 1, NULL), -EBADF);
    assert_int_equal(yibu_sendfile(1, file, -1, 1, NULL), -EINVAL);
    assert_int_equal(yibu_splice(-1, -1, 1, -1, 1), -EBADF);
    assert_int_equal(yibu_stream_sendfile(NULL, file, 0, 1, NULL), -EINVAL);
    return yibu_file_close(file);
}

static intptr_t cut(void *arg)
{
    assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
    assert_int_equal(truncate(arg, 1024 * 1024), 0);
    return 0;
}

/* The peer is slow, and the file is cut while it is sent: so is what arrives. */
LOOP_TEST(a_file_that_shrinks_is_sent_as_far_as_it_goes)
{
    const char *path = make_file(SIZE);
    int file = yibu_file_open(path, O_RDONLY, 0);
    channel c;
    open_channel(&c, false, SOCK_NONBLOCK);
    c.receiver.pause_ns = YIBU_MS(1);
    yibu_task *task = yibu_create_task(cut, (void *)(uintptr_t)path, NULL);
    ssize_t n = yibu_sendfile(c.ends[1], file, 0, SIZE_MAX, NULL);
    assert_true(n >= 1024 * 1024 && n < SIZE);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    close_channel(&c);
    assert_int_equal(c.receiver.size, n);
    assert_memory_equal(c.receiver.data, content, 1024 * 1024);
    free(c.receiver.data);
    return yibu_file_close(file);
}

typedef struct sender {
    int fd, file;
    size_t sent;
    ssize_t result;
} sender;

static intptr_t send_it(void *arg)
{
    sender *s = arg;
    s->result = yibu_sendfile(s->fd, s->file, 0, SIZE_MAX, &s->sent);
    return 0;
}

/* Nobody reads until the cancel has come: what was sent and what arrives are the same. */
LOOP_TEST(a_cancelled_sendfile_says_how_much_was_sent)
{
    sender s = {.file = yibu_file_open(make_file(SIZE), O_RDONLY, 0)};
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    s.fd = ends[1];
    yibu_task *task = yibu_create_task(send_it, &s, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(10)), 0);
    yibu_task_cancel(task);
    (void)yibu_await(task);
    yibu_task_unref(task);
    assert_int_equal(s.result, -ECANCELED);
    assert_true(s.sent > 0 && s.sent < SIZE);
    assert_int_equal(yibu_close(ends[1]), 0);
    receiver r = {.fd = ends[0], .data = malloc(SIZE + 100)};
    assert_int_equal(receive(&r), 0);
    assert_int_equal(r.size, s.sent);
    assert_memory_equal(r.data, content, r.size);
    free(r.data);
    assert_int_equal(yibu_close(ends[0]), 0);
    return yibu_file_close(s.file);
}

/* Nobody is killed by SIGPIPE. */
LOOP_TEST(a_peer_that_has_gone_is_an_error)
{
    int file = yibu_file_open(make_file(SIZE), O_RDONLY, 0), ends[2];
    for (int small = 0; small < 2; small++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends),
                         0);
        close(ends[0]);
        size_t count = small ? 10 : SIZE_MAX, sent = 1;
        assert_int_equal(yibu_sendfile(ends[1], file, 0, count, &sent), -EPIPE);
        assert_int_equal(sent, 0);
        close(ends[1]);
    }
    return yibu_file_close(file);
}

LOOP_TEST(bytes_are_spliced_from_a_file_through_a_pipe)
{
    int from = yibu_file_open(make_file(100000), O_RDONLY, 0), pipes[2];
    int to = yibu_file_open(test_path("to"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    size_t total = 0;
    ssize_t n;
    while ((n = yibu_splice(from, (int64_t)total, pipes[1], -1, 30000)) > 0) {
        ssize_t in_pipe = n;
        while (in_pipe > 0) {
            ssize_t moved = yibu_splice(pipes[0], -1, to, -1, (size_t)in_pipe);
            assert_true(moved > 0);
            in_pipe -= moved;
        }
        total += (size_t)n;
    }
    assert_int_equal(n, 0);
    assert_int_equal(yibu_file_close(to), 0);
    assert_file(test_path("to"), 100000);
    close(pipes[0]);
    close(pipes[1]);
    return yibu_file_close(from);
}

typedef struct splicer {
    int from, to;
} splicer;

static intptr_t splice_some(void *arg)
{
    splicer *s = arg;
    return yibu_splice(s->from, -1, s->to, -1, 100);
}

LOOP_TEST(a_splice_waits_for_the_pipe_and_can_be_cancelled)
{
    int in[2], out[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    splicer s = {in[0], out[1]};
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        yibu_task *task = yibu_create_task(splice_some, &s, NULL);
        assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
        assert_false(yibu_task_done(task));
        if (cancelled)
            yibu_task_cancel(task);
        else
            assert_int_equal(write(in[1], "hello", 5), 5);
        assert_int_equal(yibu_await(task), cancelled ? -ECANCELED : 5);
        yibu_task_unref(task);
    }
    for (int i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
    }
    return 0;
}

/* Streams. */

static yibu_stream *open_stream(channel *c)
{
    yibu_stream *stream;
    open_channel(c, false, SOCK_NONBLOCK);
    assert_int_equal(yibu_stream_new(c->ends[1], NULL, &stream), 0);
    c->ends[1] = -1; /* the stream's */
    return stream;
}

static intptr_t write_behind(void *arg)
{
    assert_int_equal(yibu_sleep(0), 0);
    return yibu_stream_write(arg, "behind", 6);
}

LOOP_TEST(a_stream_sends_a_file_between_what_is_written_before_and_meanwhile)
{
    channel c;
    int file = yibu_file_open(make_file(SIZE), O_RDONLY, 0);
    static const size_t counts[] = {SIZE - 50, 1000};
    for (int i = 0; i < 2; i++) {
        yibu_stream *stream = open_stream(&c);
        assert_int_equal(yibu_stream_write(stream, "before", 6), 0);
        yibu_task *task = yibu_create_task(write_behind, stream, NULL);
        assert_int_equal(yibu_stream_sendfile(stream, file, 0, counts[i], NULL),
                         (ssize_t)counts[i]);
        assert_int_equal(yibu_await(task), 0);
        yibu_task_unref(task);
        yibu_stream_close(stream);
        assert_int_equal(yibu_stream_wait_closed(stream), 0);
        yibu_stream_free(stream);
        close_channel(&c);
        assert_int_equal(c.receiver.size, counts[i] + 12);
        assert_memory_equal(c.receiver.data, "before", 6);
        assert_memory_equal(c.receiver.data + 6, content, counts[i]);
        assert_memory_equal(c.receiver.data + 6 + counts[i], "behind", 6);
        free(c.receiver.data);
    }
    return yibu_file_close(file);
}

LOOP_TEST(a_stream_with_a_full_buffer_sends_it_before_the_file)
{
    channel c;
    int file = yibu_file_open(make_file(SIZE), O_RDONLY, 0);
    yibu_stream *stream = open_stream(&c);
    assert_int_equal(yibu_stream_write(stream, content, 3000000), 0);
    assert_int_equal(yibu_stream_sendfile(stream, file, 3000000, 100000, NULL), 100000);
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_wait_closed(stream), 0);
    yibu_stream_free(stream);
    close_channel(&c);
    assert_int_equal(c.receiver.size, 3100000);
    assert_memory_equal(c.receiver.data, content, 3100000);
    free(c.receiver.data);
    return yibu_file_close(file);
}

typedef struct stream_sender {
    yibu_stream *stream;
    int file;
    size_t sent;
} stream_sender;

static intptr_t send_by_stream(void *arg)
{
    stream_sender *s = arg;
    return yibu_stream_sendfile(s->stream, s->file, 0, SIZE_MAX, &s->sent);
}

static intptr_t end_while_sending(void (*end)(yibu_stream *stream, yibu_task *task))
{
    int ends[2];
    stream_sender s = {.file = yibu_file_open(make_file(SIZE), O_RDONLY, 0)};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(yibu_stream_new(ends[1], NULL, &s.stream), 0);
    yibu_task *task = yibu_create_task(send_by_stream, &s, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    end(s.stream, task);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    assert_true(s.sent < SIZE);
    yibu_stream_abort(s.stream);
    (void)yibu_stream_wait_closed(s.stream);
    yibu_stream_free(s.stream);
    close(ends[0]);
    assert_int_equal(yibu_file_close(s.file), 0);
    return r;
}

static void abort_stream(yibu_stream *stream, yibu_task *task)
{
    (void)task;
    yibu_stream_abort(stream);
}

static void cancel_task(yibu_stream *stream, yibu_task *task)
{
    (void)stream;
    yibu_task_cancel(task);
}

LOOP_TEST(a_file_under_way_ends_with_an_abort_or_a_cancel)
{
    int descriptors = test_descriptors();
    assert_int_equal(end_while_sending(abort_stream), -ECONNABORTED);
    assert_int_equal(end_while_sending(cancel_task), -ECANCELED);
    assert_int_equal(test_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(a_stream_that_is_closing_sends_no_file)
{
    channel c;
    int file = yibu_file_open(make_file(100), O_RDONLY, 0);
    yibu_stream *stream = open_stream(&c);
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_sendfile(stream, file, 0, 10, NULL), -EPIPE);
    assert_int_equal(yibu_stream_wait_closed(stream), 0);
    yibu_stream_free(stream);
    close_channel(&c);
    free(c.receiver.data);
    return yibu_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_file_is_copied_with_its_permissions),
        file_test(files_the_kernel_cannot_copy_are_read_and_written),
        file_test(a_copy_that_fails_changes_nothing),
        file_test(ranges_of_files_are_copied),
        file_test(a_cancelled_copy_leaves_what_was_there),
        file_test(a_file_is_sent_through_sockets_and_pipes),
        file_test(a_file_is_sent_to_a_file),
        file_test(mistakes_are_told),
        file_test(a_file_that_shrinks_is_sent_as_far_as_it_goes),
        file_test(a_cancelled_sendfile_says_how_much_was_sent),
        file_test(a_peer_that_has_gone_is_an_error),
        file_test(bytes_are_spliced_from_a_file_through_a_pipe),
        file_test(a_splice_waits_for_the_pipe_and_can_be_cancelled),
        file_test(a_stream_sends_a_file_between_what_is_written_before_and_meanwhile),
        file_test(a_stream_with_a_full_buffer_sends_it_before_the_file),
        file_test(a_file_under_way_ends_with_an_abort_or_a_cancel),
        file_test(a_stream_that_is_closing_sends_no_file),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    free(content);
    return failures;
}
