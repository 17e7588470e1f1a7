/* The kernel tells in /proc/self/task/TID/status, and of a process in /proc/PID/status, lines of
 * "Name:\tvalue".  The first of them is the thread's own name, in which a new line is written as
 * \\n: so no name passes for another line. */
#include "platform/thread_state.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_status(const char *path, char *text, size_t size)
{
    size_t length = 0;
    ssize_t n = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && n > 0 && length < size - 1) {
        n = read(fd, text + length, size - 1 - length);
        length += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    text[length] = '\0';
}

/* The value of the line that begins with the mark; "" where there is none. */
static const char *value_of(const char *text, const char *mark)
{
    const char *line = strstr(text, mark);
    return line ? line + strlen(mark) : "";
}

static yb_thread_doing doing_of(char letter)
{
    if (letter == 'R')
        return YB_THREAD_RUNS;
    if (letter == 'T')
        return YB_THREAD_STOPPED;
    return letter == 't' ? YB_THREAD_TRACED : YB_THREAD_WAITS;
}

static yb_thread_state look(const char *path)
{
    char text[4096];
    read_status(path, text, sizeof(text));
    return (yb_thread_state){
        .doing = doing_of(*value_of(text, "\nState:\t")),
        .blocked = strtoull(value_of(text, "\nSigBlk:\t"), NULL, 16),
    };
}

yb_thread_state yb_thread_look(pid_t thread)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)thread);
    return look(path);
}

yb_thread_state yb_process_look(pid_t process)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process);
    return look(path);
}
