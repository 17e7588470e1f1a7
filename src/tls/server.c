/* Servers that begin with TLS: a handler of our own shakes hands, then calls the user's.
 *
 * What it works with is held by the server, until its free_arg, and by each handler that runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "layer.h"

typedef struct tls_server {
    size_t references;
    yibu_connection_handler *handler;
    void *arg;
    yibu_tls_context *context;
    yibu_tls_options options;
    yibu_tls_failure_handler *on_failure;
    void (*free_arg)(void *arg);
} tls_server;

static void drop(tls_server *server)
{
    if (--server->references > 0)
        return;
    yibu_tls_context_free(server->context);
    free(server);
}

static void server_ended(void *arg)
{
    tls_server *server = arg;
    if (server->free_arg)
        server->free_arg(server->arg);
    drop(server);
}

static void report(const tls_server *server, yibu_stream *stream, int code)
{
    const char *text = yibu_tls_error_text(stream);
    if (!text[0])
        text = yibu_tls_strerror(code);
    yibu_loop *loop = yibu_get_running_loop();
    if (server->on_failure) {
        server->on_failure(stream, code, text, server->arg);
    } else if (yibu_loop_get_debug(loop)) {
        char message[YB_TLS_TEXT + 64];
        (void)snprintf(message, sizeof(message), "a TLS handshake failed: %s", text);
        (void)yibu_loop_call_exception_handler(loop, message, code);
    }
}

/* A stranger who cannot shake hands is no failure of the program's. */
static intptr_t serve(yibu_stream *stream, void *arg)
{
    tls_server *server = arg;
    server->references++;
    int r = yibu_stream_start_tls(stream, server->context, &server->options);
    intptr_t result = r;
    if (r == 0) {
        result = server->handler(stream, server->arg);
    } else if (r != -ECANCELED) {
        report(server, stream, r);
        result = 0;
    }
    drop(server);
    return result;
}

static tls_server *new_server(yibu_connection_handler *handler, void *arg,
                              yibu_tls_context *context, const yibu_tls_server_options *options)
{
    tls_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    *server = (tls_server){
        .references = 1,
        .handler = handler,
        .arg = arg,
        .context = yb_tls_context_ref(context),
        .options = {.size = sizeof(server->options),
                    .handshake_timeout_ns = options->handshake_timeout_ns,
                    .shutdown_timeout_ns = options->shutdown_timeout_ns},
        .on_failure = options->on_failure,
        .free_arg = options->server.size ? options->server.free_arg : NULL,
    };
    return server;
}

static int prepare(yibu_connection_handler *handler, void *arg, yibu_tls_context *context,
                   const yibu_tls_server_options *options, yibu_server_options *ret_options,
                   tls_server **ret_server)
{
    yibu_tls_server_options taken;
    int r = yb_tls_options_take(&taken, sizeof(taken), options);
    if (r < 0 || !handler || !context || context->side != YIBU_TLS_SERVER ||
        taken.handshake_timeout_ns < 0)
        return -EINVAL;
    *ret_server = new_server(handler, arg, context, &taken);
    if (!*ret_server)
        return -ENOMEM;
    *ret_options = taken.server;
    ret_options->size = sizeof(*ret_options);
    ret_options->free_arg = server_ended;
    return 0;
}

int yibu_tls_start_server_at(yibu_connection_handler *handler, void *arg, const char *host,
                             uint16_t port, yibu_tls_context *context,
                             const yibu_tls_server_options *options, yibu_server **ret_server,
                             const char *place)
{
    yibu_server_options core;
    tls_server *server;
    int r = prepare(handler, arg, context, options, &core, &server);
    if (r < 0)
        return r;
    r = yibu_start_server_at(serve, server, host, port, &core, ret_server, place);
    if (r < 0)
        drop(server);
    return r;
}

int yibu_tls_start_unix_server_at(yibu_connection_handler *handler, void *arg, const char *path,
                                  yibu_tls_context *context, const yibu_tls_server_options *options,
                                  yibu_server **ret_server, const char *place)
{
    yibu_server_options core;
    tls_server *server;
    int r = prepare(handler, arg, context, options, &core, &server);
    if (r < 0)
        return r;
    r = yibu_start_unix_server_at(serve, server, path, &core, ret_server, place);
    if (r < 0)
        drop(server);
    return r;
}
