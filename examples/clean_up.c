/* A cancel, and clean-up that itself has to wait.
 *
 * A cancelled task's every checkpoint returns -ECANCELED, so that ignoring it once does not undo
 * it.  To say good-bye over the connection, the session opens a shield, with a limit of its own. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <yibu.h>

static void say_bye(int fd)
{
    yibu_timeout shield;
    if (yibu_shield_begin(&shield, YIBU_SECONDS(1)) < 0)
        return;
    int r = yibu_send_all(fd, "bye\n", 4, NULL);
    yibu_shield_end(&shield);
    if (r < 0)
        printf("session: no good-bye: %s\n", yibu_strerror(r));
}

static YIBU_ASYNC(void, session, int, fd)
{
    int r = yibu_send_all(fd, "hello\n", 6, NULL);
    if (r == 0)
        r = yibu_sleep(YIBU_FOREVER); /* the session's work, until somebody cancels it */
    if (r == -ECANCELED)
        say_bye(fd);
    yibu_close(fd);
    return r;
}

static YIBU_ASYNC(void, peer, int, fd)
{
    char buffer[64];
    ssize_t n;
    while ((n = yibu_recv(fd, buffer, sizeof(buffer))) > 0)
        printf("peer: %.*s", (int)n, buffer);
    yibu_close(fd);
    return (int)n;
}

static YIBU_ASYNC(void, start)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    yibu_task *listener = yibu_start(peer, ends[0]);
    yibu_task *talker = yibu_start(session, ends[1]);
    yibu_sleep(YIBU_MS(50));
    yibu_task_cancel(talker);
    int ended = session_await(talker);
    int r = peer_await(listener);
    printf("session: %s\n", yibu_error_name(ended));
    yibu_task_unref(talker);
    yibu_task_unref(listener);
    return r;
}

int main(void)
{
    return start_run(NULL) < 0;
}
