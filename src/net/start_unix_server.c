/* Starting a server on a Unix socket. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "net/server.h"
#include "net/unix_address.h"
#include "task/task.h"

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
    int fd = yb_unix_socket(SOCK_STREAM);
    if (fd < 0)
        return fd;
    server->listeners[server->listener_count++].fd = fd;
    int r = yb_unix_bind_to(fd, path, address);
    if (r == 0)
        r = remember(server, path);
    int backlog = server->options.backlog > 0 ? server->options.backlog : SOMAXCONN;
    if (r == 0 && listen(fd, backlog) < 0)
        r = -errno;
    return r;
}

int yb_server_start_unix(const yb_server_request *request, const char *path,
                         yibu_server **ret_server)
{
    yibu_address address;
    yibu_server *server;
    int r = yb_unix_address(path, &address);
    if (r == 0)
        r = yb_server_new(request->handler, request->arg, request->options, 1, request->place,
                          &server);
    if (r != 0)
        return r;
    server->factory = request->factory;
    return yb_server_start(server, listen_on(server, path, &address), ret_server);
}

int yibu_start_unix_server_at(yibu_connection_handler *handler, void *arg, const char *path,
                              const yibu_server_options *options, yibu_server **ret_server,
                              const char *place)
{
    const yb_server_request request = {
        .handler = handler, .arg = arg, .options = options, .place = place};
    yibu_address address;
    int r = handler && ret_server ? yb_unix_address(path, &address) : -EINVAL;
    if (r < 0)
        return r;
    if (!yb_task_enter(&r))
        return r;
    return yb_server_start_unix(&request, path, ret_server);
}
