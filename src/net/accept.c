/* Accepting connections: one task a listener.
 *
 * accept(2) fails for reasons that pass: no descriptor is free, no memory, a connection that was
 * aborted.  Then the listener pauses, until a connection of this server ends or a second has
 * passed, and goes on; the exception handler hears of it once. */
#include <errno.h>
#include <yibu/io.h>
#include <yibu/select.h>
#include <yibu/tcp.h>

#include "net/server.h"
#include "task/task.h"

static const int64_t PAUSE_NS = YIBU_SECONDS(1), QUIET_NS = YIBU_SECONDS(10);

static int wait_for_room(yibu_server *server)
{
    size_t max = server->options.max_connections;
    int r = 0;
    while (r == 0 && max > 0 && server->connection_count >= max) {
        yibu_event_clear(&server->room);
        r = yibu_event_wait(&server->room);
    }
    return r;
}

static void report(yibu_server *server, int error)
{
    int64_t now_ns = yibu_loop_time(server->loop);
    if (!server->reported || now_ns - server->reported_ns > QUIET_NS)
        yb_loop_report(server->loop, error,
                       "the server started at %s pauses: it cannot accept connections",
                       server->place);
    server->reported = true;
    server->reported_ns = now_ns;
}

static int pause_after(yibu_server *server, int error)
{
    report(server, error);
    yibu_event_clear(&server->room);
    yibu_case cases[] = {YIBU_CASE_EVENT(&server->room), YIBU_CASE_AFTER(PAUSE_NS)};
    ssize_t chosen = yibu_select(cases, 2);
    return chosen < 0 ? (int)chosen : 0;
}

/* Whether accepting can never work again. */
static bool is_final(int error)
{
    return error == -EBADF || error == -EINVAL || error == -ENOTSOCK || error == -EOPNOTSUPP;
}

static int accept_next(yb_listener *listener)
{
    yibu_server *server = listener->server;
    int r = wait_for_room(server);
    if (r < 0)
        return r;
    int fd = yibu_accept(listener->fd, NULL);
    if (fd == -ECANCELED || (fd < 0 && server->closing))
        return -ECANCELED;
    if (fd < 0) {
        if (!is_final(fd))
            return pause_after(server, fd);
        report(server, fd);
        return fd;
    }
    r = server->closing ? -ECANCELED
                        : wait_for_room(server); /* another listener may have filled it */
    if (server->route && server->route(server, fd))
        return r;
    if (r < 0) {
        (void)yibu_close(fd);
        return r;
    }
    r = yb_server_begin_connection(server, fd);
    return r < 0 ? pause_after(server, r) : 0;
}

intptr_t yb_server_accept(void *arg)
{
    yb_listener *listener = arg;
    yibu_server *server = listener->server;
    *listener->ret_started = true;
    while (accept_next(listener) == 0)
        ;
    if (listener->fd >= 0)
        (void)yibu_close(listener->fd);
    listener->fd = -1;
    yibu_task_unref(listener->task);
    listener->task = NULL;
    if (--server->accepting == 0)
        yibu_server_close(server);
    yb_server_settle(server);
    yb_server_unref(server);
    return 0;
}
