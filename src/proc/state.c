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

static void restore_environment(void)
{
    size_t bytes = (noted.variable_count + 1) * sizeof(*environ);
    if (!noted.variables)
        return;
    if (environ != noted.installed || memcmp(noted.installed, noted.variables, bytes) != 0)
        memcpy(noted.installed, noted.variables, bytes);
    environ = noted.installed;
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

static bool restore_folder(void)
{
    if (noted.folder_is.st_ino == 0 || in_folder())
        return true;
    return noted.folder[0] == '/' && chdir(noted.folder) == 0 && in_folder();
}

/* Limits. */

static void note_limits(void)
{
    for (int i = 0; i < (int)RLIM_NLIMITS; i++)
        (void)getrlimit((__rlimit_resource_t)i, &noted.limits[i]);
}

static bool restore_limits(void)
{
    bool restored = true;
    for (int i = 0; i < (int)RLIM_NLIMITS; i++) {
        const struct rlimit *before = &noted.limits[i];
        struct rlimit now;
        if (getrlimit((__rlimit_resource_t)i, &now) == 0 &&
            (now.rlim_cur != before->rlim_cur || now.rlim_max != before->rlim_max))
            restored &= setrlimit((__rlimit_resource_t)i, before) == 0;
    }
    return restored;
}

/* Processors. */

static void note_processors(void)
{
    cpu_set_t *set = (cpu_set_t *)(void *)noted.processors;
    noted.processors_bytes =
        sched_getaffinity(0, sizeof(noted.processors), set) == 0 ? MASK_BYTES : -1;
}

static bool restore_processors(void)
{
    unsigned char now[MASK_BYTES];
    if (noted.processors_bytes < 0 ||
        sched_getaffinity(0, sizeof(now), (cpu_set_t *)(void *)now) < 0 ||
        memcmp(now, noted.processors, sizeof(now)) == 0)
        return true;
    return sched_setaffinity(0, MASK_BYTES, (cpu_set_t *)(void *)noted.processors) == 0;
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

static void restore_signals(void)
{
    struct sigaction now;
    for (int i = 1; i < NSIG; i++)
        if (sigaction(i, NULL, &now) == 0 && !same_action(&now, &noted.actions[i]))
            (void)sigaction(i, &noted.actions[i], NULL);
    sigprocmask(SIG_SETMASK, &noted.mask, NULL);
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
bool yb_state_restore(void)
{
    const struct itimerval never = {0};
    setitimer(ITIMER_REAL, &never, NULL);
    restore_signals();
    restore_environment();
    umask(noted.umask);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool folder = restore_folder(), limits = restore_limits(), processors = restore_processors();
    return folder && limits && processors && getppid() == noted.parent;
}
