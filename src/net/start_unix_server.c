/* Starting a server on a Unix socket.
 *
 * A path outlives the socket that was bound to it.  Whether one that is there is alive only connect(2)
 * tells: where it is refused, nobody listens, and the path is taken over. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "net/server.h"
#include "net/unix_address.h"
#include "task/task.h"

static const struct sockaddr *name_of(const yibu_address *address)
{
    return (const struct sockaddr *)&address->storage;
}

static bool is_stale(const char *path, const yibu_address *address)
{
    struct stat file;
    if (lstat(path, &file) < 0 || !S_ISSOCK(file.st_mode))
        return false;
    int fd = yb_unix_socket();
    if (fd < 0)
        return false;
    bool refused = connect(fd, name_of(address), address->length) < 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

static int bind_to(int fd, const char *path, const yibu_address *address)
{
    if (bind(fd, name_of(address), address->length) == 0)
        return 0;
    if (errno != EADDRINUSE || path[0] == '@')
        return -errno;
    if (!is_stale(path, address))
        return -EADDRINUSE;
    if (unlink(path) < 0 && errno != ENOENT)
        return -errno;
    return bind(fd, name_of(address), address->length) < 0 ? -errno : 0;
}

/* Notes which file the path is now, to remove no other one. */
static int remember(yibu_server *server, const char *path)
{
    struct stat file;
    if (path[0] == '@')
        return 0;
    int r = lstat(path, &file) < 0 ? -errno : 0;
    server->path = yb_strdup(path);
    if (r < 0 || !server->path) {
        (void)unlink(path);
        return r < 0 ? r : -ENOMEM;
    }
    server->device = file.st_dev;
    server->inode = file.st_ino;
    return 0;
}

static int listen_on(yibu_server *server, const char *path, const yibu_address *address)
{
    int fd = yb_unix_socket();
    if (fd < 0)
        return fd;
    server->listeners[server->listener_count++].fd = fd;
    int r = bind_to(fd, path, address);
    if (r == 0)
        r = remember(server, path);
    int backlog = server->options.backlog > 0 ? server->options.backlog : SOMAXCONN;
    if (r == 0 && listen(fd, backlog) < 0)
        r = -errno;
    return r;
}

int yibu_start_unix_server_at(yibu_connection_handler *handler, void *arg, const char *path,
                              const yibu_server_options *options, yibu_server **ret_server,
                              const char *place)
{
    yibu_address address;
    int r = ret_server ? yb_unix_address(path, &address) : -EINVAL;
    if (r < 0)
        return r;
    if (!yb_task_enter(&r))
        return r;
    yibu_server *server;
    r = yb_server_new(handler, arg, options, 1, place, &server);
    if (r < 0)
        return r;
    return yb_server_start(server, listen_on(server, path, &address), ret_server);
}
