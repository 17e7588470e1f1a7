/* The state is the first letter behind the name, which is in parentheses and may have some in it
 * (proc_pid_stat(5)).  A process that a debugger has stopped is in another state. */
#include "proc/stopped.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool yb_stopped(pid_t pid)
{
    char path[64], text[128];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *behind = strrchr(text, ')');
    return behind && strncmp(behind, ") T", 3) == 0;
}
