/* Processes that the demonstration starts: runs of itself in other roles.
 *
 * Whoever measures a child's CPU time must have waited for all of its children too, wherever they
 * ended up: this process adopts those that lose their parent. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int spawn(pid_t *ret_pid, int input, int output, char *const *arguments)
{
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return -error;
    error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn(ret_pid, "/proc/self/exe", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

int child_start(struct child *child, char *const *arguments)
{
    int input[2];
    int output[2];
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (pipe2(input, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(output, O_CLOEXEC) < 0) {
        int error = -errno;
        close(input[0]);
        close(input[1]);
        return error;
    }
    int error = spawn(&child->pid, input[0], output[1], arguments);
    close(input[0]);
    close(output[1]);
    child->input = input[1];
    child->output = output[0];
    if (error == 0)
        return 0;
    close(input[1]);
    close(output[0]);
    return error;
}

int64_t child_cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
        return 0;
    return used.tv_sec * 1000000000LL + used.tv_nsec;
}

static int64_t used_ns(const struct rusage *usage)
{
    return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000LL +
           (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000LL;
}

int child_wait_all(pid_t pid, int64_t *ret_cpu_ns)
{
    int result = -1;
    *ret_cpu_ns = 0;
    for (;;) {
        int status;
        struct rusage usage;
        pid_t ended = wait4(-1, &status, 0, &usage);
        if (ended < 0 && errno == EINTR)
            continue;
        if (ended < 0)
            return result;
        *ret_cpu_ns += used_ns(&usage);
        if (ended == pid)
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}
