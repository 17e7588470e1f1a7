/* TLS below connections in the callback form. */
#include <malloc.h>

#include "recorder.h"
#include "world.h"

/* A recorder's transport and a stream that is its peer, one layer below each. */
typedef struct line {
    yibu_tls_context *server, *client;
    recorder r;
    yibu_stream *peer;
    int ends[2], descriptors;
} line;

/* Whether the descriptors' layers are to do nothing but what every layer must. */
static bool plainly;

static ssize_t write_later(yibu_layer *layer, const struct iovec *pieces, size_t count)
{
    (void)layer;
    (void)pieces;
    (void)count;
    return -EAGAIN;
}

static void make_plain(yibu_layer *layer)
{
    static yibu_layer_methods methods;
    methods = *layer->methods;
    methods.try_write = write_later;
    methods.wait_readable = NULL;
    methods.try_read = NULL;
    layer->methods = &methods;
}

static yibu_layer *secure(int fd, yibu_tls_context *context)
{
    const yibu_tls_options options = {.size = sizeof(options), .server_name = "localhost"};
    yibu_layer *below, *layer;
    assert_int_equal(yibu_fd_layer_new(fd, &below), 0);
    if (plainly)
        make_plain(below);
    assert_int_equal(yibu_tls_layer_new(below, context, &options, &layer), 0);
    return layer;
}

static void begin_contexts(line *l)
{
    recorder_init(&l->r);
    l->descriptors = count_descriptors();
    l->server = server_context("server");
    l->client = client_context();
}

static void begin_line(line *l)
{
    begin_contexts(l);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, l->ends), 0);
    yibu_layer *ours = secure(l->ends[0], l->server), *theirs = secure(l->ends[1], l->client);
    assert_int_equal(yibu_transport_new_on(ours, &l->r.protocol, NULL, &l->r.transport), 0);
    assert_int_equal(yibu_stream_new_on(theirs, NULL, &l->peer), 0);
}

static void end_line(line *l)
{
    yibu_stream_free(l->peer);
    wait_for_end(&l->r);
    while (count_descriptors() > l->descriptors) /* the last words go out first */
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    yibu_tls_context_free(l->server);
    yibu_tls_context_free(l->client);
}

static void expect_text(yibu_stream *stream, const char *text)
{
    char bytes[64];
    assert_int_equal(yibu_stream_readexactly(stream, bytes, strlen(text)), 0);
    assert_memory_equal(bytes, text, strlen(text));
}

LOOP_TEST(a_protocol_hears_of_what_came_decrypted)
{
    line l;
    begin_line(&l);
    assert_int_equal(yibu_stream_write(l.peer, "hello", 5), 0);
    wait_for_log(&l.r, "made data(hello) ");
    assert_int_equal(yibu_transport_write(l.r.transport, "answer", 6), 0);
    expect_text(l.peer, "answer");
    close_stream(l.peer);
    l.peer = NULL;
    wait_for_log(&l.r, "made data(hello) eof lost(0) ");
    end_line(&l);
    return 0;
}

LOOP_TEST(a_record_may_be_larger_than_the_protocols_buffer)
{
    line l;
    begin_line(&l);
    l.r.protocol.methods = &buffered_methods;
    l.r.room = 3;
    assert_int_equal(yibu_stream_write(l.peer, "hello", 5), 0);
    wait_for_log(&l.r, "made updated(hel) updated(lo) ");
    yibu_transport_close(l.r.transport);
    end_line(&l);
    return 0;
}

LOOP_TEST(what_comes_during_a_pause_is_told_after_it)
{
    line l;
    begin_line(&l);
    assert_int_equal(yibu_stream_write(l.peer, "1", 1), 0);
    wait_for_log(&l.r, "made data(1) ");
    assert_int_equal(yibu_transport_pause_reading(l.r.transport), 0);
    assert_int_equal(yibu_stream_write(l.peer, "2", 1), 0);
    assert_int_equal(yibu_sleep(YIBU_MS(3)), 0);
    assert_string_equal(l.r.log, "made data(1) ");
    assert_int_equal(yibu_transport_resume_reading(l.r.transport), 0);
    wait_for_log(&l.r, "made data(1) data(2) ");
    yibu_transport_close(l.r.transport);
    end_line(&l);
    return 0;
}

LOOP_TEST(a_protocol_loses_a_connection_that_is_truncated)
{
    line l;
    begin_line(&l);
    assert_int_equal(yibu_stream_write(l.peer, "hello", 5), 0);
    wait_for_log(&l.r, "made data(hello) ");
    yibu_stream_abort(l.peer);
    wait_for_end(&l.r);
    assert_non_null(strstr(l.r.log, "lost("));
    assert_null(strstr(l.r.log, "eof"));
    assert_null(strstr(l.r.log, "lost(0)"));
    end_line(&l);
    return 0;
}

LOOP_TEST(a_protocol_loses_a_connection_whose_handshake_fails)
{
    line l;
    begin_line(&l);
    yibu_stream_abort(l.peer);
    assert_int_equal(yibu_sleep(0), 0);
    wait_for_end(&l.r);
    assert_null(strstr(l.r.log, "lost(0)"));
    end_line(&l);
    return 0;
}

/* All that a transport can be told, and each way to end there. */
LOOP_TEST(a_connection_can_be_ended_at_each_event)
{
    static const char *const events[] = {"made", "data", "updated", "buffer", "eof"};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        for (act a = ACT_NONE; a < ACT_COUNT; a++) {
            line l;
            begin_line(&l);
            bool is_buffered =
                strcmp(events[i], "updated") == 0 || strcmp(events[i], "buffer") == 0;
            if (is_buffered)
                l.r.protocol.methods = &buffered_methods;
            l.r.room = sizeof(l.r.bytes);
            l.r.event = events[i];
            l.r.act = a;
            (void)yibu_stream_write(l.peer, "x", 1);
            yibu_stream_close(l.peer);
            (void)yibu_stream_wait_closed(l.peer);
            end_line(&l);
        }
    }
    return 0;
}

/* Both directions at once, more than every buffer. */

static void echo_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    (void)protocol;
    assert_int_equal(yibu_transport_write(transport, data, size), 0);
}

static const yibu_protocol_methods echo_methods = {.size = sizeof(echo_methods),
                                                   .data_received = echo_data};
static yibu_protocol echo_protocol = {&echo_methods};

static void echo_big(void)
{
    line l;
    begin_line(&l);
    wait_for_log(&l.r, "made ");
    assert_int_equal(yibu_transport_set_protocol(l.r.transport, &echo_protocol), 0);
    exchange_much(l.peer);
    close_stream(l.peer);
    l.peer = NULL;
    l.r.ended = true;
    end_line(&l);
}

LOOP_TEST(a_transport_echoes_more_than_every_buffer)
{
    echo_big();
    return 0;
}

LOOP_TEST(a_layer_below_may_know_operations_only)
{
    plainly = true;
    echo_big();
    plainly = false;
    return 0;
}

/* Memory. */

enum { PAIRS = 20, PAIR_LIMIT = 64 << 10 }; /* of which OpenSSL keeps two thirds */

static intptr_t read_byte(void *stream)
{
    char byte;
    return yibu_stream_read(stream, &byte, 1);
}

typedef struct resting_pair {
    yibu_transport *transport;
    yibu_stream *peer;
    yibu_task *reader;
} resting_pair;

static resting_pair begin_pair(const line *l)
{
    int ends[2];
    resting_pair p;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(
        yibu_transport_new_on(secure(ends[0], l->server), &echo_protocol, NULL, &p.transport), 0);
    assert_int_equal(yibu_stream_new_on(secure(ends[1], l->client), NULL, &p.peer), 0);
    exchange_much(p.peer);
    p.reader = yibu_create_task(read_byte, p.peer, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    return p;
}

static void end_pair(resting_pair *p)
{
    yibu_task_cancel(p->reader);
    assert_int_equal(yibu_await(p->reader), -ECANCELED);
    yibu_task_unref(p->reader);
    close_stream(p->peer);
}

LOOP_TEST(a_connection_that_rests_holds_no_large_buffer)
{
    line l;
    begin_contexts(&l);
    resting_pair pairs[PAIRS], first = begin_pair(&l);
    assert_int_equal(yibu_sleep(YIBU_MS(1300)), 0); /* streams give back what has grown */
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < PAIRS; i++)
        pairs[i] = begin_pair(&l);
    assert_int_equal(yibu_sleep(YIBU_MS(1300)), 0);
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    print_message("%zu bytes a pair\n", (after - before) / PAIRS);
    assert_true(after < before + (size_t)PAIRS * PAIR_LIMIT);
    for (int i = 0; i < PAIRS; i++)
        end_pair(&pairs[i]);
    end_pair(&first);
    l.peer = NULL;
    l.r.ended = true;
    end_line(&l);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_protocol_hears_of_what_came_decrypted),
        cmocka_unit_test(a_record_may_be_larger_than_the_protocols_buffer),
        cmocka_unit_test(what_comes_during_a_pause_is_told_after_it),
        cmocka_unit_test(a_protocol_loses_a_connection_that_is_truncated),
        cmocka_unit_test(a_protocol_loses_a_connection_whose_handshake_fails),
        cmocka_unit_test(a_connection_can_be_ended_at_each_event),
        cmocka_unit_test(a_transport_echoes_more_than_every_buffer),
        cmocka_unit_test(a_layer_below_may_know_operations_only),
        cmocka_unit_test(a_connection_that_rests_holds_no_large_buffer),
    };
    return run_tls_tests(tests);
}
