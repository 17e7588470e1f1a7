/* An echo server: one task a connection, all of them on one thread.
 *
 * Ctrl-C cancels the main task, whose accept then returns -ECANCELED; yibu_run cancels the tasks of
 * connections that are open, and each of them closes its own.
 *
 * usage: echo [PORT]      (0, the default: whichever the kernel chooses) */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <yibu.h>

static YIBU_ASYNC(void, serve, int, fd)
{
    char buffer[4096];
    ssize_t n;
    while ((n = yibu_recv(fd, buffer, sizeof(buffer))) > 0) {
        n = yibu_send_all(fd, buffer, (size_t)n, NULL);
        if (n < 0)
            break;
    }
    yibu_close(fd);
    return (int)n; /* nobody awaits this task, so the loop reports a failure */
}

static void announce(int listener)
{
    yibu_address address;
    if (yibu_getsockname(listener, &address) == 0)
        printf("port %u\n", yibu_address_port(&address));
    fflush(stdout);
}

static YIBU_ASYNC(void, listen_and_serve, uint16_t, port)
{
    int listener = yibu_tcp_listen(NULL, port, NULL);
    if (listener < 0)
        return listener;
    announce(listener);
    int fd;
    while ((fd = yibu_accept(listener, NULL)) >= 0)
        if (yibu_go(serve, fd) < 0)
            yibu_close(fd);
    yibu_close(listener);
    return fd;
}

int main(int argc, char **argv)
{
    int r = listen_and_serve_run(NULL, argc > 1 ? (uint16_t)atoi(argv[1]) : 0);
    if (r == -EINTR)
        return 0;
    fprintf(stderr, "echo: %s\n", yibu_strerror(r));
    return 1;
}
