/* A TLS server and its client, while the nth allocation of OpenSSL's fails, or all from the nth on:
 * the program goes on, says that something failed, and has closed what it opened.  Each n is a
 * process, since OpenSSL's allocator is chosen once. */
#include "process.h"

#include <limits.h>
#include <openssl/crypto.h>

#include "../unit/tls/world.h"
#include "end_server.h"

static struct {
    long calls, fail_from, fail_to; /* numbers of the calls that fail */
} counting = {0, LONG_MAX, LONG_MAX};

static bool fails(void)
{
    long number = counting.calls++;
    return number >= counting.fail_from && number < counting.fail_to;
}

static void *allocate(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails() ? NULL : malloc(size);
}

static void *reallocate(void *memory, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size == 0) {
        free(memory);
        return NULL;
    }
    return fails() ? NULL : realloc(memory, size);
}

static void release(void *memory, const char *file, int line)
{
    (void)file;
    (void)line;
    free(memory);
}

/* Both contexts, or why not. */
static int make_contexts(yibu_tls_context *contexts[2])
{
    int r = yibu_tls_context_new(YIBU_TLS_CLIENT, &contexts[0]);
    if (r == 0)
        r = yibu_tls_context_new(YIBU_TLS_SERVER, &contexts[1]);
    if (r == 0)
        r = yibu_tls_context_load_verify_locations(contexts[0], made("ca.pem"), NULL);
    if (r == 0)
        r = yibu_tls_context_load_cert_chain(contexts[1], made("server.pem"), made("server.key"));
    return r;
}

static int converse(yibu_stream *stream)
{
    static char text[100000], back[sizeof(text)];
    yibu_tls_certificate peer = {.size = sizeof(peer)};
    int r = yibu_tls_get_peer_certificate(stream, &peer);
    if (r == 0)
        r = yibu_stream_write(stream, text, sizeof(text));
    if (r == 0)
        r = yibu_stream_readexactly(stream, back, sizeof(back));
    if (r == 0)
        r = memcmp(text, back, sizeof(text)) == 0 ? 0 : -EBADMSG;
    return r;
}

static intptr_t visit(yibu_tls_context *contexts[2])
{
    yibu_server *server;
    yibu_stream *stream;
    const yibu_tls_options options = {.size = sizeof(options), .server_name = "localhost"};
    int r = yibu_tls_start_server(echo, NULL, "127.0.0.1", 0, contexts[1], NULL, &server);
    if (r < 0)
        return r;
    r = yibu_tls_open_connection("127.0.0.1", yibu_server_port(server), contexts[0], &options,
                                 &stream);
    if (r == 0) {
        r = converse(stream);
        yibu_stream_close(stream);
        (void)yibu_stream_wait_closed(stream);
        yibu_stream_free(stream);
    }
    return end_server(server, r);
}

static intptr_t everything(void *arg)
{
    (void)arg;
    yibu_tls_context *contexts[2] = {NULL, NULL};
    intptr_t r = make_contexts(contexts);
    if (r == 0)
        r = visit(contexts);
    yibu_tls_context_free(contexts[0]);
    yibu_tls_context_free(contexts[1]);
    return r;
}

enum { WORKED = 0, FAILED = 1, LEAKED = 3 };

static int run(void *arg)
{
    const long *failing = arg;
    alarm(20 * YB_TEST_SLOWDOWN); /* a hang is a failure of its own */
    counting.fail_from = failing[0];
    counting.fail_to = failing[1];
    if (CRYPTO_set_mem_functions(allocate, reallocate, release) != 1)
        abort();
    int before = count_descriptors();
    intptr_t r = yibu_run(everything, NULL, NULL);
    counting.fail_from = LONG_MAX;
    fprintf(stderr, "%s calls: %ld\n", yibu_tls_strerror(r), counting.calls);
    int after = count_descriptors();
    if (after > before + 1) /* OpenSSL keeps the system's source of randomness open */
        return LEAKED;
    return r == 0 ? WORKED : FAILED;
}

static int run_failing(long from, long to, test_result *ret_result)
{
    long failing[] = {from, to};
    test_in_process(run, failing, ret_result);
    if (!WIFEXITED(ret_result->status) || WEXITSTATUS(ret_result->status) > FAILED) {
        fprintf(stderr, "allocation %ld failed: ", from);
        assert_true(test_exited(ret_result, FAILED));
    }
    return WEXITSTATUS(ret_result->status);
}

static long count_calls(void)
{
    test_result result;
    assert_int_equal(run_failing(LONG_MAX, LONG_MAX, &result), WORKED);
    const char *calls = strstr(result.said, "calls: ");
    assert_non_null(calls);
    return strtol(calls + strlen("calls: "), NULL, 10);
}

enum { SAMPLES = 200 / YB_TEST_SLOWDOWN };

static void a_failing_allocation_is_a_failure_and_no_more(void **state)
{
    (void)state;
    long calls = count_calls();
    test_result result;
    int failed = 0;
    for (long i = 0; i < SAMPLES; i++) {
        long n = calls * i / SAMPLES;
        failed += run_failing(n, n + 1, &result) == FAILED;
    }
    assert_true(failed > SAMPLES / 10);
}

static void no_memory_from_some_point_on_is_a_failure_and_no_more(void **state)
{
    (void)state;
    long calls = count_calls();
    test_result result;
    for (long i = 0; i < SAMPLES; i++)
        (void)run_failing(calls * i / SAMPLES, LONG_MAX, &result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failing_allocation_is_a_failure_and_no_more),
        cmocka_unit_test(no_memory_from_some_point_on_is_a_failure_and_no_more),
    };
    return run_tls_tests(tests);
}
