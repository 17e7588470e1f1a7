/* Descriptors that travel over Unix sockets (unix(7), SCM_RIGHTS). */
#include <errno.h>
#include <unistd.h>
#include <yibu/unix.h>

ssize_t yibu_send_fds(int fd, const void *buffer, size_t size, const int *fds, size_t count)
{
    const yibu_message message = {.data = (void *)(uintptr_t)buffer,
                                  .size = size,
                                  .fds = (int *)(uintptr_t)fds,
                                  .fd_count = count};
    return yibu_send_message(fd, &message);
}

/* What is wrong with a message that came: 0 or a negative errno. */
static int flaw_of(const yibu_message *message)
{
    if (message->flags & YIBU_MESSAGE_TRUNCATED)
        return -EMSGSIZE;
    if (!(message->flags & YIBU_MESSAGE_FDS_LOST))
        return 0;
    return message->fd_count < message->fd_capacity ? -EMFILE : -EMSGSIZE;
}

ssize_t yibu_recv_fds(int fd, void *ret_buffer, size_t size, int *ret_fds, size_t max,
                      size_t *ret_count)
{
    yibu_message message = {
        .data = ret_buffer, .capacity = size, .fds = ret_fds, .fd_capacity = max};
    if (!ret_count)
        return -EINVAL;
    ssize_t n = yibu_recv_message(fd, &message);
    if (n < 0)
        return n;
    int flaw = flaw_of(&message);
    if (flaw == 0) {
        *ret_count = message.fd_count;
        return n;
    }
    for (size_t i = 0; i < message.fd_count; i++)
        close(message.fds[i]);
    return flaw;
}
