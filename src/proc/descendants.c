/* A process group is not enough: who calls setsid leaves it.  So a worker adopts what its jobs
 * leave behind, and the zygote what the worker leaves; what comes to the zygote thus belongs to the
 * dead. */
#define _GNU_SOURCE
#include "proc/descendants.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

void yb_descendants_adopt(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

unsigned yb_descendants_kill(bool (*spared)(pid_t pid))
{
    char path[64];
    unsigned count = 0;
    int pid;
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "re");
    while (children && fscanf(children, "%d", &pid) == 1)
        if (!spared(pid))
            count += kill(pid, SIGKILL) == 0;
    if (children)
        fclose(children);
    return count;
}
