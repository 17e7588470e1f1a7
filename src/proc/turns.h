/* The line of what waits for a worker: higher priority first; of equal ones, in turn.
 *
 * Turns are handed out so that nobody who asks for much makes others wait: each source's next turn
 * comes after its last one, or after the one being served where that is later.  So what one source
 * brings at once, a thousand jobs, and another's single one alternate.  Of one source, first come
 * is first served. */
#ifndef YB_PROC_TURNS_H
#define YB_PROC_TURNS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

enum { YB_TURN_SOURCES = 16 };

/* In the memory of who waits. */
typedef struct yb_turn {
    yb_list links;         /* among the plain; or links.next: the next sibling in the heap */
    struct yb_turn *child; /* in the heap: the first one */
    struct yb_turn *back;  /* the sibling before it, or its parent; NULL: the root */
    uint64_t turn;
    int priority;
    bool in_heap;
} yb_turn;

typedef struct yb_turn_source {
    const void *who;
    uint64_t last; /* turn that it was given */
} yb_turn_source;

typedef struct yb_turns {
    yb_list plain; /* of priority 0 and in order, as nearly all are */
    yb_turn *heap; /* the others, in a pairing heap */
    unsigned count;
    uint64_t served;                         /* the last turn that has come */
    yb_turn_source sources[YB_TURN_SOURCES]; /* that asked most recently */
} yb_turns;

void yb_turns_init(yb_turns *line);

/* The next turn of a source, which is whatever pointer tells it from others. */
uint64_t yb_turns_take_turn(yb_turns *line, const void *source);

/* With its turn and priority set; also what comes back, whose turn was earlier than others'. */
void yb_turns_enter(yb_turns *line, yb_turn *item);
void yb_turns_leave(yb_turns *line, yb_turn *item);
/* The same for the first one, whose turn has come. */
void yb_turns_serve(yb_turns *line, yb_turn *item);

/* NULL: nobody waits. */
yb_turn *yb_turns_first(const yb_turns *line);

#endif
