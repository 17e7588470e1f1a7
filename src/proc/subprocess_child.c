/* The child between clone(2) and execve(2).
 *
 * It shares the parent's memory, and the parent's thread, whose thread-local data it has, stands
 * still meanwhile.  So it calls the kernel directly: libc's functions may hold locks, keep records
 * of descriptors and signals (under a sanitizer), or talk to all threads (setuid).  Of the plan it
 * changes only what is its own (`lifted`).  All signals are blocked when it begins. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/subprocess_plan.h"

enum {
    FIRST_FD = 3,
    ALL_TO_CLOSE_ON_EXEC = 1 << 2, /* CLOSE_RANGE_CLOEXEC */
    KERNEL_SIGNALS = 64,
    NOT_STARTED = 127 /* as shells say that a program could not be run */
};

typedef unsigned long kernel_signals; /* the kernel's set of signals */

/* The kernel's struct sigaction: the handler is first, and zero is the default action. */
typedef struct kernel_action {
    unsigned long handler, rest[7];
} kernel_action;

/* Returns what the child ends with. */
static int fail(const yb_child *child, yibu_subprocess_step step)
{
    const yb_child_report report = {(int)step, errno};
    (void)syscall(SYS_write, child->report_fd, &report, sizeof(report));
    return NOT_STARTED;
}

/* Signals. */

/* Whether a signal whose action is this one gets the default. */
static bool resets(const yb_plan *plan, int number, unsigned long handler)
{
    if (handler != (unsigned long)(uintptr_t)SIG_IGN)
        return true; /* a handler of the parent's must never run in here */
    return plan->signals == YIBU_SUBPROCESS_SIGNALS_DEFAULT ||
           (plan->signals == YIBU_SUBPROCESS_SIGNALS_RESTORE &&
            (number == SIGPIPE || number == SIGXFSZ));
}

static void reset_actions(const yb_plan *plan)
{
    static const kernel_action standard;
    for (int number = 1; number <= KERNEL_SIGNALS; number++) {
        kernel_action now = {0};
        if (syscall(SYS_rt_sigaction, number, NULL, &now, sizeof(kernel_signals)) == 0 &&
            now.handler != 0 && resets(plan, number, now.handler))
            (void)syscall(SYS_rt_sigaction, number, &standard, NULL, sizeof(kernel_signals));
    }
}

static void unblock(const yb_plan *plan)
{
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &plan->blocked, NULL, sizeof(kernel_signals));
}

/* Descriptors. */

static int highest_target(const yb_plan *plan)
{
    int highest = FIRST_FD - 1;
    for (size_t i = 0; i < plan->fd_count; i++)
        if (plan->fds[i].to > highest)
            highest = plan->fds[i].to;
    return highest;
}

/* The descriptor, or a duplicate, out of the way of the numbers up to the highest target; -1. */
static int lift(int fd, int highest)
{
    return fd > highest ? fd : (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, highest + 1);
}

typedef struct entry { /* of getdents64(2) */
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
} entry;

static int number_of(const char *name)
{
    int number = 0;
    for (; *name >= '0' && *name <= '9' && number <= INT_MAX / 10 - 9; name++)
        number = number * 10 + (*name - '0');
    return *name ? -1 : number;
}

static void mark(int fd)
{
    if (fd >= FIRST_FD)
        (void)syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
}

/* Where the kernel does not do it in one call: those that are listed, else all that could be. */
static void mark_one_by_one(void)
{
    union {
        entry first;
        char bytes[2048];
    } list;
    long folder =
        syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        struct rlimit limit = {0, 0};
        (void)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
        for (int fd = FIRST_FD; fd < INT_MAX && (rlim_t)fd < limit.rlim_cur; fd++)
            mark(fd);
        return;
    }
    for (long n; (n = syscall(SYS_getdents64, folder, &list, sizeof(list))) > 0;)
        for (long at = 0; at < n;) {
            const entry *e = (const entry *)(const void *)(list.bytes + at);
            mark(number_of(e->name));
            at += e->length;
        }
    (void)syscall(SYS_close, folder);
}

static void mark_all(void)
{
    if (syscall(SYS_close_range, FIRST_FD, UINT_MAX, ALL_TO_CLOSE_ON_EXEC) < 0)
        mark_one_by_one();
}

static bool place_fds(yb_child *child)
{
    yb_plan *plan = child->plan;
    int highest = highest_target(plan);
    int report_fd = lift(child->report_fd, highest);
    if (report_fd < 0)
        return false;
    child->report_fd = report_fd;
    for (size_t i = 0; i < plan->fd_count; i++)
        if ((plan->fds[i].lifted = lift(plan->fds[i].from, highest)) < 0)
            return false;
    if (!plan->inherit_fds)
        mark_all();
    for (size_t i = 0; i < plan->fd_count; i++)
        if (syscall(SYS_dup3, plan->fds[i].lifted, plan->fds[i].to, 0) < 0)
            return false;
    return plan->terminal < 0 || syscall(SYS_ioctl, plan->terminal, TIOCSCTTY, 0) == 0;
}

/* The rest. */

static bool enter_group(const yb_plan *plan)
{
    if (plan->new_session || plan->terminal >= 0)
        return syscall(SYS_setsid) >= 0;
    if (plan->new_group || plan->group > 0)
        return syscall(SYS_setpgid, 0, plan->group) == 0;
    return true;
}

static bool set_limits(const yb_plan *plan)
{
    for (size_t i = 0; i < plan->limit_count; i++)
        if (syscall(SYS_prlimit64, 0, plan->limits[i].resource, &plan->limits[i].limit, NULL) < 0)
            return false;
    return true;
}

static bool become_user(const yibu_subprocess_user *user)
{
    return syscall(SYS_setgroups, user->group_count, user->groups) == 0 &&
           syscall(SYS_setresgid, user->gid, user->gid, user->gid) == 0 &&
           syscall(SYS_setresuid, user->uid, user->uid, user->uid) == 0;
}

/* A folder that has not the program, or cannot be looked into, leaves the others. */
static bool goes_on(int error)
{
    return error == ENOENT || error == ENOTDIR || error == EACCES || error == ESTALE ||
           error == ENODEV || error == ETIMEDOUT;
}

static void run_program(const yb_plan *plan)
{
    int error = ENOENT;
    for (const char **path = plan->paths; *path; path++) {
        (void)syscall(SYS_execve, *path, plan->argv, plan->env);
        if (!goes_on(errno))
            return;
        if (errno == EACCES)
            error = EACCES;
    }
    errno = error;
}

int yb_child_main(void *arg)
{
    yb_child *child = arg;
    const yb_plan *plan = child->plan;
    reset_actions(plan);
    if (!enter_group(plan))
        return fail(child, YIBU_SUBPROCESS_STEP_GROUP);
    if (!place_fds(child))
        return fail(child, YIBU_SUBPROCESS_STEP_FDS);
    if (plan->cwd && syscall(SYS_chdir, plan->cwd) < 0)
        return fail(child, YIBU_SUBPROCESS_STEP_CWD);
    if (plan->set_umask)
        (void)syscall(SYS_umask, plan->umask);
    if (!set_limits(plan))
        return fail(child, YIBU_SUBPROCESS_STEP_LIMITS);
    if (plan->user && !become_user(plan->user))
        return fail(child, YIBU_SUBPROCESS_STEP_USER);
    unblock(plan);
    run_program(plan);
    return fail(child, YIBU_SUBPROCESS_STEP_EXEC);
}
