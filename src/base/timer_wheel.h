/* Timers: a hierarchical wheel for the many that are cancelled, exact for those that fire.
 *
 * A timer far away waits in a slot of the wheel, where adding and removing cost a few stores.  As
 * its slot comes near, it moves to a heap ordered by the exact deadline; only the heap fires. */
#ifndef YB_BASE_TIMER_WHEEL_H
#define YB_BASE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct yb_timer yb_timer;
struct yb_timer {
    int64_t deadline_ns;
    void (*fire)(yb_timer *timer);
    yb_timer *child, *next, *previous; /* heap: first child, siblings; wheel: next, previous */
};

enum { YB_WHEEL_LEVELS = 8, YB_WHEEL_SLOTS = 64, YB_WHEEL_TICK_BITS = 20 };

typedef struct yb_timer_wheel {
    int64_t tick;   /* slots up to this tick have been emptied into the heap */
    yb_timer *heap; /* the root */
    uint64_t occupied[YB_WHEEL_LEVELS];
    yb_timer *slots[YB_WHEEL_LEVELS][YB_WHEEL_SLOTS];
    uint64_t count;
} yb_timer_wheel;

void yb_wheel_init(yb_timer_wheel *wheel, int64_t now_ns);

/* Arms a timer whose deadline_ns and fire are set and which is not armed. */
void yb_wheel_add(yb_timer_wheel *wheel, yb_timer *timer);
void yb_wheel_remove(yb_timer_wheel *wheel, yb_timer *timer);

/* The earliest deadline, INT64_MAX without timers. */
int64_t yb_wheel_next(yb_timer_wheel *wheel);

/* Disarms and returns the earliest timer whose deadline is not after now_ns, or NULL; equal
 * deadlines come in no particular order. */
yb_timer *yb_wheel_pop(yb_timer_wheel *wheel, int64_t now_ns);

#endif
