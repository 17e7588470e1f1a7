/* Connections that begin with TLS. */
#include <errno.h>

#include "layer.h"

/* The host, where nothing else is said, is the name. */
static int prepare(const yibu_tls_options *options, const char *host, yibu_tls_options *ret_taken)
{
    int r = yb_tls_options_take(ret_taken, sizeof(*ret_taken), options);
    ret_taken->size = sizeof(*ret_taken);
    if (!ret_taken->server_name)
        ret_taken->server_name = host;
    return r;
}

/* Takes the stream over, where there is one. */
static int secure(int connected, yibu_stream *stream, yibu_tls_context *context,
                  const yibu_tls_options *options, yibu_stream **ret_stream)
{
    if (connected < 0) {
        yb_tls_give_text(options, yibu_tls_strerror(connected));
        return connected;
    }
    yibu_tls_context *own = NULL;
    int r = context ? 0 : yibu_tls_context_new(YIBU_TLS_CLIENT, &own);
    if (r == 0)
        r = yibu_stream_start_tls(stream, context ? context : own, options);
    yibu_tls_context_free(own);
    if (r < 0)
        yibu_stream_free(stream);
    else
        *ret_stream = stream;
    return r;
}

static bool is_usable(const yibu_tls_context *context)
{
    return !context || context->side == YIBU_TLS_CLIENT;
}

int yibu_tls_open_connection(const char *host, uint16_t port, yibu_tls_context *context,
                             const yibu_tls_options *options, yibu_stream **ret_stream)
{
    yibu_tls_options taken;
    int r = prepare(options, host, &taken);
    if (r < 0 || !ret_stream || !is_usable(context))
        return -EINVAL;
    yibu_stream *stream = NULL;
    r = yibu_open_connection(host, port, taken.connection.size ? &taken.connection : NULL, &stream);
    return secure(r, stream, context, &taken, ret_stream);
}

int yibu_tls_open_unix_connection(const char *path, yibu_tls_context *context,
                                  const yibu_tls_options *options, yibu_stream **ret_stream)
{
    yibu_tls_options taken;
    int r = prepare(options, NULL, &taken);
    if (r < 0 || !ret_stream || !is_usable(context))
        return -EINVAL;
    const yibu_stream_options *about = &taken.connection.stream;
    yibu_stream *stream = NULL;
    r = yibu_open_unix_connection(path, about->size ? about : NULL, &stream);
    return secure(r, stream, context, &taken, ret_stream);
}
