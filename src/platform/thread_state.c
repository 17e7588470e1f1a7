/* The kernel tells in /proc/self/task/TID/status, lines of "Name:\tvalue".  The first of them is
 * the thread's own name, in which a new line is written as \\n: so no name passes for another
 * line. */
#include "platform/thread_state.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void read_status(pid_t thread, char *text, size_t size)
{
    char path[64];
    size_t length = 0;
    ssize_t n = 1;
    snprintf(path, sizeof(path), "/proc/self/task/%d/status", (int)thread);
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
    return letter == 't' || letter == 'T' ? YB_THREAD_STOPPED : YB_THREAD_WAITS;
}

yb_thread_state yb_thread_look(pid_t thread)
{
    char text[4096];
    read_status(thread, text, sizeof(text));
    return (yb_thread_state){
        .doing = doing_of(*value_of(text, "\nState:\t")),
        .blocked = strtoull(value_of(text, "\nSigBlk:\t"), NULL, 16),
    };
}
