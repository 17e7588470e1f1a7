/* libuv: uv_udp_recv_start, with UV_UDP_RECVMMSG where batches are asked for, and uv_udp_try_send.
 * bench-packages: libuv
 * bench-backend: epoll
 */
#include "bench.h"

#include <netinet/in.h>
#include <uv.h>

/* One datagram's room has to be 64 KiB for libuv to cut a buffer into several. */
#define ROOM ((size_t)65536 * 20)

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char room[ROOM];

    (void)suggested;
    *buffer = uv_buf_init(room, uv_udp_using_recvmmsg((uv_udp_t *)handle) ? ROOM : 65536);
}

static void received(uv_udp_t *socket, ssize_t size, const uv_buf_t *buffer,
                     const struct sockaddr *from, unsigned flags)
{
    uv_buf_t answer;

    (void)flags;
    if (!from || size < 0)
        return;
    answer = uv_buf_init(buffer->base, (unsigned)size);
    uv_udp_try_send(socket, &answer, 1, from);
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    struct sockaddr_in address;
    int length = sizeof(address);
    unsigned flags = bench_argument(&bench, 2, 1) > 1 ? UV_UDP_RECVMMSG : 0;
    uv_loop_t *loop = uv_default_loop();
    uv_udp_t server;

    uv_udp_init_ex(loop, &server, AF_INET | flags);
    uv_ip4_addr("127.0.0.1", 0, &address);
    if (uv_udp_bind(&server, (const struct sockaddr *)&address, 0) < 0 ||
        uv_udp_recv_start(&server, allocate, received) < 0)
        bench_fail("uv_udp", 0);
    uv_udp_getsockname(&server, (struct sockaddr *)&address, &length);
    bench_report_port(ntohs(address.sin_port), "epoll");
    return uv_run(loop, UV_RUN_DEFAULT);
}
