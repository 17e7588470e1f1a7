/* The zygote's side: reap, fork, kill, until the socket ends.  worker_start.c is what it forks.
 *
 * Signals are blocked and taken from a signalfd: SIGCHLD, and SIGTERM, which the kernel sends when
 * the parent dies, since the socket's end may come late (a child of the parent may hold a copy).
 * SIGINT is for the parent, whose orderly end brings ours.
 *
 * A worker leads a process group, so that what a job has started is killed with it.  `workers`
 * holds those not yet reaped: until then a process id cannot be given to another process.  What has
 * left the group comes to the zygote when the worker dies, and is killed then. */
#define _GNU_SOURCE
#include "proc/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proc/descendants.h"
#include "proc/job.h"
#include "proc/oom.h"
#include "proc/worker_start.h"
#include <yibu/error.h>

enum {
    DESCRIPTORS = YB_RUNNER_FDS,
    END_MS = 200,  /* how long workers have to end by themselves */
    NATIVES = 256, /* children that are no workers' */
};

typedef struct worker {
    uint64_t number;
    pid_t pid;
    bool killed; /* by us */
} worker;

static worker *workers;
static unsigned worker_count, worker_room;
static int signals = -1;
static pid_t natives[NATIVES]; /* that constructors and the preload job started */
static unsigned native_count;
static bool natives_known;
static uint64_t oom_kills; /* when we last looked */
static pid_t self;

/* Starting. */

static bool called_as_zygote(void)
{
    const char *text = secure_getenv(YB_ZYGOTE_VARIABLE);
    int fd, parent_id, type;
    socklen_t size = sizeof(type);
    if (!text || sscanf(text, "%d:%d", &fd, &parent_id) != 2)
        return false;
    return fd == YB_ZYGOTE_SOCKET && parent_id == (int)getppid() &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

bool yb_zygote_called(void)
{
    return yb_worker_process_called() || called_as_zygote();
}

static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void open_standard_descriptors(void)
{
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd >= 0)
        close(fd);
}

/* Talking. */

static void tell(const yb_zygote_news *news)
{
    while (send(YB_ZYGOTE_SOCKET, news, sizeof(*news), MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static void take_descriptors(struct msghdr *message, int *ret_fds)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
            memcpy(ret_fds, CMSG_DATA(c), DESCRIPTORS * sizeof(int));
}

/* Returns whether there was an order; false: the parent has gone. */
static bool hear(yb_zygote_order *order, char text[YB_ZYGOTE_TEXT_MAX + 1], int *fds)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
    } control;
    struct iovec data[] = {{order, sizeof(*order)}, {text, YB_ZYGOTE_TEXT_MAX}};
    struct msghdr message = {.msg_iov = data,
                             .msg_iovlen = 2,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t size;
    do
        size = recvmsg(YB_ZYGOTE_SOCKET, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < (ssize_t)sizeof(*order))
        return false;
    text[(size_t)size - sizeof(*order)] = '\0';
    take_descriptors(&message, fds);
    return true;
}

/* Workers. */

static bool is_worker(pid_t pid)
{
    for (unsigned i = 0; i < worker_count; i++)
        if (workers[i].pid == pid)
            return true;
    return false;
}

static bool note_native(pid_t pid)
{
    if (native_count < NATIVES)
        natives[native_count++] = pid;
    return true;
}

static bool spared(pid_t pid)
{
    for (unsigned i = 0; i < native_count; i++)
        if (natives[i] == pid)
            return true;
    return is_worker(pid);
}

/* Before the first worker is there; with too many to remember, nobody is killed by mistake. */
static void note_natives(void)
{
    if (natives_known)
        return;
    natives_known = true;
    (void)yb_descendants_kill(note_native);
    oom_kills = yb_oom_kills();
}

static unsigned kill_leftovers(void)
{
    return native_count < NATIVES ? yb_descendants_kill(spared) : 0;
}

static bool make_room(void)
{
    if (worker_count < worker_room)
        return true;
    unsigned room = worker_room ? 2 * worker_room : 16;
    worker *more = realloc(workers, room * sizeof(*more));
    if (!more)
        return false;
    workers = more;
    worker_room = room;
    return true;
}

static int start(const yb_zygote_order *order, const char *name, const int *fds)
{
    if (!make_room())
        return -ENOMEM;
    note_natives();
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        close(YB_ZYGOTE_SOCKET);
        close(signals);
        yb_worker_process_start(order, name, fds, self);
    }
    setpgid(pid, pid); /* both sides: whoever is first */
    workers[worker_count++] = (worker){order->worker, pid, false};
    return pid;
}

static void start_and_tell(const yb_zygote_order *order, const char *name, int *fds)
{
    bool complete = true;
    for (int i = 0; i < DESCRIPTORS; i++)
        complete &= fds[i] >= 0;
    int r = complete ? start(order, name, fds) : -EMFILE;
    for (int i = 0; i < DESCRIPTORS; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    yb_zygote_news_kind kind = r < 0 ? YB_ZYGOTE_REFUSED : YB_ZYGOTE_STARTED;
    yb_zygote_news news = {.kind = kind, .worker = order->worker, .value = r};
    tell(&news);
}

static void kill_group(pid_t pid)
{
    kill(pid, SIGKILL);
    kill(-pid, SIGKILL);
}

static void terminate_group(pid_t pid)
{
    if (kill(-pid, SIGTERM) < 0)
        kill(pid, SIGTERM);
}

static void end_worker(uint64_t number, void (*end_group)(pid_t pid))
{
    for (unsigned i = 0; i < worker_count; i++)
        if (workers[i].number == number) {
            workers[i].killed |= end_group == kill_group;
            end_group(workers[i].pid);
        }
}

/* Whether the kernel has killed for memory since the last worker was killed by nobody here. */
static bool died_of_memory(const worker *dead, int status)
{
    if (dead->killed || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        return false;
    uint64_t before = oom_kills;
    oom_kills = yb_oom_kills();
    return oom_kills > before;
}

static int64_t in_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

static void bury(unsigned i)
{
    struct rusage use;
    int status;
    worker dead = workers[i];
    kill(-dead.pid, SIGKILL);
    if (wait4(dead.pid, &status, 0, &use) != dead.pid)
        return;
    workers[i] = workers[--worker_count];
    (void)kill_leftovers();
    yb_zygote_news news = {.kind = YB_ZYGOTE_EXITED,
                           .worker = dead.number,
                           .value = status,
                           .peak_memory_bytes = (uint64_t)use.ru_maxrss * 1024,
                           .user_ns = in_ns(use.ru_utime),
                           .system_ns = in_ns(use.ru_stime),
                           .out_of_memory = died_of_memory(&dead, status)};
    tell(&news);
}

static void forget_native(pid_t pid)
{
    for (unsigned i = 0; i < native_count; i++)
        if (natives[i] == pid) {
            natives[i] = natives[--native_count];
            return;
        }
}

/* One that is no worker may leave children of its own behind. */
static void bury_pid(pid_t pid)
{
    for (unsigned i = 0; i < worker_count; i++)
        if (workers[i].pid == pid) {
            bury(i);
            return;
        }
    (void)waitpid(pid, NULL, 0);
    forget_native(pid);
    if (natives_known)
        (void)kill_leftovers();
}

/* Looks who has died before reaping, so that its group is killed under a number that is its own. */
static void reap(void)
{
    siginfo_t info = {0};
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
        bury_pid(info.si_pid);
        info.si_pid = 0;
    }
}

/* Ending. */

static int64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void wait_for_workers(int64_t patience_ms)
{
    int64_t deadline = now_ms() + patience_ms;
    for (int64_t left; worker_count > 0 && (left = deadline - now_ms()) > 0;) {
        struct pollfd poll_child = {.fd = signals, .events = POLLIN};
        struct signalfd_siginfo info;
        (void)poll(&poll_child, 1, (int)left);
        (void)!read(signals, &info, sizeof(info));
        reap();
    }
}

__attribute__((noreturn)) static void end(int64_t patience_ms)
{
    wait_for_workers(patience_ms);
    for (unsigned i = 0; i < worker_count; i++)
        kill_group(workers[i].pid);
    while (worker_count > 0 && waitpid(workers[worker_count - 1].pid, NULL, 0) >= 0)
        worker_count--;
    for (unsigned left; natives_known && (left = kill_leftovers()) > 0;)
        while (left-- > 0 && waitpid(-1, NULL, 0) >= 0)
            ;
    _exit(0);
}

/* Serving. */

static int run_preload(const char *name)
{
    const yibu_job *job = yb_job_find(name, strlen(name));
    if (!job || !job->function)
        return YIBU_ENOJOB;
    yibu_buffer output = {0};
    intptr_t status = job->function((yibu_bytes){0}, &output);
    yibu_buffer_free(&output);
    fflush(NULL);
    return yibu_failed(status) ? (int)status : 0;
}

static void preload_and_tell(const char *name)
{
    yb_zygote_news news = {.kind = YB_ZYGOTE_PRELOADED, .value = run_preload(name)};
    tell(&news);
}

static void serve_signals(void)
{
    struct signalfd_siginfo info;
    while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo == SIGTERM)
            end(0);
    reap();
}

static void serve_order(void)
{
    yb_zygote_order order;
    char text[YB_ZYGOTE_TEXT_MAX + 1];
    int fds[DESCRIPTORS] = {-1, -1, -1, -1};
    if (!hear(&order, text, fds))
        end(0);
    switch ((yb_zygote_order_kind)order.kind) {
    case YB_ZYGOTE_START:
        start_and_tell(&order, text, fds);
        break;
    case YB_ZYGOTE_KILL:
        end_worker(order.worker, kill_group);
        break;
    case YB_ZYGOTE_TERMINATE:
        end_worker(order.worker, terminate_group);
        break;
    case YB_ZYGOTE_PRELOAD:
        preload_and_tell(text);
        break;
    case YB_ZYGOTE_END:
        end(END_MS);
    }
}

int yb_zygote_main(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv, (void)environment;
    pid_t parent = getppid();
    unsetenv(YB_ZYGOTE_VARIABLE);
    fflush(NULL);
    open_standard_descriptors();
    if (yb_worker_process_called())
        yb_worker_process_main();
    block_signals();
    if (signals < 0)
        _exit(1);
    fcntl(YB_ZYGOTE_SOCKET, F_SETFD, FD_CLOEXEC);
    prctl(PR_SET_NAME, "yibu-zygote");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    yb_descendants_adopt();
    self = getpid();
    if (getppid() != parent)
        end(0);
    for (;;) {
        struct pollfd sources[] = {{.fd = signals, .events = POLLIN},
                                   {.fd = YB_ZYGOTE_SOCKET, .events = POLLIN}};
        (void)poll(sources, 2, -1);
        if (sources[0].revents)
            serve_signals();
        if (sources[1].revents)
            serve_order();
    }
}
