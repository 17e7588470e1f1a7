/* Making a child.
 *
 * clone(2) as vfork(2) does it: nothing of the parent is copied, however large it is, and the
 * calling thread stands still until the child has become its program or has ended.  Where
 * instruments follow every access to memory, the child has a copy instead, as from fork(2).  So it
 * reports a failure through a pipe, which works either way: the pipe's end without a report is the
 * program's start. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "platform/sanitizer.h"
#include "platform/valgrind.h"
#include "proc/subprocess_plan.h"

enum {
    STACK_BYTES = 64 << 10,
    KERNEL_SIGNALS_BYTES = 8,
    COPIES_MEMORY = YB_ASAN || YB_TSAN || YB_UNDER_VALGRIND,
    CLONE_FLAGS = CLONE_PIDFD | SIGCHLD | (COPIES_MEMORY ? 0 : CLONE_VM | CLONE_VFORK),
    BY_PIDFD = 3 /* P_PIDFD */
};

/* Every signal, libc's own included. */
static void block_all(unsigned long *ret_before)
{
    const unsigned long all = ~0ul;
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, ret_before, KERNEL_SIGNALS_BYTES);
}

static void unblock(const unsigned long *before)
{
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, KERNEL_SIGNALS_BYTES);
}

static int reap(int pidfd)
{
    siginfo_t info;
    int r;
    do
        r = waitid((idtype_t)BY_PIDFD, (id_t)pidfd, &info, WEXITED);
    while (r < 0 && errno == EINTR);
    return r;
}

/* Without pidfds there would be a child that nobody could be sure of. */
static int give_up(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return -ENOSYS;
}

static int breed(yb_child *child, yb_spawned *spawned)
{
    char *stack = yb_malloc(STACK_BYTES);
    if (!stack)
        return -ENOMEM;
    unsigned long before;
    block_all(&before);
    spawned->pid = clone(yb_child_main, stack + STACK_BYTES, CLONE_FLAGS, child, &spawned->pidfd);
    int error = spawned->pid < 0 ? -errno : 0;
    unblock(&before);
    yb_free(stack);
    return error == 0 && spawned->pidfd < 0 ? give_up(spawned->pid) : error;
}

/* What the child has to say: 0 where its program runs. */
static int hear(int fd, yb_spawned *spawned)
{
    yb_child_report report;
    ssize_t n;
    do
        n = read(fd, &report, sizeof(report));
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(report))
        return 0;
    spawned->step = (yibu_subprocess_step)report.step;
    (void)reap(spawned->pidfd);
    close(spawned->pidfd);
    spawned->pidfd = -1;
    return -report.error;
}

int yb_plan_spawn(yb_plan *plan, yb_spawned *ret_spawned)
{
    int report[2];
    *ret_spawned = (yb_spawned){.step = YIBU_SUBPROCESS_STEP_SPAWN, .pidfd = -1};
    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    yb_child child = {plan, report[1]};
    int r = breed(&child, ret_spawned);
    close(report[1]);
    if (r == 0)
        r = hear(report[0], ret_spawned);
    close(report[0]);
    return r;
}

void yb_spawned_kill(yb_spawned *spawned)
{
    if (spawned->pidfd < 0)
        return;
    if (syscall(SYS_pidfd_send_signal, spawned->pidfd, SIGKILL, NULL, 0) < 0)
        kill(spawned->pid, SIGKILL); /* not reaped, so the number is still its own */
    (void)reap(spawned->pidfd);
    close(spawned->pidfd);
    spawned->pidfd = -1;
}
