/* Many peers that send a byte now and then: each of them costs what one byte costs. */
#include <time.h>

#include "soak.h"

enum { BYTES = 10 };

static struct {
    uint16_t port;
    int64_t pause_ns;
    long answered;
} slow;

static intptr_t collect(yibu_stream *stream, void *arg)
{
    (void)arg;
    uint8_t bytes[BYTES];
    int r = yibu_stream_readexactly(stream, bytes, BYTES);
    if (r < 0)
        return r;
    check_stream(bytes, BYTES, 0);
    slow.answered++;
    return yibu_stream_write(stream, bytes, 1);
}

static intptr_t drip(void *arg)
{
    uint64_t state = (uint64_t)(uintptr_t)arg * 12345 + 1;
    yibu_stream *stream;
    uint8_t byte;
    int r = yibu_open_connection("127.0.0.1", slow.port, NULL, &stream);
    if (r < 0)
        return r;
    r = yibu_sleep((int64_t)soak_below(&state, (size_t)slow.pause_ns)); /* not all at once */
    for (size_t i = 0; r == 0 && i < BYTES; i++) {
        byte = stream_byte(i);
        r = yibu_stream_write(stream, &byte, 1);
        if (r == 0)
            r = yibu_sleep(slow.pause_ns);
    }
    if (r == 0)
        r = yibu_stream_readexactly(stream, &byte, 1);
    yibu_stream_free(stream);
    return r;
}

static intptr_t drip_from_many(void *arg)
{
    long count = *(long *)arg;
    yibu_server *server;
    intptr_t r = yibu_start_server(collect, NULL, "127.0.0.1", 0, NULL, &server);
    if (r < 0)
        return r;
    slow.port = yibu_server_port(server);
    YIBU_GROUP (group, NULL, &r)
        for (long i = 0; i < count; i++)
            if (yibu_group_spawn(&group, drip, (void *)(uintptr_t)(i + 1)) < 0)
                break;
    yibu_server_close(server);
    int closed = yibu_server_wait_closed(server);
    yibu_server_free(server);
    return r < 0 ? r : closed;
}

static void peers_that_send_a_byte_now_and_then_are_all_answered(void **state)
{
    (void)state;
    long count = soak_scale(1000, 10000);
    long most = (soak_allow_descriptors(2 * count + 200) - 200) / 2;
    count = count < most ? count : most;
    slow.pause_ns = soak_is_full() ? YIBU_SECONDS(1) : YIBU_MS(100);
    int before = count_descriptors();
    long blocks = soak_blocks;
    clock_t began = clock();
    assert_int_equal(yibu_run(drip_from_many, &count, NULL), 0);
    double used = (double)(clock() - began) / CLOCKS_PER_SEC;
    assert_int_equal(slow.answered, count);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(soak_blocks, blocks);
    printf("%ld peers: %.1f us of CPU time for each byte, client and server together\n", count,
           used * 1e6 / (double)(count * BYTES));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_that_send_a_byte_now_and_then_are_all_answered),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    soak_count_memory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
