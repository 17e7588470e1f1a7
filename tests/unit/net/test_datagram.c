/* Datagram transports: the callback form, with and without a task. */
#include "datagrams.h"

#include "loop.h"

/* How many times the library has asked for memory. */
static int allocations;

static void *count_allocation(size_t size, void *arg)
{
    (void)arg;
    allocations++;
    return malloc(size);
}

static void *count_reallocation(void *memory, size_t size, void *arg)
{
    (void)arg;
    allocations++;
    return realloc(memory, size);
}

static void release(void *memory, void *arg)
{
    (void)arg;
    free(memory);
}

/* A protocol that notes what it is told. */
typedef struct notes {
    yibu_datagram_protocol protocol;
    yibu_datagram_transport *transport;
    int made, lost, received, errors, paused, resumed;
    int lost_error, last_error;
    size_t bytes;
    char text[64];
    size_t size; /* of text */
    yibu_address from;
    yibu_udp_error what;
    bool echoes, frees, closes;
    yibu_event changed;
} notes;

static notes *notes_of(yibu_datagram_protocol *protocol)
{
    return (notes *)(void *)protocol;
}

static void made(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport)
{
    notes *n = notes_of(protocol);
    assert_int_equal(n->made++, 0);
    n->transport = transport;
    yibu_event_set(&n->changed);
}

static void received(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
                     void *data, size_t size, const yibu_address *from)
{
    notes *n = notes_of(protocol);
    assert_int_equal(n->made, 1);
    assert_int_equal(n->lost, 0);
    n->received++;
    n->bytes += size;
    n->from = *from;
    n->size = size < sizeof(n->text) ? size : sizeof(n->text);
    memcpy(n->text, data, n->size);
    if (n->echoes)
        assert_int_equal(yibu_datagram_transport_sendto(transport, data, size, from), 0);
    if (n->closes)
        yibu_datagram_transport_close(transport);
    if (n->frees)
        yibu_datagram_transport_free(transport);
    yibu_event_set(&n->changed);
}

static void failed(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport, int error,
                   const yibu_udp_error *what)
{
    (void)transport;
    notes *n = notes_of(protocol);
    n->errors++;
    n->last_error = error;
    if (what)
        n->what = *what;
    yibu_event_set(&n->changed);
}

static void lost(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport, int error)
{
    notes *n = notes_of(protocol);
    assert_ptr_equal(transport, n->transport);
    assert_int_equal(n->lost++, 0);
    n->lost_error = error;
    yibu_event_set(&n->changed);
}

static void paused(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport)
{
    (void)transport;
    notes_of(protocol)->paused++;
}

static void resumed(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport)
{
    (void)transport;
    notes_of(protocol)->resumed++;
    yibu_event_set(&notes_of(protocol)->changed);
}

static const yibu_datagram_methods methods = {.size = sizeof(methods),
                                              .connection_made = made,
                                              .datagram_received = received,
                                              .error_received = failed,
                                              .connection_lost = lost,
                                              .pause_writing = paused,
                                              .resume_writing = resumed};

#define NOTES                                              \
    {                                                      \
        .protocol = {&methods}, .changed = YIBU_EVENT_INIT \
    }

/* Waits until *count has come to at_least. */
static void wait_until(notes *n, const int *count, int at_least)
{
    while (*count < at_least) {
        yibu_event_clear(&n->changed);
        assert_int_equal(yibu_event_wait(&n->changed), 0);
    }
}

static uint16_t port_of(const yibu_datagram_transport *transport)
{
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_datagram_transport_get_extra_info(transport, &info), 0);
    return yibu_address_port(&info.local);
}

static void begin(notes *n, const yibu_datagram_options *options)
{
    assert_int_equal(
        yibu_create_datagram_endpoint(&n->protocol, "127.0.0.1", 0, options, &n->transport), 0);
    wait_until(n, &n->made, 1);
}

static void end(notes *n)
{
    yibu_datagram_transport_close(n->transport);
    wait_until(n, &n->lost, 1);
    assert_int_equal(n->lost_error, 0);
}

LOOP_TEST(a_datagram_is_answered)
{
    int descriptors = count_descriptors();
    notes server = NOTES, client = NOTES;
    server.echoes = true;
    begin(&server, NULL);
    yibu_datagram_options options = {
        .size = sizeof(options), .remote_host = "127.1", .remote_port = port_of(server.transport)};
    begin(&client, &options);
    assert_int_equal(yibu_datagram_transport_sendto(client.transport, "hello", 5, NULL), 0);
    wait_until(&client, &client.received, 1);
    assert_int_equal(client.size, 5);
    assert_memory_equal(client.text, "hello", 5);
    assert_int_equal(yibu_address_port(&client.from), port_of(server.transport));
    assert_int_equal(yibu_datagram_transport_sendto(client.transport, NULL, 0, NULL), 0);
    wait_until(&client, &client.received, 2);
    assert_int_equal(client.size, 0);
    end(&client);
    end(&server);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(no_callback_comes_from_inside_a_call)
{
    notes n = NOTES;
    assert_int_equal(yibu_create_datagram_endpoint(&n.protocol, "127.0.0.1", 0, NULL, &n.transport),
                     0);
    assert_int_equal(n.made, 0);
    yibu_datagram_transport_close(n.transport);
    assert_int_equal(n.lost, 0);
    assert_true(yibu_datagram_transport_is_closing(n.transport));
    assert_int_equal(yibu_datagram_transport_sendto(n.transport, "x", 1, NULL), -EPIPE);
    wait_until(&n, &n.lost, 1);
    assert_int_equal(n.made, 1);
    return 0;
}

LOOP_TEST(many_datagrams_come_in_without_an_allocation)
{
    enum { ROUNDS = 50, EACH = 40 };
    notes n = NOTES;
    begin(&n, NULL);
    int fd = yibu_udp_connect("127.0.0.1", port_of(n.transport), NULL);
    static yibu_message messages[EACH];
    char byte = 'x';
    for (int i = 0; i < EACH; i++)
        messages[i] = (yibu_message){.data = &byte, .size = 1};
    int before = 0;
    for (int i = 1; i <= ROUNDS; i++) {
        assert_int_equal(yibu_send_messages(fd, messages, EACH, NULL), 0);
        wait_until(&n, &n.received, i * EACH);
        if (i == 1)
            before = allocations;
    }
    assert_int_equal(allocations, before);
    assert_int_equal(n.received, ROUNDS * EACH);
    assert_int_equal(yibu_close(fd), 0);
    end(&n);
    return 0;
}

LOOP_TEST(a_refusal_is_told_and_the_transport_goes_on)
{
    yibu_address nobody;
    int closed = bind_anywhere(NULL, &nobody);
    assert_int_equal(yibu_close(closed), 0);
    notes n = NOTES;
    yibu_datagram_options options = {.size = sizeof(options),
                                     .remote_host = "127.0.0.1",
                                     .remote_port = yibu_address_port(&nobody)};
    begin(&n, &options);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(yibu_datagram_transport_sendto(n.transport, "x", 1, NULL), 0);
        wait_until(&n, &n.errors, i);
        assert_int_equal(n.last_error, -ECONNREFUSED);
        assert_int_equal(n.what.error, 0);
    }
    end(&n);
    return 0;
}

LOOP_TEST(with_the_error_queue_it_is_told_which_datagram)
{
    yibu_address nobody;
    int closed = bind_anywhere(NULL, &nobody);
    assert_int_equal(yibu_close(closed), 0);
    notes n = NOTES;
    yibu_datagram_options options = {.size = sizeof(options), .udp = {.error_queue = true}};
    begin(&n, &options);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(yibu_datagram_transport_sendto(n.transport, "x", 1, &nobody), 0);
        wait_until(&n, &n.errors, i);
        assert_int_equal(n.what.error, -ECONNREFUSED);
        expect_same_address(&n.what.destination, &nobody);
    }
    end(&n);
    return 0;
}

LOOP_TEST(a_protocol_may_free_or_close_while_it_is_told)
{
    int descriptors = count_descriptors();
    for (int i = 0; i < 2; i++) {
        notes n = NOTES;
        n.frees = i == 0;
        n.closes = i == 1;
        begin(&n, NULL);
        int fd = yibu_udp_connect("127.0.0.1", port_of(n.transport), NULL);
        for (int k = 0; k < 5; k++)
            assert_int_equal(yibu_sendto(fd, "x", 1, NULL), 1);
        wait_until(&n, &n.received, 1);
        assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
        assert_int_equal(n.received, 1);
        assert_int_equal(n.lost, i);
        assert_int_equal(yibu_close(fd), 0);
    }
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

static void note_message(yibu_datagram_protocol *protocol, yibu_datagram_transport *transport,
                         yibu_message *message)
{
    assert_true(message->flags & YIBU_MESSAGE_HOP_LIMIT);
    received(protocol, transport, message->data, message->size, &message->address);
}

LOOP_TEST(a_whole_message_is_told_where_that_is_asked_for)
{
    yibu_datagram_methods whole = methods;
    whole.message_received = note_message;
    notes n = NOTES;
    n.protocol.methods = &whole;
    yibu_datagram_options options = {.size = sizeof(options),
                                     .udp = {.tell = YIBU_MESSAGE_HOP_LIMIT}};
    begin(&n, &options);
    int fd = yibu_udp_connect("127.0.0.1", port_of(n.transport), NULL);
    assert_int_equal(yibu_sendto(fd, "abc", 3, NULL), 3);
    wait_until(&n, &n.received, 1);
    assert_int_equal(n.size, 3);
    assert_int_equal(yibu_close(fd), 0);
    end(&n);
    return 0;
}

LOOP_TEST(with_gro_datagrams_are_told_one_by_one)
{
    notes n = NOTES;
    yibu_datagram_options options = {.size = sizeof(options), .udp = {.gro = true}};
    begin(&n, &options);
    int fd = yibu_udp_connect("127.0.0.1", port_of(n.transport), NULL);
    static char text[1000];
    yibu_message message = {.data = text, .size = sizeof(text), .segment_size = 30};
    assert_int_equal(yibu_send_message(fd, &message), sizeof(text));
    wait_until(&n, &n.received, 34);
    assert_int_equal(n.bytes, sizeof(text));
    assert_int_equal(n.size, 10);
    assert_int_equal(yibu_close(fd), 0);
    end(&n);
    return 0;
}

/* Fills a Unix socket whose receiver does not read, until sending is refused. */
static int fill(notes *n, const yibu_address *to)
{
    uint32_t count = 0;
    int r;
    while ((r = yibu_datagram_transport_sendto(n->transport, &count, sizeof(count), to)) == 0)
        count++;
    assert_int_equal(r, -ENOBUFS);
    return (int)count;
}

static void expect_all_in_order(int receiver, int count)
{
    for (int i = 0; i < count; i++) {
        uint32_t number = 0;
        assert_int_equal(yibu_recvfrom(receiver, &number, sizeof(number), NULL), sizeof(number));
        assert_int_equal(number, i);
    }
}

/* addressed: the socket is not connected, and nothing tells when there is room. */
static void flow(bool addressed, bool close_first)
{
    const char *name = abstract_name("datagram-flow");
    int receiver = yibu_unix_bind(name);
    yibu_address to;
    assert_int_equal(yibu_unix_address(name, &to), 0);
    int fd = addressed ? yibu_unix_bind(NULL) : yibu_unix_connect(SOCK_DGRAM, name);
    notes n = NOTES;
    yibu_datagram_options options = {
        .size = sizeof(options), .high_water = 2000, .low_water = 1000, .max_buffered = 20000};
    assert_int_equal(yibu_datagram_transport_new(fd, &n.protocol, &options, &n.transport), 0);
    int count = fill(&n, addressed ? &to : NULL);
    assert_true(count > 50);
    static char longer[20000];
    assert_int_equal(yibu_datagram_transport_sendto(n.transport, longer, sizeof(longer),
                                                    addressed ? &to : NULL),
                     -ENOBUFS);
    assert_int_equal(n.paused, 1);
    assert_true(yibu_datagram_transport_get_write_buffer_size(n.transport) > 19000);
    assert_true(yibu_datagram_transport_get_write_buffer_size(n.transport) <= 20000);
    if (close_first)
        yibu_datagram_transport_close(n.transport);
    expect_all_in_order(receiver, count);
    if (!close_first) {
        wait_until(&n, &n.resumed, 1);
        assert_int_equal(yibu_datagram_transport_get_write_buffer_size(n.transport), 0);
        yibu_datagram_transport_close(n.transport);
    }
    wait_until(&n, &n.lost, 1);
    assert_int_equal(n.lost_error, 0);
    assert_int_equal(yibu_close(receiver), 0);
}

LOOP_TEST(what_does_not_go_out_at_once_waits_up_to_a_limit_and_then_goes)
{
    int descriptors = count_descriptors();
    flow(false, false);
    flow(true, false);
    flow(false, true);
    flow(true, true);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(an_abort_drops_what_waits)
{
    int descriptors = count_descriptors();
    const char *name = abstract_name("datagram-abort");
    int receiver = yibu_unix_bind(name);
    int fd = yibu_unix_connect(SOCK_DGRAM, name);
    notes n = NOTES;
    yibu_datagram_options options = {.size = sizeof(options), .max_buffered = 20000};
    assert_int_equal(yibu_datagram_transport_new(fd, &n.protocol, &options, &n.transport), 0);
    (void)fill(&n, NULL);
    wait_until(&n, &n.made, 1);
    yibu_datagram_transport_abort(n.transport);
    assert_int_equal(yibu_datagram_transport_get_write_buffer_size(n.transport), 0);
    wait_until(&n, &n.lost, 1);
    assert_int_equal(yibu_close(receiver), 0);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(a_failure_that_cannot_pass_ends_the_transport)
{
    notes n = NOTES;
    begin(&n, NULL);
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_datagram_transport_get_extra_info(n.transport, &info), 0);
    assert_int_equal(yibu_close(info.fd), 0);
    wait_until(&n, &n.lost, 1);
    assert_int_equal(n.lost_error, -EBADF);
    return 0;
}

LOOP_TEST(what_is_no_socket_for_datagrams_is_refused)
{
    int descriptors = count_descriptors();
    notes n = NOTES;
    yibu_datagram_methods small = methods;
    small.size = sizeof(size_t);
    yibu_datagram_protocol unsound = {&small};
    int ends[2];
    assert_int_equal(yibu_socketpair(SOCK_STREAM, ends), 0);
    assert_int_equal(yibu_datagram_transport_new(ends[0], &n.protocol, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_datagram_transport_new(-1, &n.protocol, NULL, NULL), -EBADF);
    assert_int_equal(yibu_create_datagram_endpoint(NULL, NULL, 0, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_create_datagram_endpoint(&unsound, NULL, 0, NULL, NULL), -EINVAL);
    yibu_datagram_options options = {.size = sizeof(options), .high_water = 1, .low_water = 2};
    assert_int_equal(yibu_create_datagram_endpoint(&n.protocol, NULL, 0, &options, NULL), -EINVAL);
    assert_int_equal(yibu_close(ends[0]), 0);
    assert_int_equal(yibu_close(ends[1]), 0);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

static void without_a_task_an_endpoint_connects_to_a_numeric_address(void **state)
{
    yibu_loop *loop = *state;
    notes server = NOTES, client = NOTES;
    server.echoes = true;
    assert_int_equal(yibu_create_datagram_endpoint(&server.protocol, "127.0.0.1", 0, NULL,
                                                   &server.transport),
                     0);
    yibu_datagram_options options = {
        .size = sizeof(options), .remote_host = "127.1", .remote_port = port_of(server.transport)};
    assert_int_equal(yibu_create_datagram_endpoint(&client.protocol, NULL, 0, &options,
                                                   &client.transport),
                     YIBU_ENOTASK);
    options.remote_host = "127.0.0.1";
    assert_int_equal(
        yibu_create_datagram_endpoint(&client.protocol, NULL, 0, &options, &client.transport), 0);
    assert_int_equal(yibu_datagram_transport_sendto(client.transport, "ping", 4, NULL), 0);
    while (client.received == 0)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
    yibu_datagram_transport_free(client.transport);
    yibu_datagram_transport_close(server.transport);
    test_loop_drain(loop);
    assert_int_equal(client.lost, 0);
    assert_int_equal(server.lost, 1);
}

static void a_loop_s_end_is_the_end_of_its_transports(void **state)
{
    (void)state;
    int descriptors = count_descriptors();
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    notes n = NOTES, fresh = NOTES;
    assert_int_equal(yibu_create_datagram_endpoint(&n.protocol, "127.0.0.1", 0, NULL, NULL), 0);
    while (n.made == 0)
        assert_true(yibu_loop_run_once(loop, 0) >= 0);
    assert_int_equal(yibu_create_datagram_endpoint(&fresh.protocol, "127.0.0.1", 0, NULL, NULL), 0);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(n.lost, 1);
    assert_int_equal(n.lost_error, -ECANCELED);
    assert_int_equal(fresh.made, 0);
    assert_int_equal(fresh.lost, 0);
    assert_int_equal(count_descriptors(), descriptors);
}

static void transports_need_a_loop(void **state)
{
    (void)state;
    notes n = NOTES;
    assert_int_equal(yibu_create_datagram_endpoint(&n.protocol, "127.0.0.1", 0, NULL, NULL),
                     YIBU_ENOTASK);
}

int main(void)
{
    const yibu_allocator counting = {count_allocation, count_reallocation, release, NULL};
    if (yibu_set_allocator(&counting) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_is_answered),
        cmocka_unit_test(no_callback_comes_from_inside_a_call),
        cmocka_unit_test(many_datagrams_come_in_without_an_allocation),
        cmocka_unit_test(a_refusal_is_told_and_the_transport_goes_on),
        cmocka_unit_test(with_the_error_queue_it_is_told_which_datagram),
        cmocka_unit_test(a_protocol_may_free_or_close_while_it_is_told),
        cmocka_unit_test(a_whole_message_is_told_where_that_is_asked_for),
        cmocka_unit_test(with_gro_datagrams_are_told_one_by_one),
        cmocka_unit_test(what_does_not_go_out_at_once_waits_up_to_a_limit_and_then_goes),
        cmocka_unit_test(an_abort_drops_what_waits),
        cmocka_unit_test(a_failure_that_cannot_pass_ends_the_transport),
        cmocka_unit_test(what_is_no_socket_for_datagrams_is_refused),
        loop_unit_test(without_a_task_an_endpoint_connects_to_a_numeric_address),
        cmocka_unit_test(a_loop_s_end_is_the_end_of_its_transports),
        cmocka_unit_test(transports_need_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
