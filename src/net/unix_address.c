/* See unix_address.h.
 *
 * A path outlives the socket that was bound to it.  Whether one that is there is alive only
 * connect(2) tells: where it is refused, nobody listens, and the path is taken over.
 *
 * connect(2) is done at once or not at all: where the listener's line is full it says EAGAIN, and
 * nothing tells when there is room again, so it is asked again after a while. */
#include "net/unix_address.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <yibu/task.h>

int yb_unix_address(const char *path, yibu_address *ret_address)
{
    size_t length = path ? strlen(path) : 0;
    bool abstract = length > 0 && path[0] == '@';
    if (length == 0 || (abstract && length == 1))
        return -EINVAL;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (length + !abstract > sizeof(un.sun_path))
        return -ENAMETOOLONG;
    memcpy(un.sun_path, path, length);
    if (abstract)
        un.sun_path[0] = '\0';
    *ret_address = (yibu_address){0};
    memcpy(&ret_address->storage, &un, sizeof(un));
    ret_address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
    return 0;
}

int yb_unix_socket(int type)
{
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static const struct sockaddr *name_of(const yibu_address *address)
{
    return (const struct sockaddr *)&address->storage;
}

static bool is_stale(const char *path, const yibu_address *address)
{
    struct stat file;
    if (lstat(path, &file) < 0 || !S_ISSOCK(file.st_mode))
        return false;
    int fd = yb_unix_socket(SOCK_STREAM);
    if (fd < 0)
        return false;
    /* A socket of another type that is alive says EPROTOTYPE. */
    bool refused = connect(fd, name_of(address), address->length) < 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

int yb_unix_bind_to(int fd, const char *path, const yibu_address *address)
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

int yb_unix_connect_to(int fd, const yibu_address *address)
{
    static const int64_t longest_ns = YIBU_MS(20);
    for (int64_t pause_ns = YIBU_US(100);; pause_ns *= 2) {
        if (connect(fd, name_of(address), address->length) == 0)
            return 0;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        if (pause_ns > longest_ns)
            pause_ns = longest_ns;
        int r = yibu_sleep(pause_ns);
        if (r < 0)
            return r;
    }
}
