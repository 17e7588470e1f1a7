/* A child's life as its parent sees it.
 *
 * States: without a child (while it is being made); running (the poll of pidfd is under way); ended
 * (reaped, its status kept).  It is reaped as soon as it has ended, whether anybody waits or not.
 * An object that is freed while its child runs stays, released, until then.
 *
 * pidfd stays open to the object's end: the group that the child led may outlive it. */
#include "proc/subprocess.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yibu/io.h>

#include "base/memory.h"

enum {
    BY_PIDFD = 3,      /* P_PIDFD */
    TO_GROUP = 1 << 2, /* PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9 */
    PATIENCE_MS = 3000 /* with a child that was killed, where the loop ends */
};

/* The children of a loop. */

typedef struct subprocesses {
    yb_loop_part part;
    yibu_loop *loop;
    yb_list all; /* yibu_subprocess.links */
} subprocesses;

static void end_with_loop(yibu_subprocess *process);

static void free_subprocesses(yb_loop_part *part)
{
    subprocesses *s = YB_CONTAINER_OF(part, subprocesses, part);
    for (yb_list *item; (item = yb_list_pop_front(&s->all));)
        end_with_loop(YB_CONTAINER_OF(item, yibu_subprocess, links));
    s->loop->parts[YB_PART_SUBPROCESSES] = NULL;
    yb_free(s);
}

static subprocesses *subprocesses_of(yibu_loop *loop)
{
    yb_loop_part *part = loop->parts[YB_PART_SUBPROCESSES];
    if (part)
        return YB_CONTAINER_OF(part, subprocesses, part);
    subprocesses *s = yb_calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->part.free = free_subprocesses;
    s->loop = loop;
    yb_list_init(&s->all);
    loop->parts[YB_PART_SUBPROCESSES] = &s->part;
    return s;
}

yibu_subprocess *yb_subprocess_new(yibu_loop *loop)
{
    subprocesses *all = subprocesses_of(loop);
    yibu_subprocess *process = all ? yb_calloc(1, sizeof(*process)) : NULL;
    if (!process)
        return NULL;
    process->loop = loop;
    process->pidfd = -1;
    yb_list_push_back(&all->all, &process->links);
    return process;
}

/* Its end. */

static void destroy(yibu_subprocess *process)
{
    if (process->pidfd >= 0)
        close(process->pidfd);
    yb_free(process);
}

static void note_end(yibu_subprocess *process, const siginfo_t *info)
{
    process->ended = true;
    process->signal = info->si_code == CLD_EXITED ? 0 : info->si_status;
    process->code = process->signal ? 128 + process->signal : info->si_status;
}

/* Reaps it where it has ended, and says whether it has. */
static bool reap(yibu_subprocess *process)
{
    siginfo_t info = {0};
    int r;
    do
        r = waitid((idtype_t)BY_PIDFD, (id_t)process->pidfd, &info, WEXITED | WNOHANG);
    while (r < 0 && errno == EINTR);
    if (r < 0) { /* somebody else has, or SIGCHLD is ignored */
        process->ended = true;
        process->code = -ECHILD;
    } else if (info.si_pid != 0) {
        note_end(process, &info);
    }
    return process->ended;
}

/* Nothing would tell of its end any more. */
static void give_up(yibu_subprocess *process, int error)
{
    (void)yibu_subprocess_kill(process);
    process->ended = true;
    process->code = error;
}

static int watch(yibu_subprocess *process);

static void polled(yb_op *op, ssize_t events)
{
    yibu_subprocess *process = YB_CONTAINER_OF(op, yibu_subprocess, exit);
    if (!process->ended && !reap(process)) {
        int r = events < 0 ? (int)events : watch(process);
        if (r == 0)
            return;
        give_up(process, r);
    }
    while (yb_waiters_end_first(&process->waiters, 0))
        ;
    if (process->released) {
        yb_list_remove(&process->links);
        destroy(process);
    }
}

static int watch(yibu_subprocess *process)
{
    memset(&process->exit, 0, sizeof(process->exit));
    process->exit.callback = polled;
    process->exit.kind = YB_OP_POLL;
    process->exit.fd = process->pidfd;
    process->exit.events = YIBU_READABLE;
    int r = yb_op_start(process->loop, &process->exit);
    return r == 1 ? -EIO : r;
}

int yb_subprocess_adopt(yibu_subprocess *process, yb_spawned *spawned)
{
    process->pid = spawned->pid;
    process->pidfd = spawned->pidfd;
    int r = watch(process);
    if (r < 0) {
        process->pidfd = -1;
        yb_spawned_kill(spawned);
    }
    return r;
}

/* Kills it, and waits for that a while: what the kernel cannot end is left to it. */
static void end_with_loop(yibu_subprocess *process)
{
    process->loop = NULL;
    if (process->pidfd < 0 || process->ended)
        return;
    struct pollfd query = {.fd = process->pidfd, .events = POLLIN};
    (void)yibu_subprocess_kill(process);
    while (poll(&query, 1, PATIENCE_MS) < 0 && errno == EINTR)
        ;
    (void)reap(process);
    process->ended = true;
    (void)yb_op_cancel(&process->exit);
}

/* Several may be one terminal. */
static void free_streams(yibu_subprocess *process)
{
    yibu_stream **s = process->streams;
    if (s[2] != s[1] && s[2] != s[0])
        yibu_stream_free(s[2]);
    if (s[1] != s[0])
        yibu_stream_free(s[1]);
    yibu_stream_free(s[0]);
}

void yibu_subprocess_free(yibu_subprocess *process)
{
    if (!process)
        return;
    if (!yb_waiters_empty(&process->waiters))
        yb_abort("a subprocess was freed while a task waits for it");
    free_streams(process);
    if (process->pidfd >= 0 && process->exit.state != YB_OP_IDLE) {
        process->released = true;
        (void)yibu_subprocess_kill(process);
        return;
    }
    yb_list_remove(&process->links);
    destroy(process);
}

/* Waiting. */

static yb_waiters *waiters_of(void *object)
{
    return &((yibu_subprocess *)object)->waiters;
}

static const yb_waitable_class exit_class = {
    .wait = {.name = "end of a subprocess", .interrupt = yb_waiter_interrupt},
    .waiters = waiters_of,
};

int yibu_subprocess_wait(yibu_subprocess *process)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    if (!process || (process->loop && process->loop != task->future.loop))
        return -EINVAL;
    intptr_t value = 0;
    if (!process->ended)
        r = yb_wait_on(&exit_class, process, task, &value);
    return r < 0 ? r : process->code;
}

int yibu_subprocess_returncode(const yibu_subprocess *process)
{
    return process->ended ? process->code : -EINPROGRESS;
}

int yibu_subprocess_signal(const yibu_subprocess *process)
{
    return process->signal;
}

/* Signals. */

int yibu_subprocess_send_signal(yibu_subprocess *process, int signal)
{
    if (process->ended)
        return -ESRCH;
    if (syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0) == 0)
        return 0;
    /* Where that call is missing: it was not reaped, so the number is still its own. */
    return errno == ENOSYS && kill(process->pid, signal) == 0 ? 0 : -errno;
}

int yibu_subprocess_terminate(yibu_subprocess *process)
{
    return yibu_subprocess_send_signal(process, SIGTERM);
}

int yibu_subprocess_kill(yibu_subprocess *process)
{
    return yibu_subprocess_send_signal(process, SIGKILL);
}

int yibu_subprocess_send_signal_group(yibu_subprocess *process, int signal)
{
    if (!process->leads_group)
        return -EINVAL;
    if (syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, TO_GROUP) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (process->ended) /* the group's number may be another's by now */
        return -ESRCH;
    return kill(-process->pid, signal) == 0 ? 0 : -errno;
}

/* What is known of it. */

yibu_stream *yibu_subprocess_stdin(const yibu_subprocess *process)
{
    return process->streams[0];
}

yibu_stream *yibu_subprocess_stdout(const yibu_subprocess *process)
{
    return process->streams[1];
}

yibu_stream *yibu_subprocess_stderr(const yibu_subprocess *process)
{
    return process->streams[2];
}

pid_t yibu_subprocess_pid(const yibu_subprocess *process)
{
    return process->pid;
}
