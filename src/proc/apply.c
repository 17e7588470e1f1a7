/* What is changed here and is part of the process's state (state.h) is put back with all of that;
 * standard output and error are put back by themselves.
 *
 * Memory is limited by address space: what the worker has mapped when the job begins, and so much
 * more.  Only the soft limit is lowered, so that it can be raised again. */
#define _GNU_SOURCE
#include "proc/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proc/death.h"
#include "proc/redirect.h"
#include "proc/state.h"

/* The environment's changes are in the lane, which jobs can write to: setenv copies them. */
static int change_environment(const yb_settings *settings, const unsigned char *place)
{
    for (uint32_t i = 0; i < settings->env_count; i++) {
        const char *change = (const char *)place, *value = strchr(change, '=');
        char *name = strndup(change, value ? (size_t)(value - change) : strlen(change));
        if (!name)
            return -ENOMEM;
        int r = value ? setenv(name, value + 1, 1) : unsetenv(name);
        int error = errno;
        free(name);
        if (r < 0)
            return -error;
        place += strlen(change) + 1;
    }
    return 0;
}

static int mapped_bytes(uint64_t *ret_bytes)
{
    char text[128];
    unsigned long pages;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    if (sscanf(text, "%lu", &pages) != 1)
        return -EIO;
    *ret_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return 0;
}

static int limit_memory(uint64_t bytes)
{
    struct rlimit limit;
    uint64_t mapped = 0;
    if (bytes == 0)
        return 0;
    int r = mapped_bytes(&mapped);
    if (r < 0)
        return r;
    if (getrlimit(RLIMIT_AS, &limit) < 0)
        return -errno;
    if (bytes < UINT64_MAX - mapped && mapped + bytes < limit.rlim_cur)
        limit.rlim_cur = mapped + bytes;
    yb_death_memory_limited(true);
    return setrlimit(RLIMIT_AS, &limit) < 0 ? -errno : 0;
}

int yb_settings_apply(const yb_settings *settings)
{
    const unsigned char *cpus = settings->rest, *changes = cpus + settings->cpu_bytes,
                        *cwd = changes + settings->env_bytes;
    int r = yb_redirect_begin(settings);
    if (r < 0)
        return r;
    r = change_environment(settings, changes);
    if (r < 0)
        return r;
    if (settings->cwd_bytes > 0 && chdir((const char *)cwd) < 0)
        return -errno;
    if (settings->cpu_bytes > 0 &&
        sched_setaffinity(0, settings->cpu_bytes, (const cpu_set_t *)(const void *)cpus) < 0)
        return -errno;
    return limit_memory(settings->memory_bytes);
}

bool yb_settings_lift(void)
{
    yb_death_memory_limited(false);
    bool redirected = yb_redirect_end();
    return yb_state_restore() != YB_STATE_LOST && redirected;
}
