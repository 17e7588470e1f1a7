/* Timers: a hierarchical wheel down to the nanosecond, for the many that are cancelled and exact
 * for those that fire.
 *
 * Adding and removing are a few stores whatever the number of timers, and nothing is ever compared
 * but the few deadlines of one slot: see timer_wheel.c. */
#ifndef YB_BASE_TIMER_WHEEL_H
#define YB_BASE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

typedef struct yb_timer yb_timer;
struct yb_timer {
    int64_t deadline_ns;
    void (*fire)(yb_timer *timer);
    yb_list links; /* in a list of its slot */
};

enum {
    YB_WHEEL_LEVELS = 11, /* of six bits: every deadline there is */
    YB_WHEEL_SLOTS = 64,
    YB_WHEEL_NEAR = 3, /* levels whose slots are one list each */
    YB_WHEEL_LANES = 8 /* lists of each slot on the levels above */
};

/* The lists are initialised when their bits are first set. */
typedef struct yb_timer_wheel {
    int64_t reached_ns;  /* slots up to this time are empty, but for its own on the lowest level */
    int64_t earliest_ns; /* no deadline is before; -1: not known */
    uint64_t count;
    unsigned levels;                                /* bit: the level has a timer */
    uint64_t slots[YB_WHEEL_LEVELS];                /* bit: the slot has a timer */
    uint8_t lanes[YB_WHEEL_LEVELS][YB_WHEEL_SLOTS]; /* bit: the list has a timer */
    yb_list near[YB_WHEEL_NEAR * YB_WHEEL_SLOTS];
    yb_list far[(YB_WHEEL_LEVELS - YB_WHEEL_NEAR) * YB_WHEEL_SLOTS * YB_WHEEL_LANES];
} yb_timer_wheel;

void yb_wheel_init(yb_timer_wheel *wheel, int64_t now_ns);

/* Arms a timer whose deadline_ns and fire are set and which is not armed. */
void yb_wheel_add(yb_timer_wheel *wheel, yb_timer *timer);
void yb_wheel_remove(yb_timer_wheel *wheel, yb_timer *timer);

/* A time to look again, not after the earliest deadline and mostly that; INT64_MAX without
 * timers. */
int64_t yb_wheel_next(yb_timer_wheel *wheel);

/* Disarms and returns the earliest timer whose deadline is not after now_ns, or NULL; equal
 * deadlines come in the order in which they were added. */
yb_timer *yb_wheel_pop(yb_timer_wheel *wheel, int64_t now_ns);

#endif
