/* One task a connection: receive, send back, until the peer ends. */
#include "bench.h"

#include <yibu.h>

#define BUFFER_BYTES 16384

static intptr_t serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char *buffer = malloc(BUFFER_BYTES);
    ssize_t received;

    while ((received = yibu_recv(fd, buffer, BUFFER_BYTES)) > 0)
        if (yibu_send_all(fd, buffer, (size_t)received, NULL) < 0)
            break;
    free(buffer);
    yibu_close(fd);
    return 0;
}

static intptr_t run(void *arg)
{
    yibu_address address;
    int listener = yibu_tcp_listen("127.0.0.1", 0, NULL);
    int fd = listener;

    (void)arg;
    if (listener < 0)
        return listener;
    yibu_getsockname(listener, &address);
    bench_report_port(yibu_address_port(&address), yibu_loop_backend(yibu_get_running_loop()));
    while (fd >= 0) {
        fd = yibu_accept(listener, NULL);
        if (fd >= 0)
            yibu_spawn(serve, (void *)(intptr_t)fd);
    }
    return fd;
}

int main(void)
{
    intptr_t result = yibu_run(run, NULL, NULL);

    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    return 0;
}
