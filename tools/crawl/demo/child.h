/* Processes that the demonstration starts: runs of itself in other roles. */
#ifndef DEMO_CHILD_H
#define DEMO_CHILD_H

#include <stdint.h>
#include <sys/types.h>

struct child {
    pid_t pid;
    int input;  /* its standard input, -1: it has none */
    int output; /* its standard output */
};

/* Starts this program anew.  arguments begin with a name and end with NULL.
 * Returns 0 or a negative errno. */
int child_start(struct child *child, char *const *arguments);

/* CPU time that a process has used, 0 where there is none of that id. */
int64_t child_cpu_ns(pid_t pid);

/* Waits for every child of this process, and adopted grandchildren, to end.
 * ret_cpu_ns: what they all used in their lives.  Returns the exit status of the one with id pid,
 * or 128 and the signal that ended it. */
int child_wait_all(pid_t pid, int64_t *ret_cpu_ns);

#endif
