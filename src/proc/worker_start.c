/* A worker dies with its zygote: the kernel is told to see to that, and then it is looked whether
 * the zygote is still there.
 *
 * A run of its own inherits its descriptors as 3 to 6, and nothing else beside the standard
 * ones. */
#define _GNU_SOURCE
#include "proc/worker_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/descendants.h"
#include "proc/spawner.h"

enum { FIRST_FD = 3, CANNOT_RUN = 117 /* an exit status */ };

static void take_name(const char *name)
{
    prctl(PR_SET_NAME, name[0] ? name : "yibu-worker");
}

/* Descriptors, moved away from where others of them are to go. */
static bool lay_out(const int fds[YB_RUNNER_FDS])
{
    int moved[YB_RUNNER_FDS];
    for (int i = 0; i < YB_RUNNER_FDS; i++) {
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_FD + YB_RUNNER_FDS);
        if (moved[i] < 0)
            return false;
    }
    for (int i = 0; i < YB_RUNNER_FDS; i++)
        if (dup2(moved[i], FIRST_FD + i) < 0)
            return false;
    return true;
}

__attribute__((noreturn)) static void run_anew(const char *name, const int *fds, pid_t zygote)
{
    char path[PATH_MAX], text[YB_ZYGOTE_TEXT_MAX + 32];
    char *arguments[] = {program_invocation_name, NULL};
    snprintf(text, sizeof(text), "%d:%s", (int)zygote, name);
    if (lay_out(fds) && setenv(YB_WORKER_VARIABLE, text, 1) == 0)
        execv(yb_spawner_program(path), arguments);
    _exit(CANNOT_RUN);
}

void yb_worker_process_start(const yb_zygote_order *order, const char *name,
                             const int fds[YB_RUNNER_FDS], pid_t zygote)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != zygote)
        _exit(0);
    setpgid(0, 0);
    yb_descendants_adopt();
    signal(SIGHUP, SIG_DFL);
    signal(SIGTTOU, SIG_IGN); /* no longer in the terminal's group, and still free to write to it */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (order->nice)
        (void)!nice(order->nice);
    if (order->flags & YB_ZYGOTE_SPAWN)
        run_anew(name, fds, zygote);
    take_name(name);
    yb_runner_main(fds);
}

static bool parse(const char *text, const char **ret_name)
{
    int zygote, length = 0;
    if (!text || sscanf(text, "%d:%n", &zygote, &length) != 1 || length == 0)
        return false;
    *ret_name = text + length;
    return zygote == (int)getppid();
}

bool yb_worker_process_called(void)
{
    const char *name;
    struct stat lane;
    return parse(secure_getenv(YB_WORKER_VARIABLE), &name) && fstat(FIRST_FD, &lane) == 0 &&
           S_ISREG(lane.st_mode);
}

void yb_worker_process_main(void)
{
    const char *name = "";
    int fds[YB_RUNNER_FDS];
    (void)parse(secure_getenv(YB_WORKER_VARIABLE), &name);
    take_name(name);
    unsetenv(YB_WORKER_VARIABLE);
    for (int i = 0; i < YB_RUNNER_FDS; i++) {
        fds[i] = FIRST_FD + i;
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    }
    yb_runner_main(fds);
}
