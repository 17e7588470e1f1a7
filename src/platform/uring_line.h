/* Receives that wait, in order, until they are submitted.
 *
 * Under load most find their data there when they are submitted, and the data then waits for its
 * task behind what else has completed.  A receive that waits here instead, its data still with the
 * kernel, is submitted shortly before its task can run. */
#ifndef YB_PLATFORM_URING_LINE_H
#define YB_PLATFORM_URING_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "platform/backend.h"

/* A copy of what the entry needs, so that nothing of a task is touched before its turn. */
typedef struct yb_uring_place {
    yb_op *op; /* NULL: it has left */
    void *buffer;
    uint32_t size;
    int fd;
} yb_uring_place;

typedef struct yb_uring_line {
    yb_uring_place *places;
    uint32_t count; /* of places, a power of two */
    uint32_t first, end;
    uint32_t waiting; /* those from first to end that have not left */
} yb_uring_line;

/* Returns 0 or -ENOMEM. */
int yb_uring_line_init(yb_uring_line *line);
/* Adds a receive at the end; false: there is no memory. */
bool yb_uring_line_add(yb_uring_line *line, yb_op *op);
bool yb_uring_line_has(const yb_uring_line *line, const yb_op *op);
/* Takes op out of the line, where it is. */
void yb_uring_line_remove(yb_uring_line *line, const yb_op *op);
/* The first in line, which stays there until it leaves; NULL: nobody waits. */
const yb_uring_place *yb_uring_line_first(yb_uring_line *line);
void yb_uring_line_leave(yb_uring_line *line);
void yb_uring_line_free(yb_uring_line *line);

#endif
