/* Who watches over every item that the loop runs: the debug mode's clock, the simulator's dice.
 *
 * A loop without one lets tasks hand over to each other directly.  With one, every item is picked
 * by it and comes back to the loop's own context before the next. */
#ifndef YB_LOOP_OVERSEER_H
#define YB_LOOP_OVERSEER_H

#include "loop/loop.h"

typedef struct yb_overseer yb_overseer;
struct yb_overseer {
    /* Takes the item that runs next out of loop->ready, which is not empty; answers NULL where none
     * shall run in this turn.  A pick of NULL: first come, first served. */
    yb_runnable *(*pick)(yb_overseer *overseer, yibu_loop *loop);
    /* Around every item; either may be NULL.  After it, the item may be gone. */
    void (*before)(yb_overseer *overseer, yibu_loop *loop, yb_runnable *item);
    void (*after)(yb_overseer *overseer, yibu_loop *loop);
    /* Around every callback of the user's, inside an item or without one; either may be NULL. */
    void (*callback_begins)(yb_overseer *overseer, yibu_loop *loop, yb_function *callback);
    void (*callback_ended)(yb_overseer *overseer, yibu_loop *loop);
};

/* Around every callback of the user's; the function is for reports. */
static inline void yb_callback_begin(yibu_loop *loop, yb_function *callback)
{
    yb_overseer *o = loop->listener;
    if (YB_UNLIKELY(o != NULL) && o->callback_begins)
        o->callback_begins(o, loop, callback);
}
static inline void yb_callback_end(yibu_loop *loop)
{
    yb_overseer *o = loop->listener;
    if (YB_UNLIKELY(o != NULL) && o->callback_ended)
        o->callback_ended(o, loop);
}
static inline void yb_callback_run(yibu_loop *loop, yibu_callback *callback, void *arg)
{
    yb_callback_begin(loop, (yb_function *)callback);
    callback(arg);
    yb_callback_end(loop);
}

#endif
