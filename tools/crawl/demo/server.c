/* The demonstration's server: a site in memory, answered with a delay.  One task a connection.
 *
 * It speaks as much HTTP/1.1 as a crawler needs: GET, and connections that stay open. */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yibu.h>

#include "site.h"

#define REQUEST_BYTES 8192

struct server {
    struct site site;
    int64_t latency_ns;
    int listener;
};

struct connection {
    const struct server *server;
    int fd;
    size_t size; /* bytes in request */
    char request[REQUEST_BYTES];
};

/* Reads up to the end of a request's head.  Returns its length, 0 where there is no other, or a
 * failure. */
static ssize_t read_head(struct connection *connection)
{
    for (;;) {
        const char *end = memmem(connection->request, connection->size, "\r\n\r\n", 4);
        if (end)
            return end + 4 - connection->request;
        size_t room = sizeof(connection->request) - connection->size;
        if (room == 0)
            return -EMSGSIZE;
        ssize_t count = yibu_recv(connection->fd, connection->request + connection->size, room);
        if (count <= 0)
            return count;
        connection->size += (size_t)count;
    }
}

/* The path that a head asks for, in its place; NULL: not a GET. */
static const char *requested_path(char *head)
{
    if (strncmp(head, "GET /", 5) != 0)
        return NULL;
    char *path = head + 4;
    path[strcspn(path, " ?\r")] = '\0';
    return path;
}

static int answer_request(struct connection *connection, ssize_t head)
{
    const char *path = requested_path(connection->request);
    if (!path)
        return -EPROTO;
    const struct site *site = &connection->server->site;
    const struct answer *answer = site_find(site, path);
    if (!answer)
        answer = site_find(site, "");
    connection->size -= (size_t)head;
    memmove(connection->request, connection->request + head, connection->size);
    int error = yibu_sleep(connection->server->latency_ns);
    return error < 0 ? error : yibu_send_all(connection->fd, answer->message, answer->size, NULL);
}

static intptr_t serve(void *arg)
{
    struct connection *connection = arg;
    ssize_t head;
    while ((head = read_head(connection)) > 0)
        if (answer_request(connection, head) < 0)
            break;
    yibu_close(connection->fd);
    free(connection);
    return 0;
}

static int accept_one(const struct server *server)
{
    int fd = yibu_accept(server->listener, NULL);
    if (fd < 0)
        return fd;
    struct connection *connection = malloc(sizeof(*connection));
    if (connection) {
        connection->server = server;
        connection->fd = fd;
        connection->size = 0;
        if (yibu_spawn(serve, connection) == 0)
            return 0;
        free(connection);
    }
    yibu_close(fd);
    return -ENOMEM;
}

static intptr_t accept_all(void *arg)
{
    int error;
    while ((error = accept_one(arg)) == 0)
        continue;
    return error == -ECANCELED ? 0 : error;
}

/* Whoever started the server holds the other end of its standard input. */
static void wait_for_end(void)
{
    char byte;
    while (yibu_read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

static intptr_t run(void *arg)
{
    struct server *server = arg;
    yibu_address address;
    server->listener = yibu_tcp_listen("127.0.0.1", 0, NULL);
    if (server->listener < 0)
        return server->listener;
    int error = yibu_getsockname(server->listener, &address);
    if (error < 0)
        return error;
    printf("%u\n", yibu_address_port(&address));
    fflush(stdout);
    error = yibu_spawn(accept_all, server);
    if (error == 0)
        wait_for_end();
    return error;
}

int server_main(const char *tree, size_t max_files, int64_t latency_ns)
{
    struct server server = {.latency_ns = latency_ns};
    intptr_t result = site_build(&server.site, tree, max_files);
    if (result == 0)
        result = yibu_run(run, &server, NULL);
    site_free(&server.site);
    if (result >= 0 || result == -ECANCELED || result == -EINTR)
        return EXIT_SUCCESS;
    fprintf(stderr, "yibu-demo: the server: %s\n", yibu_strerror(result));
    return EXIT_FAILURE;
}
