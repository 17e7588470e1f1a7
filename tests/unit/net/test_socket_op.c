/* Socket operations in the callback form, without any task. */
#include "streams.h"

typedef struct call {
    yibu_op op; /* first: its callback converts by cast */
    int calls;
    ssize_t result;
} call;

static void note_end(yibu_op *op, ssize_t result)
{
    call *c = (call *)op;
    c->calls++;
    c->result = result;
}

static call new_call(void)
{
    return (call){.op = {.callback = note_end}};
}

static yibu_loop *loop;

static int open_loop(void **state)
{
    (void)state;
    return yibu_loop_new(NULL, &loop);
}

static int close_loop(void **state)
{
    (void)state;
    return yibu_loop_free(loop);
}

static ssize_t result_of(const call *c)
{
    while (c->calls == 0)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
    assert_int_equal(c->calls, 1);
    return c->result;
}

static int new_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static pair connect_two(void)
{
    uint16_t port;
    int listener = listen_anywhere(&port);
    yibu_address address, peer;
    assert_int_equal(yibu_address_parse("127.0.0.1", port, &address), 0);
    pair p = {.client = new_socket()};
    call accepting = new_call(), connecting = new_call();
    assert_int_equal(yibu_op_accept(loop, &accepting.op, listener, &peer), 0);
    assert_int_equal(yibu_op_connect(loop, &connecting.op, p.client, &address), 0);
    memset(&address, 0, sizeof(address)); /* it was read before the call returned */
    assert_int_equal(accepting.calls + connecting.calls, 0);
    assert_int_equal(result_of(&connecting), 0);
    p.server = (int)result_of(&accepting);
    assert_true(p.server >= 0);
    yibu_address own;
    assert_int_equal(yibu_getsockname(p.client, &own), 0);
    assert_int_equal(yibu_address_port(&peer), yibu_address_port(&own));
    assert_int_equal(yibu_close(listener), 0);
    return p;
}

static void two_sockets_connect_and_talk(void **state)
{
    (void)state;
    pair p = connect_two();
    char text[16] = "";
    call receiving = new_call(), sending = new_call();
    assert_int_equal(yibu_op_recv(loop, &receiving.op, p.server, text, sizeof(text)), 0);
    assert_int_equal(yibu_op_send(loop, &sending.op, p.client, "hello", 5), 0);
    assert_int_equal(receiving.calls + sending.calls, 0);
    assert_int_equal(result_of(&sending), 5);
    assert_int_equal(result_of(&receiving), 5);
    assert_string_equal(text, "hello");

    receiving = new_call();
    assert_int_equal(yibu_op_recv(loop, &receiving.op, p.server, text, sizeof(text)), 0);
    assert_int_equal(yibu_close(p.client), 0);
    assert_int_equal(result_of(&receiving), 0);
    assert_int_equal(yibu_close(p.server), 0);
}

static void a_result_that_is_there_already_still_comes_from_the_loop(void **state)
{
    (void)state;
    pair p = connect_two();
    char byte = 0;
    assert_int_equal(send(p.client, "x", 1, 0), 1);
    call receiving = new_call();
    assert_int_equal(yibu_op_recv(loop, &receiving.op, p.server, &byte, 1), 0);
    assert_int_equal(receiving.calls, 0);
    assert_int_equal(result_of(&receiving), 1);
    assert_int_equal(byte, 'x');
    close_pair(p);
}

typedef struct drain {
    call c;
    int fd;
    size_t place, size;
    uint8_t buffer[10007];
} drain;

static void receive_on(yibu_op *op, ssize_t n)
{
    drain *d = (drain *)op;
    assert_true(n > 0);
    check_stream(d->buffer, (size_t)n, d->place);
    d->place += (size_t)n;
    if (d->place < d->size)
        assert_int_equal(yibu_op_recv(loop, op, d->fd, d->buffer, sizeof(d->buffer)), 0);
    else
        note_end(op, 0);
}

static void send_all_sends_all_however_slowly_it_is_received(void **state)
{
    (void)state;
    pair p = connect_two();
    const size_t size = 8 << 20;
    uint8_t *bytes = new_stream(size);
    call sending = new_call();
    size_t sent = 0;
    drain d = {.fd = p.server, .size = size};
    d.c.op.callback = receive_on;
    assert_int_equal(yibu_op_send_all(loop, &sending.op, p.client, bytes, size, &sent), 0);
    assert_int_equal(yibu_op_recv(loop, &d.c.op, d.fd, d.buffer, sizeof(d.buffer)), 0);
    assert_int_equal(result_of(&d.c), 0);
    assert_int_equal(result_of(&sending), size);
    assert_int_equal(sent, size);
    free(bytes);
    close_pair(p);
}

static void cancelled_operations_call_back_once(void **state)
{
    (void)state;
    pair p = connect_two();
    uint16_t port;
    int listener = listen_anywhere(&port);
    const size_t size = 32 << 20;
    uint8_t *bytes = new_stream(size);
    char byte;
    size_t sent = 0;
    call receiving = new_call(), accepting = new_call(), sending = new_call();
    assert_int_equal(yibu_op_recv(loop, &receiving.op, p.server, &byte, 1), 0);
    /* The other direction: what is sent here is not received by the first operation. */
    assert_int_equal(yibu_op_send_all(loop, &sending.op, p.server, bytes, size, &sent), 0);
    assert_int_equal(yibu_op_accept(loop, &accepting.op, listener, NULL), 0);
    assert_int_equal(yibu_loop_run_once(loop, 0), 1);
    call *calls[] = {&receiving, &accepting, &sending};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(calls[i]->calls, 0);
        assert_int_equal(yibu_op_cancel(&calls[i]->op), 0);
        assert_int_equal(calls[i]->calls, 0);
        assert_int_equal(result_of(calls[i]), -ECANCELED);
        assert_int_equal(yibu_op_cancel(&calls[i]->op), -EALREADY);
    }
    assert_in_range(sent, 1, size - 1);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(calls[i]->calls, 1);
    free(bytes);
    assert_int_equal(yibu_close(listener), 0);
    close_pair(p);
}

static void a_cancel_right_after_the_start_calls_back_too(void **state)
{
    (void)state;
    pair p = connect_two();
    char byte;
    call receiving = new_call();
    assert_int_equal(yibu_op_recv(loop, &receiving.op, p.server, &byte, 1), 0);
    assert_int_equal(yibu_op_cancel(&receiving.op), 0);
    assert_int_equal(result_of(&receiving), -ECANCELED);
    close_pair(p);
}

static void failures_come_back_like_results(void **state)
{
    (void)state;
    uint16_t port;
    assert_int_equal(yibu_close(listen_anywhere(&port)), 0);
    yibu_address address;
    assert_int_equal(yibu_address_parse("127.0.0.1", port, &address), 0);
    int fd = new_socket();
    call connecting = new_call();
    assert_int_equal(yibu_op_connect(loop, &connecting.op, fd, &address), 0);
    assert_int_equal(result_of(&connecting), -ECONNREFUSED);
    call accepting = new_call();
    assert_int_equal(yibu_op_accept(loop, &accepting.op, fd, NULL), 0);
    assert_int_equal(result_of(&accepting), -EINVAL);
    assert_int_equal(yibu_close(fd), 0);
}

static void wrong_arguments_fail_at_the_start(void **state)
{
    (void)state;
    char byte = 0;
    call c = new_call();
    assert_int_equal(yibu_op_recv(loop, &c.op, -1, &byte, 1), -EBADF);
    assert_int_equal(yibu_op_recv(loop, &c.op, 0, NULL, 1), -EINVAL);
    assert_int_equal(yibu_op_send(loop, &c.op, 0, NULL, 1), -EINVAL);
    assert_int_equal(yibu_op_connect(loop, &c.op, 0, NULL), -EINVAL);
    assert_int_equal(yibu_op_accept(NULL, &c.op, 0, NULL), -EINVAL);
    assert_int_equal(yibu_op_recv(loop, NULL, 0, &byte, 1), -EINVAL);
    c.op.callback = NULL;
    assert_int_equal(yibu_op_recv(loop, &c.op, 0, &byte, 1), -EINVAL);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    assert_int_equal(c.calls, 0);
}

#define OP_TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_loop, close_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OP_TEST(two_sockets_connect_and_talk),
        OP_TEST(a_result_that_is_there_already_still_comes_from_the_loop),
        OP_TEST(send_all_sends_all_however_slowly_it_is_received),
        OP_TEST(cancelled_operations_call_back_once),
        OP_TEST(a_cancel_right_after_the_start_calls_back_too),
        OP_TEST(failures_come_back_like_results),
        OP_TEST(wrong_arguments_fail_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
