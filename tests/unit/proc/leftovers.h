/* What a process has: children, descriptors, mappings of lanes.  So that a test sees what is
 * left. */
#ifndef LEFTOVERS_H
#define LEFTOVERS_H

#include <ctype.h>

#include "jobs.h"

static inline pid_t parent_of(pid_t pid)
{
    char path[64], state;
    int parent = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*d (%*[^)]) %c %d", &state, &parent) != 2)
        parent = 0;
    fclose(file);
    return parent;
}

/* The children of a process, zombies included; returns how many of them are in ret_pids. */
static inline int children_of(pid_t parent, pid_t *ret_pids, int max)
{
    int count = 0;
    DIR *folder = opendir("/proc");
    for (struct dirent *entry; folder && count < max && (entry = readdir(folder));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        pid_t pid = atoi(entry->d_name);
        if (parent_of(pid) == parent)
            ret_pids[count++] = pid;
    }
    if (folder)
        closedir(folder);
    return count;
}

static inline int count_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static inline int count_lanes(void)
{
    int count = 0;
    char line[512];
    FILE *file = fopen("/proc/self/maps", "re");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        count += strstr(line, "yibu-lane") != NULL;
    fclose(file);
    return count;
}

static inline void expect_nothing_left(int descriptors)
{
    pid_t child;
    assert_int_equal(children_of(getpid(), &child, 1), 0);
    assert_int_equal(count_descriptors(), descriptors);
    assert_int_equal(count_lanes(), 0);
}

#endif
