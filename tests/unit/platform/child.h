/* Runs a function in a forked child, for what ends a process. */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct child_result {
    int status;         /* of waitpid */
    char said[1 << 14]; /* on standard error */
} child_result;

/* The child runs fn, with the default actions for faults and no core file, and exits with 0. */
void child_run(void (*fn)(void), child_result *ret_result);

bool child_died_of(const child_result *result, int signal_number);
bool child_exited_with(const child_result *result, int code);

#endif
