/* Functions that wait for what other executors run, and how none of them waits for ever.
 *
 * A function that waits keeps a worker from others.  Where these are what it waits for, by however
 * many executors, nobody would go on.  So blocking waits of functions are known, as edges from one
 * executor to another: where an edge lies on a circle, or leads to the tasks of a loop, which may
 * wait for anything, the waiting function's pool lends its place to one more thread until the wait
 * is over, and a function that waits for room in a line is let in beyond its bound.  A circle of
 * calls that each wait for the very next one cannot be helped: the wait that closes it fails.
 *
 * Waits for functions of the same executor need no place, see function.c. */
#ifndef YB_EXEC_WAITS_H
#define YB_EXEC_WAITS_H

#include "exec/engine.h"
#include "task/concurrent_future.h"

struct yb_function_call;
struct yb_thread_pool;

typedef struct yb_wait {
    yb_list links;
    struct yb_function_call *function; /* that waits; NULL: a thread that is a home, of */
    yibu_loop *loop;
    const yibu_executor *from;   /* the function's; NULL: none */
    struct yb_thread_pool *pool; /* whose thread waits; NULL: none */
    const yibu_concurrent_future
        *target;           /* that is waited for; NULL: room, or whatever it may be */
    yibu_executor *to;     /* whose call or line it is; NULL: not known */
    const yibu_loop *home; /* that runs this one */
    unsigned seen;         /* by the search of this number */
    bool for_room;
    bool lent; /* the pool runs one more meanwhile */
} yb_wait;

/* What a thread does around blocking for a future: see concurrent_future.h. */
extern const yb_blocking yb_waits;

/* Around a function's wait for room in the line of another executor. */
void yb_wait_for_room_begins(yibu_executor *executor);
/* Whether it must not wait any longer: it is part of a circle. */
bool yb_wait_for_room_is_over(void);
void yb_wait_for_room_ends(void);

/* While tasks of a loop within the function wait for what other executors run. */
void yb_wait_suspends(struct yb_function_call *function, yb_wait *wait);
void yb_wait_resumes(yb_wait *wait);

#endif
