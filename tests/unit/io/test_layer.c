/* Streams over layers that are not the library's: one that turns bits on top of another, with
 * operations of its own in between. */
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

/* A layer that flips every bit of what passes. */
typedef struct flipping {
    yibu_layer layer;
    yibu_layer *below;
    yibu_op below_op;
    yibu_op *reader;
    char *buffer;
    char out[64];
} flipping;

static flipping *self(yibu_layer *layer)
{
    return (flipping *)(void *)layer;
}

static void flip(char *bytes, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++)
        bytes[i] = (char)~bytes[i];
}

static void have_read(yibu_op *op, ssize_t result)
{
    flipping *f = op->arg;
    flip(f->buffer, result);
    yibu_op_complete(f->reader, result);
}

static bool interrupt(yibu_op *op, void *data)
{
    flipping *f = data;
    (void)op;
    assert_int_equal(yibu_op_cancel(&f->below_op), 0);
    return false;
}

static int flipping_read(yibu_layer *layer, yibu_op *op, void *buffer, size_t size,
                         ssize_t *ret_result)
{
    flipping *f = self(layer);
    f->below_op = (yibu_op){.callback = have_read, .arg = f};
    f->reader = op;
    f->buffer = buffer;
    int r = f->below->methods->read(f->below, &f->below_op, buffer, size, ret_result);
    if (r == 1)
        flip(buffer, *ret_result);
    return r == 0 ? yibu_op_begin(layer->loop, op, interrupt, f) : r;
}

static int flipping_write(yibu_layer *layer, yibu_op *op, const void *buffer, size_t size,
                          ssize_t *ret_result)
{
    flipping *f = self(layer);
    size_t n = size < sizeof(f->out) ? size : sizeof(f->out);
    memcpy(f->out, buffer, n);
    flip(f->out, (ssize_t)n);
    return f->below->methods->write(f->below, op, f->out, n, ret_result);
}

static int flipping_finish(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    yibu_layer *below = self(layer)->below;
    return below->methods->finish(below, op, ret_result);
}

static int flipping_close(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    yibu_layer *below = self(layer)->below;
    return below->methods->close(below, op, ret_result);
}

static ssize_t flipping_try_write(yibu_layer *layer, const struct iovec *pieces, size_t count)
{
    (void)layer;
    (void)pieces;
    (void)count;
    return -EAGAIN;
}

static void flipping_abort(yibu_layer *layer)
{
    self(layer)->below->methods->abort(self(layer)->below);
}

static void flipping_info(yibu_layer *layer, yibu_stream_info *ret_info)
{
    self(layer)->below->methods->info(self(layer)->below, ret_info);
}

static void flipping_free(yibu_layer *layer)
{
    self(layer)->below->methods->free(self(layer)->below);
    free(layer);
}

static const yibu_layer_methods flipping_methods = {
    .size = sizeof(flipping_methods),
    .read = flipping_read,
    .write = flipping_write,
    .finish = flipping_finish,
    .close = flipping_close,
    .try_write = flipping_try_write,
    .abort = flipping_abort,
    .info = flipping_info,
    .free = flipping_free,
};

static yibu_layer *flipping_on(yibu_layer *below)
{
    flipping *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->layer = (yibu_layer){&flipping_methods, below->loop, below->can_finish};
    f->below = below;
    return &f->layer;
}

static yibu_stream *stream_over(int fd)
{
    yibu_layer *layer;
    yibu_stream *stream;
    assert_int_equal(yibu_fd_layer_new(fd, &layer), 0);
    assert_int_equal(yibu_stream_new_on(flipping_on(layer), NULL, &stream), 0);
    return stream;
}

static void make_pair(int ret_fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds), 0);
}

static void close_stream(yibu_stream *stream)
{
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_wait_closed(stream), 0);
    yibu_stream_free(stream);
}

LOOP_TEST(a_stream_over_a_layer_sends_and_receives_through_it)
{
    int fds[2];
    make_pair(fds);
    yibu_stream *stream = stream_over(fds[0]);
    char text[] = "hello\n", got[sizeof(text)], *line;
    assert_int_equal(yibu_stream_write(stream, text, 6), 0);
    assert_int_equal(yibu_recv(fds[1], got, sizeof(got)), 6);
    flip(got, 6);
    assert_memory_equal(got, text, 6);
    flip(text, 6);
    assert_int_equal(yibu_send_all(fds[1], text, 6, NULL), 0);
    assert_int_equal(yibu_stream_readline(stream, &line), 6);
    assert_memory_equal(line, "hello\n", 6);
    close_stream(stream);
    assert_int_equal(yibu_recv(fds[1], got, sizeof(got)), 0);
    close(fds[1]);
    return 0;
}

static intptr_t read_some(void *arg)
{
    char byte;
    return yibu_stream_read(arg, &byte, 1);
}

LOOP_TEST(a_cancel_reaches_the_operation_below)
{
    int fds[2];
    make_pair(fds);
    yibu_stream *stream = stream_over(fds[0]);
    yibu_task *task = yibu_create_task(read_some, stream, NULL);
    yibu_yield();
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    close_stream(stream);
    close(fds[1]);
    return 0;
}

LOOP_TEST(a_stream_moves_to_another_layer_with_what_is_buffered)
{
    int fds[2];
    make_pair(fds);
    yibu_stream *stream;
    assert_int_equal(yibu_stream_new(fds[0], NULL, &stream), 0);
    assert_int_equal(yibu_send_all(fds[1], "ab", 2, NULL), 0);
    char *data, rest[] = "cd", got[4];
    assert_int_equal(yibu_stream_peek(stream, 2, &data), 2);
    yibu_layer *plain = yibu_stream_get_layer(stream);
    assert_int_equal(yibu_stream_set_layer(stream, flipping_on(plain)), 0);
    flip(rest, 2);
    assert_int_equal(yibu_send_all(fds[1], rest, 2, NULL), 0);
    assert_int_equal(yibu_stream_readexactly(stream, got, 4), 0);
    assert_memory_equal(got, "abcd", 4);
    close_stream(stream);
    close(fds[1]);
    return 0;
}

LOOP_TEST(the_layer_of_a_busy_or_closing_stream_stays)
{
    int fds[2];
    make_pair(fds);
    yibu_stream *stream = stream_over(fds[0]);
    yibu_layer *layer = yibu_stream_get_layer(stream);
    yibu_task *task = yibu_create_task(read_some, stream, NULL);
    yibu_yield();
    assert_int_equal(yibu_stream_set_layer(stream, layer), -EBUSY);
    assert_int_equal(yibu_send_all(fds[1], "x", 1, NULL), 0);
    assert_int_equal(yibu_await(task), 1);
    yibu_task_unref(task);
    assert_int_equal(yibu_stream_set_layer(stream, NULL), -EINVAL);
    assert_int_equal(yibu_stream_set_layer(stream, layer), 0);
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_set_layer(stream, layer), -EPIPE);
    yibu_stream_free(stream);
    close(fds[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_over_a_layer_sends_and_receives_through_it),
        cmocka_unit_test(a_cancel_reaches_the_operation_below),
        cmocka_unit_test(a_stream_moves_to_another_layer_with_what_is_buffered),
        cmocka_unit_test(the_layer_of_a_busy_or_closing_stream_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
