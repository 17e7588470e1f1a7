/* Starting a second run of this program, and talking to it.
 *
 * The program is started by its own path where that still leads to the file that runs (a debugger
 * or instrument that stands in for it is then bypassed), else through /proc/self/exe, which also
 * finds a file that was replaced or removed.
 *
 * The zygote inherits standard output and error, and the socket as descriptor 3; the rest is closed
 * before it starts, so that what its constructors open stays open.  They may not ask for a
 * zygote. */
#define _GNU_SOURCE
#include "proc/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include <yibu/error.h>

static const char SELF[] = "/proc/self/exe";

enum {
    SEND_BUFFER = 1 << 20, /* more than all orders that can be under way: sending never waits */
    PATIENCE_S = 3,        /* with a zygote that was told to end */
};

static bool same_file(const char *path, int fd)
{
    struct stat a, b;
    return stat(path, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

const char *yb_spawner_program(char path[PATH_MAX])
{
    int fd = open(SELF, O_RDONLY | O_CLOEXEC);
    ssize_t length = readlink(SELF, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    bool usable = fd >= 0 && path[0] == '/' && same_file(path, fd);
    if (fd >= 0)
        close(fd);
    return usable ? path : SELF;
}

/* This process's environment and one variable more. */
static char **extend_environment(char *variable)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    char **extended = yb_calloc(count + 2, sizeof(*extended));
    if (!extended)
        return NULL;
    if (count > 0)
        memcpy(extended + 1, environ, count * sizeof(*extended));
    extended[0] = variable;
    return extended;
}

static int prepare_descriptors(posix_spawn_file_actions_t *actions, int socket)
{
    int r = posix_spawn_file_actions_adddup2(actions, socket, YB_ZYGOTE_SOCKET);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(actions, YB_ZYGOTE_SOCKET + 1);
    return -r;
}

/* Every signal at its default action, and none blocked. */
static int prepare_signals(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int r = posix_spawnattr_setsigdefault(attributes, &all);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return -r;
}

static int spawn(yb_spawner *spawner, int socket, char **environment)
{
    char path[PATH_MAX];
    char *arguments[] = {program_invocation_name, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -ENOMEM;
    }
    int r = prepare_descriptors(&actions, socket);
    if (r == 0)
        r = prepare_signals(&attributes);
    if (r == 0)
        r = -posix_spawn(&spawner->pid, yb_spawner_program(path), &actions, &attributes, arguments,
                         environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static int start(yb_spawner *spawner, int socket)
{
    char variable[64];
    snprintf(variable, sizeof(variable), "%s=%d:%d", YB_ZYGOTE_VARIABLE, YB_ZYGOTE_SOCKET,
             (int)getpid());
    char **environment = extend_environment(variable);
    int r = environment ? spawn(spawner, socket, environment) : -ENOMEM;
    yb_free(environment);
    return r;
}

int yb_spawner_start(yb_spawner *spawner)
{
    if (!yb_zygote_possible())
        return -ENOSYS;
    if (getauxval(AT_SECURE))
        return -EPERM;
    if (yb_zygote_called())
        return -EDEADLK; /* a constructor's: the zygote's own would ask for one, too, and so on */
    int ends[2], size = SEND_BUFFER;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    (void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    int r = start(spawner, ends[1]);
    close(ends[1]);
    if (r < 0)
        close(ends[0]);
    else
        spawner->socket = ends[0];
    return r;
}

static int give(yb_spawner *spawner, const yb_zygote_order *order, const char *text, const int *fds,
                size_t fds_size)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(YB_RUNNER_FDS * sizeof(int))];
    } control = {0};
    yb_zygote_order copy = *order;
    char bytes[YB_ZYGOTE_TEXT_MAX];
    copy.text_size = text ? (uint32_t)strnlen(text, sizeof(bytes)) : 0;
    memcpy(bytes, text ? text : "", copy.text_size);
    struct iovec data[] = {{&copy, sizeof(copy)}, {bytes, copy.text_size}};
    struct msghdr message = {.msg_iov = data, .msg_iovlen = 2};
    if (fds_size > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(fds_size);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(fds_size);
        memcpy(CMSG_DATA(&control.header), fds, fds_size);
    }
    ssize_t sent;
    do
        sent = sendmsg(spawner->socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == EPIPE || errno == ECONNRESET ? YIBU_EWORKER : -errno;
    return 0;
}

int yb_spawner_order(yb_spawner *spawner, const yb_spawner_wish *wish)
{
    yb_zygote_order order = {
        .kind = YB_ZYGOTE_START, .worker = wish->worker, .nice = wish->nice, .flags = wish->flags};
    return give(spawner, &order, wish->name, wish->fds, sizeof(wish->fds));
}

int yb_spawner_kill(yb_spawner *spawner, uint64_t worker, bool gently)
{
    yb_zygote_order order = {.kind = gently ? YB_ZYGOTE_TERMINATE : YB_ZYGOTE_KILL,
                             .worker = worker};
    return give(spawner, &order, NULL, NULL, 0);
}

int yb_spawner_preload(yb_spawner *spawner, const char *job_name)
{
    yb_zygote_order order = {.kind = YB_ZYGOTE_PRELOAD};
    return give(spawner, &order, job_name, NULL, 0);
}

void yb_spawner_end(yb_spawner *spawner)
{
    const yb_zygote_order order = {.kind = YB_ZYGOTE_END};
    (void)give(spawner, &order, NULL, NULL, 0);
}

int yb_spawner_hear(yb_spawner *spawner, yb_zygote_news *ret_news)
{
    yb_zygote_news news;
    ssize_t size;
    do
        size = recv(spawner->socket, &news, sizeof(news), MSG_DONTWAIT);
    while (size < 0 && errno == EINTR);
    if (size < 0 && errno == EAGAIN)
        return 0;
    if (size != (ssize_t)sizeof(news))
        return -ECONNRESET;
    *ret_news = news;
    return 1;
}

/* Waits for the zygote to close its end; kills it where it does not, because it was stopped. */
static void hurry(const yb_spawner *spawner)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    yb_zygote_news news;
    ssize_t n;
    (void)setsockopt(spawner->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)shutdown(spawner->socket, SHUT_WR);
    do
        n = recv(spawner->socket, &news, sizeof(news), 0);
    while (n > 0 || (n < 0 && errno == EINTR));
    if (n < 0 && errno == EAGAIN)
        kill(spawner->pid, SIGKILL);
}

int yb_spawner_stop(yb_spawner *spawner, bool gently)
{
    int status = 0;
    yb_zygote_order order = {.kind = YB_ZYGOTE_END};
    if (!gently || give(spawner, &order, NULL, NULL, 0) < 0)
        kill(spawner->pid, SIGTERM);
    hurry(spawner);
    close(spawner->socket);
    spawner->socket = -1;
    while (waitpid(spawner->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}
