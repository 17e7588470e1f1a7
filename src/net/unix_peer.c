/* Unix sockets: who is at the other end. */
#include <errno.h>
#include <sys/socket.h>
#include <yibu/unix.h>

enum { PEER_PIDFD = 77 }; /* SO_PEERPIDFD, since Linux 6.5 */

int yibu_peer_credentials(int fd, yibu_credentials *ret_credentials)
{
    struct ucred user;
    socklen_t length = sizeof(user);
    if (!ret_credentials)
        return -EINVAL;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &user, &length) < 0)
        return -errno;
    if (user.pid == 0) /* not connected, or by somebody whom our namespace does not see */
        return -ENODATA;
    *ret_credentials = (yibu_credentials){user.pid, user.uid, user.gid};
    return 0;
}

int yibu_peer_pidfd(int fd)
{
    int pidfd;
    socklen_t length = sizeof(pidfd);
    if (getsockopt(fd, SOL_SOCKET, PEER_PIDFD, &pidfd, &length) == 0)
        return pidfd;
    if (errno == EINVAL) /* the process is gone, and the kernel had no pidfd of it yet */
        return -ESRCH;
    return errno == ENOPROTOOPT ? -ENOTSUP : -errno;
}

int yibu_pass_credentials(int fd, bool on)
{
    int value = on;
    return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, sizeof(value)) < 0 ? -errno : 0;
}
