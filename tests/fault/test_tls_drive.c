/* TLS over TCP, and a stream that goes on with it over a Unix socket, driven through every fault;
 * and a transfer that cancels do not disturb. */
#include "../unit/tls/world.h"
#include "drive.h"
#include "end_server.h"
#include "stubborn.h"

enum { BYTES = 100000 };

static yibu_tls_context *contexts[2];

/* What a server without memory or descriptors looks like from its other end. */
static intptr_t judge(intptr_t r)
{
    bool left = r == -ECONNRESET || r == -EPIPE || r == -ENOTCONN || r == YIBU_EINCOMPLETE ||
                r == YIBU_TLS_ETRUNCATED;
    bool starved = drive.fault == DRIVE_NO_MEMORY || drive.fault == DRIVE_NEVER_MEMORY;
    return left && starved && drive.struck ? -ENOMEM : r;
}

static intptr_t finish(yibu_stream *stream, intptr_t r)
{
    if (r < 0)
        yibu_stream_abort(stream);
    yibu_stream_close(stream);
    int closed = yibu_stream_wait_closed(stream);
    yibu_stream_free(stream);
    return judge(r < 0 ? r : closed);
}

static intptr_t converse(yibu_stream *stream)
{
    static char text[BYTES], back[BYTES];
    int r = yibu_stream_write(stream, text, sizeof(text));
    if (r == 0)
        r = yibu_stream_readexactly(stream, back, sizeof(back));
    return finish(stream, r);
}

static const yibu_tls_options to_localhost = {.size = sizeof(to_localhost),
                                              .server_name = "localhost"};

static intptr_t over_tcp(void)
{
    yibu_server *server;
    yibu_stream *stream;
    int r = yibu_tls_start_server(echo, NULL, "127.0.0.1", 0, contexts[1], NULL, &server);
    if (r < 0)
        return r;
    r = yibu_tls_open_connection("127.0.0.1", yibu_server_port(server), contexts[0], &to_localhost,
                                 &stream);
    return end_server(server, r < 0 ? judge(r) : converse(stream));
}

static intptr_t over_unix_sockets(void)
{
    yibu_server *server;
    yibu_stream *stream;
    const char *path = abstract_name("tls-drive");
    int r = yibu_tls_start_unix_server(echo, NULL, path, contexts[1], NULL, &server);
    if (r < 0)
        return r;
    r = yibu_tls_open_unix_connection(path, contexts[0], &to_localhost, &stream);
    return end_server(server, r < 0 ? judge(r) : converse(stream));
}

/* Both ends change to TLS. */

static intptr_t serve_upgrade(yibu_stream *stream, void *arg)
{
    char *line;
    ssize_t n = yibu_stream_readline(stream, &line);
    if (n > 0)
        n = yibu_stream_write(stream, "go\n", 3);
    if (n == 0)
        n = yibu_stream_start_tls(stream, contexts[1], NULL);
    return n < 0 ? n : echo(stream, arg);
}

static intptr_t upgrade(yibu_stream *stream)
{
    char *line;
    ssize_t n = yibu_stream_write(stream, "tls\n", 4);
    if (n == 0)
        n = yibu_stream_readline(stream, &line);
    if (n == 0)
        n = -ECONNRESET;
    if (n > 0)
        n = yibu_stream_start_tls(stream, contexts[0], &to_localhost);
    return n < 0 ? finish(stream, n) : converse(stream);
}

static intptr_t after_a_while(void)
{
    yibu_server *server;
    yibu_stream *stream;
    int r = yibu_start_unix_server(serve_upgrade, NULL, abstract_name("tls-drive"), NULL, &server);
    if (r < 0)
        return r;
    r = yibu_open_unix_connection(abstract_name("tls-drive"), NULL, &stream);
    return end_server(server, r < 0 ? r : upgrade(stream));
}

static long drive_tls(const char *name, drive_program *program)
{
    contexts[0] = client_context();
    contexts[1] = server_context("server");
    long struck = drive_all(name, program, true);
    yibu_tls_context_free(contexts[0]);
    yibu_tls_context_free(contexts[1]);
    return struck;
}

LOOP_TEST(tls_connections)
{
    assert_true(drive_tls("tls_connections", over_tcp) > 50);
    return 0;
}

LOOP_TEST(tls_over_unix_sockets)
{
    assert_true(drive_tls("tls_over_unix_sockets", over_unix_sockets) > 50);
    return 0;
}

LOOP_TEST(streams_that_go_on_with_tls)
{
    assert_true(drive_tls("streams_that_go_on_with_tls", after_a_while) > 50);
    return 0;
}

/* Over an echo: what is given comes back. */
LOOP_TEST(tls_loses_nothing_to_cancels)
{
    world w;
    begin_world(&w, "server");
    serve_world(&w, echo);
    stubborn s = {.give = stubborn_write, .take = stubborn_read};
    assert_int_equal(connect_world(&w, &s.writer), 0);
    s.reader = s.writer;
    assert_int_equal(yibu_stream_set_write_buffer_limits(s.writer, 2000, 500), 0);
    stubborn_run(&s);
    close_stream(s.writer);
    end_world(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls_connections),
        cmocka_unit_test(tls_over_unix_sockets),
        cmocka_unit_test(streams_that_go_on_with_tls),
        cmocka_unit_test(tls_loses_nothing_to_cancels),
    };
    census_begin();
    return run_tls_tests(tests);
}
