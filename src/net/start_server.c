/* Starting a server: the addresses it listens on. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <yibu/io.h>
#include <yibu/tcp.h>

#include "net/server.h"
#include "net/tcp.h"
#include "task/task.h"

static yibu_listen_options listen_options(const yibu_server *server)
{
    return (yibu_listen_options){.size = sizeof(yibu_listen_options),
                                 .backlog = server->options.backlog,
                                 .reuse_port = server->options.reuse_port};
}

static int add_listener(yibu_server *server, const yibu_address *address, bool every)
{
    const yibu_listen_options options = listen_options(server);
    int fd = yb_tcp_listen_on(address, every, &options);
    if (fd < 0)
        return fd;
    server->listeners[server->listener_count++].fd = fd;
    return 0;
}

/* An address that the resolver knows and this machine does not have is no failure, where there is
 * another. */
static bool is_missing(int error)
{
    return error == -EAFNOSUPPORT || error == -EADDRNOTAVAIL;
}

static void set_port(yibu_address *address, uint16_t port)
{
    struct sockaddr_in in; /* the port is at the same place in both families (RFC 3493, 3.3) */
    memcpy(&in, &address->storage, sizeof(in));
    in.sin_port = htons(port);
    memcpy(&address->storage, &in, sizeof(in));
}

static int listen_on_list(yibu_server *server, const struct addrinfo *list)
{
    int missing = -EADDRNOTAVAIL;
    for (const struct addrinfo *at = list; at; at = at->ai_next) {
        yibu_address address = {.length = at->ai_addrlen};
        memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        if (server->listener_count > 0)
            set_port(&address, yibu_server_port(server)); /* which the kernel may have chosen */
        int r = add_listener(server, &address, false);
        if (r < 0 && !is_missing(r))
            return r;
        if (r < 0)
            missing = r;
    }
    return server->listener_count > 0 ? 0 : missing;
}

static size_t count_addresses(const struct addrinfo *list)
{
    size_t count = 0;
    for (; list; list = list->ai_next)
        count++;
    return count;
}

static int make(const yb_server_request *q, size_t listeners, yibu_server **ret_server)
{
    int r = yb_server_new(q->handler, q->arg, q->options, listeners, q->place, ret_server);
    if (r == 0)
        (*ret_server)->factory = q->factory;
    return r;
}

static int start_on_address(const yb_server_request *q, const yibu_address *address, bool every,
                            yibu_server **ret_server)
{
    int r = make(q, 1, ret_server);
    return r < 0 ? r : add_listener(*ret_server, address, every);
}

static int start_on_name(const yb_server_request *q, const char *host, uint16_t port,
                         yibu_server **ret_server)
{
    struct addrinfo *list;
    int r = yb_tcp_resolve(host, port, AI_PASSIVE, &list);
    if (r < 0)
        return r;
    r = make(q, count_addresses(list), ret_server);
    if (r == 0)
        r = listen_on_list(*ret_server, list);
    freeaddrinfo(list);
    return r;
}

int yb_server_start_tcp(const yb_server_request *request, const char *host, uint16_t port,
                        yibu_server **ret_server)
{
    int r;
    yibu_address address;
    yibu_server *server = NULL;
    if (yibu_address_parse(host, port, &address) == 0)
        r = start_on_address(request, &address, !host || !host[0], &server);
    else
        r = start_on_name(request, host, port, &server);
    return yb_server_start(server, r, ret_server);
}

int yibu_start_server_at(yibu_connection_handler *handler, void *arg, const char *host,
                         uint16_t port, const yibu_server_options *options,
                         yibu_server **ret_server, const char *place)
{
    const yb_server_request request = {
        .handler = handler, .arg = arg, .options = options, .place = place};
    int r;
    if (!handler || !ret_server)
        return -EINVAL;
    if (!yb_task_enter(&r))
        return r;
    return yb_server_start_tcp(&request, host, port, ret_server);
}
