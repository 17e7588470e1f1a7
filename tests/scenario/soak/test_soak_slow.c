/* Many peers that send a byte now and then: each of them costs what one byte costs.
 *
 * The server and all the peers are a process each.  The peers begin once each of them is connected
 * and greeted, so all the connections are there at once. */
#include "server_process.h"

enum { BYTES = 10, CONNECTING_MAX = 1000 };

static struct {
    uint16_t port;
    int64_t pause_ns;
    long peers, greeted, answered;
    yibu_event all_greeted;
    yibu_semaphore
        connecting; /* more than the listener's line has room for would come again late */
} slow;

static intptr_t collect(yibu_stream *stream, void *arg)
{
    (void)arg;
    uint8_t bytes[BYTES];
    served_begins();
    assert_int_equal(yibu_stream_write(stream, "!", 1), 0);
    assert_int_equal(yibu_stream_readexactly(stream, bytes, BYTES), 0);
    check_stream(bytes, BYTES, 0);
    served.bytes += BYTES;
    served_ends();
    return yibu_stream_write(stream, bytes, 1);
}

static int connect_and_greet(yibu_stream **ret_stream)
{
    char byte;
    int r = yibu_semaphore_acquire(&slow.connecting);
    if (r < 0)
        return r;
    r = yibu_open_connection("127.0.0.1", slow.port, NULL, ret_stream);
    if (r == 0)
        r = yibu_stream_readexactly(*ret_stream, &byte, 1);
    yibu_semaphore_release(&slow.connecting);
    if (r == 0 && ++slow.greeted == slow.peers)
        yibu_event_set(&slow.all_greeted);
    return r < 0 ? r : yibu_event_wait(&slow.all_greeted);
}

static int send_slowly(yibu_stream *stream)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < BYTES; i++) {
        uint8_t byte = stream_byte(i);
        r = yibu_stream_write(stream, &byte, 1);
        if (r == 0)
            r = yibu_sleep(slow.pause_ns);
    }
    return r;
}

static intptr_t drip(void *arg)
{
    uint64_t state = (uint64_t)(uintptr_t)arg * 12345 + 1;
    yibu_stream *stream = NULL;
    uint8_t answer;
    int r = connect_and_greet(&stream);
    if (r == 0) /* not all at once */
        r = yibu_sleep((int64_t)soak_below(&state, (size_t)slow.pause_ns));
    if (r == 0)
        r = send_slowly(stream);
    if (r == 0)
        r = yibu_stream_readexactly(stream, &answer, 1);
    if (r == 0 && answer == stream_byte(0))
        slow.answered++;
    yibu_stream_free(stream);
    return r;
}

static intptr_t drip_from_many(void *arg)
{
    (void)arg;
    intptr_t r = 0;
    slow.connecting = (yibu_semaphore)YIBU_SEMAPHORE_INIT(CONNECTING_MAX);
    YIBU_GROUP (group, NULL, &r)
        for (long i = 0; i < slow.peers; i++)
            if (yibu_group_spawn(&group, drip, (void *)(uintptr_t)(i + 1)) < 0)
                break;
    return r;
}

static void peers_that_send_a_byte_now_and_then_are_all_answered(void **state)
{
    (void)state;
    server_process server;
    slow.peers = soak_connections(1000, 10000);
    slow.pause_ns = soak_is_full() ? YIBU_SECONDS(1) : YIBU_MS(100);
    int before = count_descriptors();
    slow.port = start_server_process(&server, collect);
    long blocks = soak_blocks;
    clock_t began = clock();
    assert_int_equal(yibu_run(drip_from_many, NULL, NULL), 0);
    double used = (double)(clock() - began) / CLOCKS_PER_SEC;
    server_report report = end_server_process(&server);
    assert_int_equal(slow.answered, slow.peers);
    assert_int_equal(report.bytes, slow.peers * BYTES);
    assert_int_equal(report.most_connections, slow.peers);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(soak_blocks, blocks);
    printf("%ld peers: for each byte %.1f us of CPU time of the server, %.1f us of the peers\n",
           slow.peers, report.cpu_seconds * 1e6 / (double)report.bytes,
           used * 1e6 / (double)report.bytes);
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
