/* A server's life: serving, closing, the end.
 *
 * The program holds one reference, and so does each of its tasks, so a server that is freed lives
 * until its last connection has ended.  States: serving; closing (no listener is open, tasks may be
 * left); finished (none is). */
#include "net/server.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <yibu/io.h>
#include <yibu/tcp.h>

#include "base/memory.h"
#include "base/options.h"
#include "io/stream.h"
#include "task/task.h"

static int known(const yibu_server_options *options, yibu_server_options *ret_taken)
{
    int r = yb_options_take(ret_taken, sizeof(*ret_taken), options);
    if (r < 0)
        return r;
    if (ret_taken->stream.size == 0)
        ret_taken->stream.size = sizeof(ret_taken->stream);
    return yb_stream_check_options(&ret_taken->stream);
}

int yb_server_new(yibu_connection_handler *handler, void *arg, const yibu_server_options *options,
                  size_t listeners, const char *place, yibu_server **ret_server)
{
    yibu_server_options taken;
    int r = known(options, &taken);
    if (r < 0)
        return -EINVAL;
    yibu_server *server = yb_calloc(1, sizeof(*server));
    yb_listener *room = yb_calloc(listeners, sizeof(*room));
    if (!server || !room) {
        yb_free(server);
        yb_free(room);
        return -ENOMEM;
    }
    server->loop = yb_loop_current;
    server->handler = handler;
    server->arg = arg;
    server->options = taken;
    server->place = place;
    server->references = 1;
    server->listeners = room;
    yb_list_init(&server->connections);
    *ret_server = server;
    return 0;
}

static int begin_to_accept(yibu_server *server, yb_listener *listener)
{
    const yibu_task_options options = {.size = sizeof(options), .eager = true};
    bool started = false;
    listener->server = server;
    listener->ret_started = &started;
    server->references++;
    server->accepting++;
    yibu_task *task = yibu_create_task_at(yb_server_accept, listener, &options, server->place);
    if (!started) {
        server->references--;
        server->accepting--;
    }
    if (task && !yibu_task_done(task))
        listener->task = task;
    else
        yibu_task_unref(task);
    return started ? 0 : -ENOMEM;
}

int yb_server_start(yibu_server *server, int listening, yibu_server **ret_server)
{
    int r = listening;
    for (size_t i = 0; r == 0 && i < server->listener_count; i++)
        r = begin_to_accept(server, &server->listeners[i]);
    if (r == 0) {
        *ret_server = server;
    } else if (server) {
        server->options.free_arg = NULL;
        yibu_server_free(server);
    }
    return r;
}

static void destroy(yibu_server *server)
{
    if (server->options.free_arg)
        server->options.free_arg(server->arg);
    yb_free(server->path);
    yb_free(server->listeners);
    yb_free(server);
}

void yb_server_unref(yibu_server *server)
{
    if (--server->references == 0)
        destroy(server);
}

void yb_server_settle(yibu_server *server)
{
    if (server->closing && server->accepting == 0 && server->connection_count == 0)
        yibu_event_set(&server->finished);
}

/* Removes the path where it is still the socket that this server made. */
static void remove_path(yibu_server *server)
{
    struct stat now;
    if (server->path && lstat(server->path, &now) == 0 && now.st_dev == server->device &&
        now.st_ino == server->inode)
        (void)unlink(server->path);
}

/* An accept of io_uring's that is being cancelled keeps the socket alive: the shutdown makes it
 * deaf now. */
static void close_listener(yb_listener *listener)
{
    if (listener->task)
        (void)yibu_task_cancel(listener->task);
    if (listener->fd < 0)
        return;
    (void)yibu_shutdown(listener->fd, SHUT_RDWR);
    (void)yibu_close(listener->fd);
    listener->fd = -1;
}

void yibu_server_close(yibu_server *server)
{
    if (server->closing)
        return;
    server->closing = true;
    for (size_t i = 0; i < server->listener_count; i++)
        close_listener(&server->listeners[i]);
    remove_path(server);
    yibu_event_set(&server->closed);
    yb_server_settle(server);
}

/* What is done to a connection ends it only later, so nobody leaves the list meanwhile. */
static void for_each_client(yibu_server *server, void (*act)(yb_connection *connection))
{
    yb_list *all = &server->connections;
    for (yb_list *at = all->next; at != all; at = at->next)
        act(YB_CONTAINER_OF(at, yb_connection, links));
}

static void close_client(yb_connection *connection)
{
    if (connection->stream)
        yibu_stream_close(connection->stream);
    else
        yibu_transport_close(connection->transport);
}

static void abort_client(yb_connection *connection)
{
    if (connection->stream)
        yibu_stream_abort(connection->stream);
    else
        yibu_transport_abort(connection->transport);
}

static void cancel_client(yb_connection *connection)
{
    if (connection->task)
        (void)yibu_task_cancel(connection->task);
}

void yibu_server_close_clients(yibu_server *server)
{
    for_each_client(server, close_client);
}

void yibu_server_abort_clients(yibu_server *server)
{
    for_each_client(server, abort_client);
}

void yb_server_cancel_clients(yibu_server *server)
{
    for_each_client(server, cancel_client);
}

static int wait_for(yibu_server *server, yibu_event *event)
{
    server->references++;
    int r = yibu_event_wait(event);
    yb_server_unref(server);
    return r;
}

int yibu_server_serve_forever(yibu_server *server)
{
    server->references++;
    int r = wait_for(server, &server->closed);
    if (r == -ECANCELED)
        yibu_server_close(server);
    yb_server_unref(server);
    return r;
}

int yibu_server_wait_closed(yibu_server *server)
{
    return wait_for(server, &server->finished);
}

bool yibu_server_is_serving(const yibu_server *server)
{
    return !server->closing;
}

size_t yibu_server_connections(const yibu_server *server)
{
    return server->connection_count;
}

size_t yibu_server_sockets(const yibu_server *server, int *ret_sockets, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].fd < 0)
            continue;
        if (count < max)
            ret_sockets[count] = server->listeners[i].fd;
        count++;
    }
    return count;
}

uint16_t yibu_server_port(const yibu_server *server)
{
    int fd;
    yibu_address address;
    if (yibu_server_sockets(server, &fd, 1) == 0 || yibu_getsockname(fd, &address) < 0)
        return 0;
    return yibu_address_port(&address);
}

void yibu_server_free(yibu_server *server)
{
    if (!server)
        return;
    yibu_server_close(server);
    yb_server_unref(server);
}
