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

static intptr_t serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char buffer[4096];
    ssize_t n;
    while ((n = yibu_recv(fd, buffer, sizeof(buffer))) > 0) {
        n = yibu_send_all(fd, buffer, (size_t)n, NULL);
        if (n < 0)
            break;
    }
    yibu_close(fd);
    return n; /* nobody awaits this task, so the loop reports a failure */
}

static void announce(int listener)
{
    yibu_address address;
    if (yibu_getsockname(listener, &address) == 0)
        printf("port %u\n", yibu_address_port(&address));
    fflush(stdout);
}

static intptr_t listen_and_serve(void *arg)
{
    const char *port = arg;
    int listener = yibu_tcp_listen(NULL, (uint16_t)atoi(port), NULL);
    if (listener < 0)
        return listener;
    announce(listener);
    int fd;
    while ((fd = yibu_accept(listener, NULL)) >= 0)
        if (yibu_spawn(serve, (void *)(intptr_t)fd) < 0)
            yibu_close(fd);
    yibu_close(listener);
    return fd;
}

int main(int argc, char **argv)
{
    intptr_t r = yibu_run(listen_and_serve, argc > 1 ? argv[1] : "0", NULL);
    if (r == -ECANCELED)
        return 0;
    fprintf(stderr, "echo: %s\n", yibu_strerror(r));
    return 1;
}
