/* A TLS server and its client in one loop, with certificates made by the openssl program. */
#ifndef WORLD_H
#define WORLD_H

#include <errno.h>
#include <sys/socket.h>

#include "streams.h"
#include "test.h"
#include <openssl/ssl.h>
#include <yibu/tls.h>

static char certificates[] = "/tmp/yibu-tls-XXXXXX";

static inline int make_certificates(void **state)
{
    (void)state;
    char command[512];
    if (!mkdtemp(certificates))
        return -1;
    (void)snprintf(command, sizeof(command), "%s %s", YB_CERTIFICATES, certificates);
    return system(command) == 0 ? 0 : -1; /* NOLINT: a command of the test's own */
}

static inline int remove_certificates(void **state)
{
    (void)state;
    char command[512];
    (void)snprintf(command, sizeof(command), "rm -rf %s", certificates);
    return system(command) == 0 ? 0 : -1; /* NOLINT: a command of the test's own */
}

#define run_tls_tests(TESTS) cmocka_run_group_tests(TESTS, make_certificates, remove_certificates)

/* A file among the certificates; four of them at a time. */
static inline const char *made(const char *name)
{
    static char room[4][300];
    static unsigned next;
    char *path = room[next++ % 4];
    (void)snprintf(path, sizeof(room[0]), "%s/%s", certificates, name);
    return path;
}

static inline yibu_tls_context *new_context(yibu_tls_side side)
{
    yibu_tls_context *context;
    assert_int_equal(yibu_tls_context_new(side, &context), 0);
    return context;
}

static inline void load_pair(yibu_tls_context *context, const char *name)
{
    char cert[64], key[64];
    (void)snprintf(cert, sizeof(cert), "%s.pem", name);
    (void)snprintf(key, sizeof(key), "%s.key", name);
    assert_int_equal(yibu_tls_context_load_cert_chain(context, made(cert), made(key)), 0);
}

static inline void trust_ca(yibu_tls_context *context)
{
    assert_int_equal(yibu_tls_context_load_verify_locations(context, made("ca.pem"), NULL), 0);
}

/* A context of a server that shows the certificate of that name. */
static inline yibu_tls_context *server_context(const char *name)
{
    yibu_tls_context *context = new_context(YIBU_TLS_SERVER);
    load_pair(context, name);
    return context;
}

/* One of a client that trusts ca. */
static inline yibu_tls_context *client_context(void)
{
    yibu_tls_context *context = new_context(YIBU_TLS_CLIENT);
    trust_ca(context);
    return context;
}

typedef struct world {
    yibu_tls_context *server, *client;
    yibu_server *listener;
    yibu_tls_server_options server_options;
    yibu_tls_options options; /* of connections; server_name is "localhost" */
    char text[256];           /* why the last connection failed */
    int server_failure;       /* and the last handshake at the server */
    int descriptors;          /* before the world began */
    void *arg;                /* the test's */
} world;

static inline void note_failure(yibu_stream *stream, int code, const char *text, void *arg)
{
    (void)stream;
    world *w = arg;
    assert_true(text[0] != '\0');
    w->server_failure = code;
}

/* Gives back what comes, then the end. */
static inline intptr_t echo(yibu_stream *stream, void *arg)
{
    (void)arg;
    char buffer[8192];
    ssize_t n;
    while ((n = yibu_stream_read(stream, buffer, sizeof(buffer))) > 0) {
        int r = yibu_stream_write(stream, buffer, (size_t)n);
        if (r == 0)
            r = yibu_stream_drain(stream);
        if (r < 0)
            return 0;
    }
    return 0;
}

/* The contexts, the server's certificate by name. */
static inline void begin_world(world *w, const char *name)
{
    *w = (world){.descriptors = count_descriptors()};
    w->server = server_context(name);
    w->client = client_context();
    w->server_options =
        (yibu_tls_server_options){.size = sizeof(w->server_options), .on_failure = note_failure};
    w->options = (yibu_tls_options){.size = sizeof(w->options),
                                    .server_name = "localhost",
                                    .ret_error_text = w->text,
                                    .error_text_size = sizeof(w->text)};
}

static inline void serve_world(world *w, yibu_connection_handler *handler)
{
    assert_int_equal(yibu_tls_start_server(handler, w, "127.0.0.1", 0, w->server,
                                           &w->server_options, &w->listener),
                     0);
}

static inline int connect_world(world *w, yibu_stream **ret_stream)
{
    return yibu_tls_open_connection("127.0.0.1", yibu_server_port(w->listener), w->client,
                                    &w->options, ret_stream);
}

/* Everything that was opened is closed again. */
static inline void end_world(world *w)
{
    yibu_server_close(w->listener);
    yibu_server_abort_clients(w->listener);
    assert_int_equal(yibu_server_wait_closed(w->listener), 0);
    yibu_server_free(w->listener);
    yibu_tls_context_free(w->server);
    yibu_tls_context_free(w->client);
    assert_int_equal(count_descriptors(), w->descriptors);
}

static inline void close_stream(yibu_stream *stream)
{
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_wait_closed(stream), 0);
    yibu_stream_free(stream);
}

/* Writes a text and reads it back from an echo. */
static inline void talk(yibu_stream *stream)
{
    char answer[8];
    assert_int_equal(yibu_stream_write(stream, "hello\n", 6), 0);
    assert_int_equal(yibu_stream_readexactly(stream, answer, 6), 0);
    assert_memory_equal(answer, "hello\n", 6);
}

enum { EXCHANGED_BYTES = 1 << 20 };

static inline intptr_t send_much(void *stream)
{
    uint8_t *bytes = new_stream(EXCHANGED_BYTES);
    int r = yibu_stream_write(stream, bytes, EXCHANGED_BYTES);
    free(bytes);
    return r < 0 ? r : yibu_stream_drain(stream);
}

/* The same with much, while it is written. */
static inline void exchange_much(yibu_stream *stream)
{
    yibu_task *task = yibu_create_task(send_much, stream, NULL);
    uint8_t *back = malloc(EXCHANGED_BYTES);
    assert_int_equal(yibu_stream_readexactly(stream, back, EXCHANGED_BYTES), 0);
    check_stream(back, EXCHANGED_BYTES, 0);
    free(back);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
}

/* Connects and says how that went; a connection that succeeds is used and closed. */
static inline int try_world(world *w)
{
    yibu_stream *stream;
    int r = connect_world(w, &stream);
    if (r == 0) {
        talk(stream);
        close_stream(stream);
    }
    return r;
}

#endif
