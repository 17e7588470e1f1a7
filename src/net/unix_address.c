/* See unix_address.h. */
#include "net/unix_address.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

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

int yb_unix_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}
