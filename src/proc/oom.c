/* The counter is read from memory.events of the control group (version 2), from memory.oom_control
 * (version 1), or from /proc/vmstat. */
#include "proc/oom.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4200, LINE_BYTES = 4400 };

static bool read_count(const char *path, uint64_t *ret_count)
{
    char line[256];
    unsigned long long count;
    bool found = false;
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    while (!found && fgets(line, sizeof(line), file))
        found = sscanf(line, "oom_kill %llu", &count) == 1;
    fclose(file);
    if (found)
        *ret_count = count;
    return found;
}

/* A line of /proc/self/cgroup: "0::/group", or "4:memory:/group". */
static bool path_of(char *line, char path[PATH_BYTES])
{
    line[strcspn(line, "\n")] = '\0';
    const char *group = strchr(line, '/');
    if (!group)
        return false;
    if (strncmp(line, "0::", 3) == 0)
        return snprintf(path, PATH_BYTES, "/sys/fs/cgroup%s/memory.events", group) < PATH_BYTES;
    return strstr(line, ":memory:") &&
           snprintf(path, PATH_BYTES, "/sys/fs/cgroup/memory%s/memory.oom_control", group) <
               PATH_BYTES;
}

uint64_t yb_oom_kills(void)
{
    char line[LINE_BYTES], path[PATH_BYTES];
    uint64_t count = 0;
    bool found = false;
    FILE *groups = fopen("/proc/self/cgroup", "re");
    while (groups && !found && fgets(line, sizeof(line), groups))
        found = path_of(line, path) && read_count(path, &count);
    if (groups)
        fclose(groups);
    if (!found)
        (void)read_count("/proc/vmstat", &count);
    return count;
}
