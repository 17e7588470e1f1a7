/* Put back are: the environment (variables, not what their texts are overwritten with), working
 * directory, umask, limits, affinity, signal mask and actions, the alarm clock, and that the worker
 * dies with its zygote.  What is cheaper to write than to look at is written.
 *
 * Not put back is what belongs to a job's libraries as globals do: memory, threads, descriptors,
 * children.  They stay with the worker and end with it. */
#define _GNU_SOURCE
#include "proc/state.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { MASK_BYTES = 1024 };

static struct {
    sigset_t mask;
    struct sigaction actions[NSIG];
    struct rlimit limits[RLIM_NLIMITS];
    mode_t umask;
    pid_t parent;
    char folder[PATH_MAX];
    struct stat folder_is;
    unsigned char processors[MASK_BYTES];
    int processors_bytes; /* of the mask; negative: not known */
    char **variables;     /* NULL: no memory to note them in */
    char **installed;     /* what `environ` is: as large, and written to by putenv */
    size_t variable_count;
} noted;

static yb_state put_back(bool successfully)
{
    return successfully ? YB_STATE_PUT_BACK : YB_STATE_LOST;
}

static yb_state worse(yb_state a, yb_state b)
{
    return a > b ? a : b;
}

/* The environment. */

static void note_environment(void)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    size_t bytes = (count + 1) * sizeof(*environ);
    char **old = noted.variables; /* which `environ` may be part of */
    noted.variables = malloc(2 * bytes);
    if (!noted.variables) {
        noted.variables = old;
        return;
    }
    if (count > 0)
        memcpy(noted.variables, environ, bytes);
    noted.variables[count] = NULL;
    noted.variable_count = count;
    noted.installed = noted.variables + count + 1;
    memcpy(noted.installed, noted.variables, bytes);
    environ = noted.installed;
    free(old);
}

static yb_state restore_environment(void)
{
    size_t bytes = (noted.variable_count + 1) * sizeof(*environ);
    if (!noted.variables ||
        (environ == noted.installed && memcmp(noted.installed, noted.variables, bytes) == 0))
        return YB_STATE_AS_NOTED;
    memcpy(noted.installed, noted.variables, bytes);
    environ = noted.installed;
    return YB_STATE_PUT_BACK;
}

/* The working directory. */

static void note_folder(void)
{
    if (!getcwd(noted.folder, sizeof(noted.folder)))
        noted.folder[0] = '\0';
    if (stat(".", &noted.folder_is) < 0)
        noted.folder_is.st_ino = 0;
}

static bool in_folder(void)
{
    struct stat now;
    return stat(".", &now) == 0 && now.st_dev == noted.folder_is.st_dev &&
           now.st_ino == noted.folder_is.st_ino;
}

static yb_state restore_folder(void)
{
    if (noted.folder_is.st_ino == 0 || in_folder())
        return YB_STATE_AS_NOTED;
    return put_back(noted.folder[0] == '/' && chdir(noted.folder) == 0 && in_folder());
}

/* Limits. */

static void note_limits(void)
{
    for (int i = 0; i < (int)RLIM_NLIMITS; i++)
        (void)getrlimit((__rlimit_resource_t)i, &noted.limits[i]);
}

static yb_state restore_limit(__rlimit_resource_t which)
{
    const struct rlimit *before = &noted.limits[which];
    struct rlimit now;
    if (getrlimit(which, &now) < 0 ||
        (now.rlim_cur == before->rlim_cur && now.rlim_max == before->rlim_max))
        return YB_STATE_AS_NOTED;
    return put_back(setrlimit(which, before) == 0);
}

static yb_state restore_limits(void)
{
    yb_state state = YB_STATE_AS_NOTED;
    for (int i = 0; i < (int)RLIM_NLIMITS; i++)
        state = worse(state, restore_limit((__rlimit_resource_t)i));
    return state;
}

/* Processors. */

static void note_processors(void)
{
    cpu_set_t *set = (cpu_set_t *)(void *)noted.processors;
    noted.processors_bytes =
        sched_getaffinity(0, sizeof(noted.processors), set) == 0 ? MASK_BYTES : -1;
}

static yb_state restore_processors(void)
{
    unsigned char now[MASK_BYTES];
    if (noted.processors_bytes < 0 ||
        sched_getaffinity(0, sizeof(now), (cpu_set_t *)(void *)now) < 0 ||
        memcmp(now, noted.processors, sizeof(now)) == 0)
        return YB_STATE_AS_NOTED;
    return put_back(sched_setaffinity(0, MASK_BYTES, (cpu_set_t *)(void *)noted.processors) == 0);
}

/* Signals. */

static void note_signals(void)
{
    sigprocmask(SIG_SETMASK, NULL, &noted.mask);
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, NULL, &noted.actions[i]);
}

static bool same_action(const struct sigaction *a, const struct sigaction *b)
{
    return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

static yb_state restore_action(int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) < 0 || same_action(&now, &noted.actions[number]))
        return YB_STATE_AS_NOTED;
    (void)sigaction(number, &noted.actions[number], NULL);
    return YB_STATE_PUT_BACK;
}

static bool same_mask(const sigset_t *a, const sigset_t *b)
{
    int i = 1;
    while (i < NSIG && sigismember(a, i) == sigismember(b, i))
        i++;
    return i == NSIG;
}

static yb_state restore_signals(void)
{
    yb_state state = YB_STATE_AS_NOTED;
    sigset_t mask;
    for (int i = 1; i < NSIG; i++)
        state = worse(state, restore_action(i));
    sigprocmask(SIG_SETMASK, &noted.mask, &mask);
    return same_mask(&mask, &noted.mask) ? state : YB_STATE_PUT_BACK;
}

/* The rest. */

static yb_state stop_alarm(void)
{
    const struct itimerval never = {0};
    struct itimerval before = {0};
    setitimer(ITIMER_REAL, &never, &before);
    return before.it_value.tv_sec || before.it_value.tv_usec ? YB_STATE_PUT_BACK
                                                             : YB_STATE_AS_NOTED;
}

static yb_state restore_umask(void)
{
    return umask(noted.umask) == noted.umask ? YB_STATE_AS_NOTED : YB_STATE_PUT_BACK;
}

static yb_state restore_parent(void)
{
    int signal_number = 0;
    if (getppid() != noted.parent)
        return YB_STATE_LOST;
    if (prctl(PR_GET_PDEATHSIG, &signal_number) == 0 && signal_number == SIGKILL)
        return YB_STATE_AS_NOTED;
    return put_back(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == noted.parent);
}

void yb_state_note(void)
{
    note_environment();
    note_folder();
    note_limits();
    note_processors();
    note_signals();
    noted.umask = umask(0);
    umask(noted.umask);
    noted.parent = getppid();
}

/* The alarm is stopped before the action for it is the default again. */
yb_state yb_state_restore(void)
{
    yb_state (*const parts[])(void) = {stop_alarm,         restore_signals, restore_environment,
                                       restore_umask,      restore_folder,  restore_limits,
                                       restore_processors, restore_parent};
    yb_state state = YB_STATE_AS_NOTED;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        state = worse(state, parts[i]());
    return state;
}
