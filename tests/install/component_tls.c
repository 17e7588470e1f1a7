/* A program that speaks TLS: the component's header needs none of OpenSSL's. */
#include <stdio.h>

#include <yibu.h>
#include <yibu/tls.h>

/* Nobody listens there: the connection is refused, and what was made is freed. */
static intptr_t fetch(void *arg)
{
    yibu_tls_context *context;
    yibu_stream *stream;
    (void)arg;
    int result = yibu_tls_context_new(YIBU_TLS_CLIENT, &context);
    if (result < 0)
        return result;
    result = yibu_tls_open_connection("127.0.0.1", 1, context, NULL, &stream);
    yibu_tls_context_free(context);
    printf("%s\n", yibu_tls_strerror(result));
    return result < 0 ? 0 : -1;
}

int main(void)
{
    return yibu_run(fetch, NULL, NULL) == 0 ? 0 : 1;
}
