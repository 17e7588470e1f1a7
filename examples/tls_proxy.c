/* A TCP proxy that puts TLS on, or takes it off.
 *
 *     tls_proxy terminate PORT HOST TARGET-PORT CERT KEY    TLS comes in, plain TCP goes out
 *     tls_proxy originate PORT HOST TARGET-PORT [CA]        plain TCP comes in, TLS goes out
 *
 * Each connection has two tasks, one a direction.  An end is passed on as an end where that can be
 * (TLS before 1.3 cannot be closed on one side); a failure breaks both connections off. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yibu.h>
#include <yibu/tls.h>

typedef struct proxy {
    bool terminates;
    const char *host;
    uint16_t port, target_port;
    yibu_tls_context *context;
} proxy;

typedef struct direction {
    yibu_stream *from, *to;
} direction;

static intptr_t carry(void *arg)
{
    const direction *d = arg;
    char *bytes = malloc(65536);
    ssize_t n = -ENOMEM;
    int r = 0;
    while (bytes && r == 0 && (n = yibu_stream_read(d->from, bytes, 65536)) > 0) {
        r = yibu_stream_write(d->to, bytes, (size_t)n);
        if (r == 0)
            r = yibu_stream_drain(d->to);
    }
    free(bytes);
    if (r == 0 && n == 0 && yibu_stream_write_eof(d->to) < 0)
        yibu_stream_close(d->to);
    return r < 0 ? r : n;
}

/* Both directions, until both have ended or one has failed. */
static intptr_t carry_both(yibu_stream *a, yibu_stream *b)
{
    direction there = {a, b}, back = {b, a};
    yibu_task *tasks[] = {yibu_create_task(carry, &there, NULL),
                          yibu_create_task(carry, &back, NULL)};
    int r = yibu_gather(tasks, 2, NULL, 0);
    for (int i = 0; i < 2; i++) {
        if (r < 0)
            yibu_task_cancel(tasks[i]);
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    return r;
}

static intptr_t serve(yibu_stream *client, void *arg)
{
    const proxy *p = arg;
    yibu_stream *target;
    int r = p->terminates
                ? yibu_open_connection(p->host, p->target_port, NULL, &target)
                : yibu_tls_open_connection(p->host, p->target_port, p->context, NULL, &target);
    if (r == 0) {
        r = (int)carry_both(client, target);
        if (r == 0)
            yibu_stream_close(target);
        else
            yibu_stream_abort(target);
        (void)yibu_stream_wait_closed(target);
        yibu_stream_free(target);
    }
    if (r < 0) {
        fprintf(stderr, "tls_proxy: %s\n", yibu_tls_strerror(r));
        yibu_stream_abort(client);
    }
    return 0;
}

static intptr_t start(void *arg)
{
    proxy *p = arg;
    yibu_server *server;
    int r = p->terminates
                ? yibu_tls_start_server(serve, p, NULL, p->port, p->context, NULL, &server)
                : yibu_start_server(serve, p, NULL, p->port, NULL, &server);
    if (r < 0)
        return r;
    printf("port %u\n", yibu_server_port(server));
    fflush(stdout);
    r = yibu_server_serve_forever(server);
    yibu_server_free(server);
    return r;
}

int main(int argc, char **argv)
{
    bool terminates = argc == 7 && strcmp(argv[1], "terminate") == 0;
    if (!terminates && (argc < 5 || argc > 6 || strcmp(argv[1], "originate") != 0)) {
        fprintf(stderr, "usage: tls_proxy terminate PORT HOST TARGET-PORT CERT KEY\n"
                        "       tls_proxy originate PORT HOST TARGET-PORT [CA]\n");
        return 2;
    }
    proxy p = {terminates, argv[3], (uint16_t)atoi(argv[2]), (uint16_t)atoi(argv[4]), NULL};
    intptr_t r = yibu_tls_context_new(terminates ? YIBU_TLS_SERVER : YIBU_TLS_CLIENT, &p.context);
    if (r == 0 && terminates)
        r = yibu_tls_context_load_cert_chain(p.context, argv[5], argv[6]);
    else if (r == 0 && argc == 6)
        r = yibu_tls_context_load_verify_locations(p.context, argv[5], NULL);
    if (r == 0)
        r = yibu_run(start, &p, NULL);
    yibu_tls_context_free(p.context);
    if (!yibu_failed(r) || r == -EINTR)
        return 0;
    fprintf(stderr, "tls_proxy: %s\n", yibu_tls_strerror(r));
    return 1;
}
