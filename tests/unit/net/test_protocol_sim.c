/* Transports in the simulator: short transfers, resets, any order; what a client sends comes back
 * once and in order, and every protocol is told of its end. */
#include "platform/sanitizer.h"
#include "platform/valgrind.h"
#include "sim.h"
#include "streams.h"

enum { PORT = 7, CLIENTS = 3, BYTES = 20000 };

typedef struct peer {
    yibu_protocol protocol;
    size_t sent, received;
    bool writes, lost;
    int error;
    yibu_event *news;
} peer;

/* The server's. */

static int serving;

static void echo_made(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    (void)transport;
    serving++;
}

static void echo_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    (void)protocol;
    (void)yibu_transport_write(transport, data, size);
}

static void echo_pause(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    (void)yibu_transport_pause_reading(transport);
}

static void echo_resume(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    (void)yibu_transport_resume_reading(transport);
}

static void echo_lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    (void)protocol;
    (void)transport;
    (void)error;
    serving--;
}

static yibu_protocol *make_echo(void *arg)
{
    static const yibu_protocol_methods methods = {.size = sizeof(methods),
                                                  .connection_made = echo_made,
                                                  .data_received = echo_data,
                                                  .pause_writing = echo_pause,
                                                  .resume_writing = echo_resume,
                                                  .connection_lost = echo_lost};
    static yibu_protocol echo = {&methods};
    (void)arg;
    return &echo;
}

/* The clients'. */

static void write_on(peer *p, yibu_transport *transport)
{
    while (p->writes && p->sent < BYTES) {
        size_t size = 1 + yibu_sim_random(3000);
        size = size < BYTES - p->sent ? size : BYTES - p->sent;
        uint8_t *bytes = new_stream(BYTES);
        int r = yibu_transport_write(transport, bytes + p->sent, size);
        free(bytes);
        if (r < 0)
            return;
        p->sent += size;
    }
    if (p->sent == BYTES)
        (void)yibu_transport_write_eof(transport);
}

static void peer_made(yibu_protocol *protocol, yibu_transport *transport)
{
    peer *p = (peer *)(void *)protocol;
    p->writes = true;
    assert_int_equal(yibu_transport_set_write_buffer_limits(transport, 2000, 500), 0);
    write_on(p, transport);
}

static void peer_pause(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)transport;
    ((peer *)(void *)protocol)->writes = false;
}

static void peer_resume(yibu_protocol *protocol, yibu_transport *transport)
{
    peer *p = (peer *)(void *)protocol;
    p->writes = true;
    write_on(p, transport);
}

static void peer_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    peer *p = (peer *)(void *)protocol;
    assert_false(p->lost);
    check_stream(data, size, p->received);
    p->received += size;
    if (yibu_sim_chance(0.05)) {
        (void)yibu_transport_pause_reading(transport);
        (void)yibu_transport_resume_reading(transport);
    }
}

static void peer_lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    peer *p = (peer *)(void *)protocol;
    (void)transport;
    assert_false(p->lost);
    p->lost = true;
    p->error = error;
    yibu_event_set(p->news);
}

static const yibu_protocol_methods peer_methods = {.size = sizeof(peer_methods),
                                                   .connection_made = peer_made,
                                                   .data_received = peer_data,
                                                   .pause_writing = peer_pause,
                                                   .resume_writing = peer_resume,
                                                   .connection_lost = peer_lost};

static intptr_t exchange(bool may_break)
{
    yibu_server *server;
    peer peers[CLIENTS];
    yibu_event news = YIBU_EVENT_INIT;
    serving = 0;
    assert_int_equal(yibu_create_server(make_echo, NULL, "127.0.0.1", PORT, NULL, &server), 0);
    for (int i = 0; i < CLIENTS; i++) {
        peers[i] = (peer){.protocol = {&peer_methods}, .news = &news};
        int r = yibu_create_connection(&peers[i].protocol, "127.0.0.1", PORT, NULL, NULL);
        assert_true(r == 0 || may_break);
        peers[i].lost = peers[i].lost || r < 0;
        peers[i].error = r < 0 ? r : peers[i].error;
    }
    for (int i = 0; i < CLIENTS; i++)
        while (!peers[i].lost) {
            yibu_event_clear(&news);
            assert_int_equal(yibu_event_wait(&news), 0);
        }
    for (int i = 0; i < CLIENTS && !may_break; i++) {
        assert_int_equal(peers[i].error, 0);
        assert_int_equal(peers[i].received, BYTES);
    }
    yibu_server_close(server);
    assert_int_equal(yibu_server_wait_closed(server), 0);
    assert_int_equal(serving, 0);
    yibu_server_free(server);
    return 0;
}

SIM_TEST_WITH(what_is_sent_comes_back_once_and_in_order, 500, .short_transfer = 0.3,
              .latency_ns = YIBU_US(50), .jitter_ns = YIBU_US(50), .buffer_bytes = 3000)
{
    return exchange(false);
}

SIM_TEST_WITH(connections_that_are_reset_are_told_of_once, 500, .short_transfer = 0.2,
              .reset = 0.01, .latency_ns = YIBU_US(50), .buffer_bytes = 3000)
{
    return exchange(true);
}

/* A byte a second from each of very many: nobody is lost, and nobody waits for another one. */

enum { SLOW = YB_UNDER_VALGRIND ? 1000 : 10000 };
static const char slow_line[] = "slow\n";

static int slow_lines;

static intptr_t serve_lines(yibu_stream *stream, void *arg)
{
    char *line;
    ssize_t n = yibu_stream_readline(stream, &line);
    (void)arg;
    assert_int_equal(n, sizeof(slow_line) - 1);
    assert_memory_equal(line, slow_line, sizeof(slow_line) - 1);
    slow_lines++;
    return 0;
}

static intptr_t send_slowly(void *arg)
{
    (void)arg;
    int fd = yibu_tcp_connect("127.0.0.1", PORT);
    assert_true(fd >= 0);
    for (size_t i = 0; i < sizeof(slow_line) - 1; i++) {
        assert_int_equal(yibu_sleep(YIBU_SECONDS(1)), 0);
        assert_int_equal(yibu_send_all(fd, slow_line + i, 1, NULL), 0);
    }
    char byte;
    assert_int_equal(yibu_recv(fd, &byte, 1), 0);
    return yibu_close(fd);
}

SIM_TEST_WITH(a_byte_a_second_from_each_of_very_many_connections_arrives, 1, .step_limit = 10000000)
{
    if (YB_TSAN) /* which follows about 8,000 stacks at most */
        return 0;
    yibu_server *server;
    yibu_group group = YIBU_GROUP_INIT;
    slow_lines = 0;
    assert_int_equal(yibu_start_server(serve_lines, NULL, "127.0.0.1", PORT, NULL, &server), 0);
    intptr_t r = yibu_group_begin(&group, NULL);
    for (int i = 0; i < SLOW && r == 0; i++)
        r = yibu_group_spawn(&group, send_slowly, NULL);
    assert_int_equal(yibu_group_end(&group, r), 0);
    assert_int_equal(slow_lines, SLOW);
    yibu_server_close(server);
    assert_int_equal(yibu_server_wait_closed(server), 0);
    yibu_server_free(server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_comes_back_once_and_in_order),
        cmocka_unit_test(connections_that_are_reset_are_told_of_once),
        cmocka_unit_test(a_byte_a_second_from_each_of_very_many_connections_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
