/* The end of connections: peers that do not answer, time limits, Unix sockets, layers. */
#include "world.h"

/* A peer that never answers close_notify, nor reads. */
static intptr_t ignore(yibu_stream *stream, void *arg)
{
    (void)arg;
    while (!yibu_stream_is_closing(stream) && yibu_sleep(YIBU_MS(1)) == 0)
        ;
    return 0;
}

LOOP_TEST(a_peer_that_does_not_answer_is_left_in_time)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, ignore);
    w.options.shutdown_timeout_ns = YIBU_MS(30);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    int64_t start_ns = yibu_loop_time(yibu_get_running_loop());
    close_stream(stream); /* what was written has gone out */
    int64_t took_ns = yibu_loop_time(yibu_get_running_loop()) - start_ns;
    assert_true(took_ns >= YIBU_MS(30));
    yibu_server_abort_clients(w.listener);
    end_world(&w);
    return 0;
}

LOOP_TEST(who_does_not_want_to_wait_for_the_peer_does_not)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, ignore);
    w.options.shutdown_timeout_ns = -1;
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    int64_t start_ns = yibu_loop_time(yibu_get_running_loop());
    close_stream(stream);
    assert_true(yibu_loop_time(yibu_get_running_loop()) - start_ns < YIBU_SECONDS(20));
    end_world(&w);
    return 0;
}

LOOP_TEST(what_does_not_go_out_in_time_is_told)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, ignore);
    w.options.shutdown_timeout_ns = YIBU_MS(50);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    /* More than the socket takes, and less than the layer keeps, is lost without anybody's notice
     * but the close's. */
    char piece[1000] = {0};
    while (yibu_stream_get_write_buffer_size(stream) == 0)
        assert_int_equal(yibu_stream_write(stream, piece, sizeof(piece)), 0);
    yibu_stream_close(stream);
    int r;
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(300));
    r = (int)yibu_timeout_end(&limit, yibu_stream_wait_closed(stream));
    assert_int_equal(r, -ETIMEDOUT);
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

LOOP_TEST(a_stream_can_be_aborted_while_it_closes)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, ignore);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    yibu_stream_close(stream);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    yibu_stream_abort(stream);
    assert_int_equal(yibu_stream_wait_closed(stream), 0);
    yibu_stream_free(stream);
    end_world(&w);
    return 0;
}

static intptr_t read_byte(void *stream)
{
    char byte;
    return yibu_stream_read(stream, &byte, 1);
}

LOOP_TEST(a_read_ends_when_its_own_side_closes)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    for (int aborts = 0; aborts < 2; aborts++) {
        yibu_stream *stream;
        assert_int_equal(connect_world(&w, &stream), 0);
        yibu_task *reader = yibu_create_task(read_byte, stream, NULL);
        assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
        if (aborts)
            yibu_stream_abort(stream);
        else
            yibu_stream_close(stream);
        assert_int_equal(yibu_await(reader), 0);
        yibu_task_unref(reader);
        assert_int_equal(yibu_stream_wait_closed(stream), 0);
        yibu_stream_free(stream);
    }
    end_world(&w);
    return 0;
}

static yibu_stream *forgotten;

static intptr_t forget_a_stream(void *arg)
{
    (void)arg;
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    assert_int_equal(connect_world(&w, &forgotten), 0);
    talk(forgotten);
    yibu_server_free(w.listener);
    yibu_tls_context_free(w.server);
    yibu_tls_context_free(w.client);
    return 0;
}

static void a_stream_can_be_freed_after_its_loop(void **state)
{
    int before = count_descriptors();
    test_run_loop(forget_a_stream, state);
    assert_int_equal(count_descriptors(), before); /* the loop's end closed it */
    yibu_stream_free(forgotten);
}

LOOP_TEST(tls_goes_over_unix_sockets)
{
    world w;
    begin_world(&w, "server");
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/socket", certificates);
    assert_int_equal(yibu_tls_start_unix_server(echo, &w, path, w.server, NULL, &w.listener), 0);
    yibu_stream *stream;
    assert_int_equal(yibu_tls_open_unix_connection(path, w.client, NULL, &stream), -EINVAL);
    assert_int_equal(yibu_tls_open_unix_connection(path, w.client, &w.options, &stream), 0);
    talk(stream);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* TLS in TLS: a layer stands on any other. */
static intptr_t serve_inner(yibu_stream *stream, void *arg)
{
    const world *w = arg;
    int r = yibu_stream_start_tls(stream, w->server, NULL);
    return r < 0 ? r : echo(stream, NULL);
}

LOOP_TEST(tls_stands_on_tls)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, serve_inner);
    yibu_stream *stream;
    assert_int_equal(connect_world(&w, &stream), 0);
    assert_int_equal(yibu_stream_start_tls(stream, w.client, &w.options), 0);
    talk(stream);
    uint8_t *bytes = new_stream(1 << 20), *back = malloc(1 << 20);
    assert_int_equal(yibu_stream_write(stream, bytes, 1 << 20), 0);
    assert_int_equal(yibu_stream_readexactly(stream, back, 1 << 20), 0);
    check_stream(back, 1 << 20, 0);
    free(bytes);
    free(back);
    close_stream(stream);
    end_world(&w);
    return 0;
}

/* The form without tasks. */

typedef struct shaking {
    yibu_op op;
    yibu_event ended;
    ssize_t result;
} shaking;

static void shaken(yibu_op *op, ssize_t result)
{
    shaking *s = op->arg;
    s->result = result;
    yibu_event_set(&s->ended);
}

LOOP_TEST(a_layer_shakes_hands_by_an_operation)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    int fd = yibu_tcp_connect("127.0.0.1", yibu_server_port(w.listener));
    assert_true(fd >= 0);
    yibu_layer *below, *layer;
    yibu_stream *stream;
    shaking s = {.op = {.callback = shaken, .arg = &s}, .ended = YIBU_EVENT_INIT};
    assert_int_equal(yibu_fd_layer_new(fd, &below), 0);
    assert_int_equal(yibu_tls_layer_new(below, w.client, &w.options, &layer), 0);
    assert_int_equal(yibu_tls_layer_handshake(layer, &s.op), 0);
    assert_int_equal(yibu_tls_layer_handshake(layer, &s.op), -EBUSY);
    assert_int_equal(yibu_stream_new_on(layer, NULL, &stream), 0);
    talk(stream); /* waits for the handshake */
    assert_int_equal(yibu_event_wait(&s.ended), 0);
    assert_int_equal(s.result, 0);
    assert_int_equal(yibu_tls_layer_handshake(below, &s.op), -EINVAL);
    close_stream(stream);
    end_world(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_does_not_answer_is_left_in_time),
        cmocka_unit_test(who_does_not_want_to_wait_for_the_peer_does_not),
        cmocka_unit_test(what_does_not_go_out_in_time_is_told),
        cmocka_unit_test(a_stream_can_be_aborted_while_it_closes),
        cmocka_unit_test(a_read_ends_when_its_own_side_closes),
        cmocka_unit_test(a_stream_can_be_freed_after_its_loop),
        cmocka_unit_test(tls_goes_over_unix_sockets),
        cmocka_unit_test(tls_stands_on_tls),
        cmocka_unit_test(a_layer_shakes_hands_by_an_operation),
    };
    return run_tls_tests(tests);
}
