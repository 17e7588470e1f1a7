/* One task that receives and answers: one datagram at a time, or as many as there are. */
#include "bench.h"

#include <yibu.h>

#define LONGEST 2048
#define MOST 32

static intptr_t echo(int fd)
{
    char text[LONGEST];
    yibu_address from;
    ssize_t n;

    while ((n = yibu_recvfrom(fd, text, sizeof(text), &from)) >= 0)
        yibu_sendto(fd, text, (size_t)n, &from);
    return n;
}

static intptr_t echo_in_batches(int fd)
{
    static yibu_message messages[MOST];
    static char data[MOST][LONGEST];
    ssize_t n;

    for (int i = 0; i < MOST; i++)
        messages[i] = (yibu_message){.data = data[i], .capacity = LONGEST};
    while ((n = yibu_recv_messages(fd, messages, MOST)) >= 0)
        yibu_send_messages(fd, messages, (size_t)n, NULL);
    return n;
}

static intptr_t run(void *arg)
{
    const struct bench *bench = arg;
    yibu_address address;
    int fd = yibu_udp_bind("127.0.0.1", 0, NULL);

    if (fd < 0)
        return fd;
    yibu_getsockname(fd, &address);
    bench_report_port(yibu_address_port(&address), yibu_loop_backend(yibu_get_running_loop()));
    return bench_argument(bench, 2, 1) > 1 ? echo_in_batches(fd) : echo(fd);
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    intptr_t result = yibu_run(run, &bench, NULL);

    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    return 0;
}
