/* What streams and transports cost. */
#include <malloc.h>

#include "streams.h"

enum { LINE = 50000, IDLE = 2000 };

static const int64_t LONG_NS = YIBU_MS(1300); /* longer than a stream keeps what it does not need */

/* An allocator that counts. */

static size_t taken;
static long calls;

static void *take(size_t size, void *arg)
{
    (void)arg;
    void *memory = malloc(size);
    calls++;
    taken += memory ? malloc_usable_size(memory) : 0;
    return memory;
}

static void *take_anew(void *memory, size_t size, void *arg)
{
    (void)arg;
    taken -= memory ? malloc_usable_size(memory) : 0;
    memory = realloc(memory, size);
    calls++;
    taken += memory ? malloc_usable_size(memory) : 0;
    return memory;
}

static void give(void *memory, void *arg)
{
    (void)arg;
    taken -= memory ? malloc_usable_size(memory) : 0;
    free(memory);
}

typedef struct reading {
    yibu_stream *stream;
    int lines;
} reading;

static intptr_t read_lines(void *arg)
{
    reading *r = arg;
    char *line;
    ssize_t n;
    while ((n = yibu_stream_readline(r->stream, &line)) > 0)
        r->lines++;
    return n;
}

static yibu_task *begin_to_read(reading *r)
{
    yibu_task *task = yibu_create_task(read_lines, r, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    return task;
}

static void end_reading(yibu_task *task)
{
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
}

static void send_and_wait(int fd, size_t size, const yibu_stream *stream)
{
    char *text = malloc(size);
    memset(text, 'x', size);
    assert_int_equal(yibu_send_all(fd, text, size, NULL), 0);
    free(text);
    while (yibu_stream_buffered(stream) < size)
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
}

LOOP_TEST(a_grown_buffer_is_given_back_while_nothing_comes)
{
    pair p = connect_pair();
    reading r = {.lines = 0};
    assert_int_equal(yibu_stream_new(p.client, NULL, &r.stream), 0);
    yibu_task *task = begin_to_read(&r);
    assert_int_equal(yibu_sleep(LONG_NS), 0);
    size_t idle = taken;
    send_and_wait(p.server, LINE, r.stream);
    assert_true(taken > idle + LINE);
    assert_int_equal(yibu_send_all(p.server, "\n", 1, NULL), 0);
    while (r.lines == 0)
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    assert_int_equal(yibu_sleep(LONG_NS), 0);
    assert_true(taken <= idle + 64);
    end_reading(task);
    yibu_stream_free(r.stream);
    assert_int_equal(yibu_close(p.server), 0);
    return 0;
}

LOOP_TEST(what_has_come_stays_when_memory_is_given_back)
{
    pair p = connect_pair();
    reading r = {.lines = 0};
    assert_int_equal(yibu_stream_new(p.client, NULL, &r.stream), 0);
    yibu_task *task = begin_to_read(&r);
    send_and_wait(p.server, LINE, r.stream);
    size_t grown = taken;
    assert_int_equal(yibu_sleep(LONG_NS), 0);
    assert_true(taken < grown);
    end_reading(task);
    char *data;
    assert_int_equal(yibu_stream_peek(r.stream, 0, &data), LINE);
    for (int i = 0; i < LINE; i++)
        assert_int_equal(data[i], 'x');
    yibu_stream_free(r.stream);
    assert_int_equal(yibu_close(p.server), 0);
    return 0;
}

/* Connections of a server, each with a task that waits for a line. */

static intptr_t echo_lines(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *line;
    ssize_t n;
    while ((n = yibu_stream_readline(stream, &line)) > 0)
        (void)yibu_stream_write(stream, line, (size_t)n);
    return n;
}

static size_t resident_bytes(void)
{
    unsigned long pages[2] = {0, 0};
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &pages[0], &pages[1]), 2);
    (void)fclose(file);
    return pages[1] * (size_t)sysconf(_SC_PAGESIZE);
}

static void connect_and_talk(int *fds, int count, uint16_t port)
{
    char text[8];
    for (int i = 0; i < count; i++) {
        fds[i] = yibu_tcp_connect("127.0.0.1", port);
        assert_true(fds[i] >= 0);
        assert_int_equal(yibu_send_all(fds[i], "hello\n", 6, NULL), 0);
        assert_int_equal(yibu_recv(fds[i], text, sizeof(text)), 6);
    }
}

LOOP_TEST(an_idle_connection_with_a_task_needs_no_more_than_6_kib)
{
    static int fds[IDLE];
    yibu_server *server;
    if (raise_descriptor_limit() < 2 * IDLE + 100)
        skip();
    assert_int_equal(yibu_start_server(echo_lines, NULL, "127.0.0.1", 0, NULL, &server), 0);
    connect_and_talk(fds, IDLE / 10, yibu_server_port(server));
    size_t before = resident_bytes();
    connect_and_talk(fds + IDLE / 10, IDLE - IDLE / 10, yibu_server_port(server));
    assert_int_equal(yibu_sleep(LONG_NS), 0);
    malloc_trim(0);
    size_t each = (resident_bytes() - before) / (IDLE - IDLE / 10);
    fprintf(stderr, "%zu bytes for an idle connection with a task\n", each);
    assert_true(each <= 6144);
    for (int i = 0; i < IDLE; i++)
        assert_int_equal(yibu_close(fds[i]), 0);
    yibu_server_close(server);
    assert_int_equal(yibu_server_wait_closed(server), 0);
    yibu_server_free(server);
    return 0;
}

/* Messages of transports. */

static void echo_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    (void)protocol;
    assert_int_equal(yibu_transport_write(transport, data, size), 0);
}

static void *echo_get_buffer(yibu_protocol *protocol, yibu_transport *transport, size_t *ret_size)
{
    static char bytes[1024];
    (void)protocol;
    (void)transport;
    *ret_size = sizeof(bytes);
    return bytes;
}

static void echo_updated(yibu_protocol *protocol, yibu_transport *transport, size_t size)
{
    assert_int_equal(yibu_transport_write(transport,
                                          echo_get_buffer(protocol, transport, &(size_t){0}), size),
                     0);
}

static void exchange(int fd, int messages)
{
    char bytes[100] = {0};
    for (int i = 0; i < messages; i++) {
        assert_int_equal(yibu_send_all(fd, bytes, sizeof(bytes), NULL), 0);
        assert_int_equal(yibu_recv(fd, bytes, sizeof(bytes)), sizeof(bytes));
    }
}

LOOP_TEST(messages_of_a_transport_need_no_allocation)
{
    static const yibu_protocol_methods methods[] = {{.size = sizeof(methods[0]),
                                                     .data_received = echo_data},
                                                    {.size = sizeof(methods[0]),
                                                     .get_buffer = echo_get_buffer,
                                                     .buffer_updated = echo_updated}};
    for (int form = 0; form < 2; form++) {
        yibu_protocol echo = {&methods[form]};
        yibu_transport *transport;
        pair p = connect_pair();
        assert_int_equal(yibu_transport_new(p.server, &echo, NULL, &transport), 0);
        exchange(p.client, 10);
        long before = calls;
        exchange(p.client, 1000);
        assert_int_equal(calls, before);
        yibu_transport_free(transport);
        assert_int_equal(yibu_close(p.client), 0);
    }
    return 0;
}

int main(void)
{
    const yibu_allocator counting = {.allocate = take, .reallocate = take_anew, .release = give};
    if (yibu_set_allocator(&counting) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_with_a_task_needs_no_more_than_6_kib),
        cmocka_unit_test(a_grown_buffer_is_given_back_while_nothing_comes),
        cmocka_unit_test(what_has_come_stays_when_memory_is_given_back),
        cmocka_unit_test(messages_of_a_transport_need_no_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
