/* What jobs write to standard output and error where their callers want it: one memfd each a
 * worker, which the parent reads when a job has ended, however it did.
 *
 * The files have a size (as large as `ulimit -f` lets them be) and cannot grow.  A job that may
 * write n bytes begins n bytes before the end, or at the beginning where there are no n;
 * the position, which both sides share, says how many it wrote.  A worker begins with such a job
 * only once the one before it has been retired. */
#ifndef YB_PROC_TEXT_H
#define YB_PROC_TEXT_H

#include "proc/settings.h"

typedef struct yb_text {
    int fds[2]; /* of output and error */
    off_t size;
} yb_text;

/* Where a job that may write limit bytes begins, in a file of this size. */
static inline off_t yb_text_first(off_t size, uint64_t limit)
{
    return (uint64_t)size > limit ? size - (off_t)limit : 0;
}

/* Returns 0 or a negative errno. */
int yb_text_open(yb_text *text);
void yb_text_close(yb_text *text);

/* Appends to the buffer (NULL: to none) what a job wrote to output (0) or error (1), and empties
 * the file.  Returns whether that may not be all: it reached the limit, or there was no memory. */
bool yb_text_take(yb_text *text, int which, size_t limit, yibu_buffer *ret_text);

#endif
