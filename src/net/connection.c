/* A server's connections: each is a task with a stream, or a transport with a protocol. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "net/server.h"
#include "net/socket.h"
#include "task/task.h"

static void count(yibu_server *server, int change)
{
    server->connection_count += (size_t)change;
    if (server->load)
        (void)atomic_fetch_add_explicit(server->load, (size_t)change, memory_order_relaxed);
}

static void end_connection(yb_connection *connection)
{
    yibu_server *server = connection->server;
    yb_list_unlink(&connection->links);
    yibu_stream_free(connection->stream);
    yb_free(connection);
    count(server, -1);
    yibu_event_set(&server->room);
    yb_server_settle(server);
    yb_server_unref(server);
}

static void enlist(yibu_server *server, yb_connection *connection)
{
    connection->server = server;
    server->references++;
    count(server, 1);
    yb_list_push_back(&server->connections, &connection->links);
}

/* With a task. */

static intptr_t serve(void *arg)
{
    yb_connection *connection = arg;
    yibu_server *server = connection->server;
    *connection->ret_started = true;
    connection->task = yibu_current_task();
    intptr_t result = server->handler(connection->stream, server->arg);
    yibu_stream_close(connection->stream);
    (void)yibu_stream_wait_closed(connection->stream);
    end_connection(connection);
    return result;
}

static int start_task(yb_connection *connection)
{
    const yibu_server *server = connection->server;
    const yibu_task_options options = {
        .size = sizeof(options), .stack_bytes = server->options.stack_bytes, .eager = true};
    bool started = false;
    connection->ret_started = &started;
    yibu_task_unref(yibu_create_task_at(serve, connection, &options, server->place));
    if (!started)
        end_connection(connection);
    return started ? 0 : -ENOMEM;
}

/* With a protocol. */

static yb_connection *connection_of(yb_transport_owner *owner)
{
    return YB_CONTAINER_OF(owner, yb_connection, owner);
}

static yibu_protocol *make_protocol(yb_transport_owner *owner)
{
    yibu_server *server = connection_of(owner)->server;
    return server->factory(server->arg);
}

static void transport_ended(yb_transport_owner *owner)
{
    end_connection(connection_of(owner));
}

/* Either. */

static void set_options(const yibu_server *server, int fd)
{
    if (server->options.keep_alive)
        (void)yb_socket_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (server->options.nagle)
        (void)yb_socket_set(fd, IPPROTO_TCP, TCP_NODELAY, 0);
}

/* Its stream or transport takes fd over, unless this fails. */
static int equip(yb_connection *connection, const yibu_server *server, int fd)
{
    const yibu_stream_options *options = &server->options.stream;
    if (!server->factory)
        return yibu_stream_new(fd, options, &connection->stream);
    connection->owner = (yb_transport_owner){make_protocol, transport_ended};
    return yb_transport_new_fd(fd, NULL, options, &connection->owner, &connection->transport);
}

int yb_server_begin_connection(yibu_server *server, int fd)
{
    set_options(server, fd);
    yb_connection *connection = yb_calloc(1, sizeof(*connection));
    int r = connection ? equip(connection, server, fd) : -ENOMEM;
    if (r < 0) {
        yb_free(connection);
        (void)yibu_close(fd);
        return r;
    }
    enlist(server, connection);
    if (connection->stream)
        return start_task(connection);
    yb_transport_soon(connection->transport);
    return 0;
}

int yb_server_adopt(yibu_server *server, int fd)
{
    yb_backend *backend = server->loop->backend;
    backend->class->adopt_fd(backend, fd);
    return yb_server_begin_connection(server, fd);
}
