/* libuv as its guide's TCP echo server: uv_read_start, a uv_write a request.  The one difference:
 * buffers and write requests are kept a connection, since one request is under way at a time.
 * bench-packages: libuv
 * bench-backend: epoll
 */
#include "bench.h"

#include <netinet/in.h>
#include <uv.h>

#define BUFFER_BYTES 16384

struct connection {
    uv_tcp_t stream;
    uv_write_t write;
    char buffer[BUFFER_BYTES];
};

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct connection *c = (struct connection *)handle;

    (void)suggested;
    *buffer = uv_buf_init(c->buffer, sizeof(c->buffer));
}

/* Reading pauses while an answer is under way: the buffer is its. */
static void written(uv_write_t *write, int status)
{
    if (status < 0)
        uv_close((uv_handle_t *)write->handle, closed);
    else
        uv_read_start(write->handle, allocate, on_read);
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    struct connection *c = (struct connection *)stream;
    uv_buf_t answer;
    int sent;

    if (size < 0) {
        uv_close((uv_handle_t *)stream, closed);
        return;
    }
    if (size == 0)
        return;
    answer = uv_buf_init(buffer->base, (unsigned)size);
    sent = uv_try_write(stream, &answer, 1);
    if (sent == (int)size)
        return;
    sent = sent > 0 ? sent : 0;
    answer = uv_buf_init(buffer->base + sent, (unsigned)(size - sent));
    uv_read_stop(stream);
    uv_write(&c->write, stream, &answer, 1, written);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct connection *c = malloc(sizeof(*c));

    if (status < 0)
        bench_fail("uv_listen", status);
    uv_tcp_init(server->loop, &c->stream);
    uv_accept(server, (uv_stream_t *)&c->stream);
    uv_tcp_nodelay(&c->stream, 1);
    uv_read_start((uv_stream_t *)&c->stream, allocate, on_read);
}

int main(void)
{
    struct sockaddr_in address;
    int length = sizeof(address);
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t server;

    uv_tcp_init(loop, &server);
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_bind(&server, (const struct sockaddr *)&address, 0);
    if (uv_listen((uv_stream_t *)&server, SOMAXCONN, on_connection) < 0)
        bench_fail("uv_listen", 0);
    uv_tcp_getsockname(&server, (struct sockaddr *)&address, &length);
    bench_report_port(ntohs(address.sin_port), "epoll");
    return uv_run(loop, UV_RUN_DEFAULT);
}
