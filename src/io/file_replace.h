/* A new file that will take the place of another, or disappear: the other is whole at any time. */
#ifndef YB_IO_FILE_REPLACE_H
#define YB_IO_FILE_REPLACE_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct yb_replacement {
    const char *path; /* the caller's, until the end */
    char *new_path;
    int fd; /* to be written */
} yb_replacement;

/* Creates it beside path.  Returns 0 or a negative errno. */
int yb_replacement_begin(yb_replacement *replacement, const char *path, mode_t mode);

/* Puts it in place where result, of what was done before, is no failure, and removes it where it
 * is; durable: also after a loss of power.  Returns result, or why it is not in place. */
ssize_t yb_replacement_end(yb_replacement *replacement, ssize_t result, bool durable);

#endif
