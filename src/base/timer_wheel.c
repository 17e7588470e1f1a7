/* The timer wheel: hashed hierarchical slots (Varghese and Lauck, 1987, scheme 7) before a pairing
 * heap (Fredman, Sedgewick, Sleator, Tarjan, 1986).
 *
 * A tick is 2^20 ns.  Invariants, with W = wheel->tick:
 *   - a timer whose tick is <= W is in the heap, any other in the wheel, so membership is derived;
 *   - a timer in the wheel is on the level of the highest group of six bits in which its tick
 *     differs from W; hence the lowest occupied level holds the earliest timers, and its slots at
 *     or before W's own group are empty;
 *   - W never goes back, and runs at most 63 ticks ahead of the clock.
 * One thread: the loop's. */
#include "base/timer_wheel.h"

#include <stddef.h>
#include <string.h>

#include "base/assert.h"

enum { GROUP_BITS = 6 };

typedef struct place {
    unsigned level, slot;
} place;

static int64_t tick_of(int64_t time_ns)
{
    return time_ns >> YB_WHEEL_TICK_BITS;
}

static place place_of(const yb_timer_wheel *wheel, int64_t tick)
{
    uint64_t differing = (uint64_t)(tick ^ wheel->tick) | 1;
    unsigned level = (63u - (unsigned)__builtin_clzll(differing)) / GROUP_BITS;
    return (place){level, (unsigned)(tick >> (level * GROUP_BITS)) & (YB_WHEEL_SLOTS - 1)};
}

/* First tick of a slot that is ahead of W on its level. */
static int64_t slot_start(const yb_timer_wheel *wheel, place at)
{
    unsigned shift = at.level * GROUP_BITS;
    int64_t above = (wheel->tick >> (shift + GROUP_BITS)) << GROUP_BITS;
    return (above | at.slot) << shift;
}

/* The heap: child is the first child; previous is the parent for a first child, else the sibling
 * before. */

static yb_timer *meld(yb_timer *a, yb_timer *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->deadline_ns < a->deadline_ns) {
        yb_timer *swap = a;
        a = b;
        b = swap;
    }
    b->previous = a;
    b->next = a->child;
    if (b->next)
        b->next->previous = b;
    a->child = b;
    a->next = a->previous = NULL;
    return a;
}

/* Melds siblings pairwise from the left, then the pairs from the right. */
static yb_timer *meld_siblings(yb_timer *first)
{
    yb_timer *pairs = NULL;
    while (first) {
        yb_timer *second = first->next;
        yb_timer *rest = second ? second->next : NULL;
        yb_timer *pair = meld(first, second);
        pair->next = pairs;
        pairs = pair;
        first = rest;
    }
    yb_timer *root = NULL;
    while (pairs) {
        yb_timer *rest = pairs->next;
        root = meld(root, pairs);
        pairs = rest;
    }
    if (root)
        root->next = root->previous = NULL;
    return root;
}

static void heap_add(yb_timer_wheel *wheel, yb_timer *timer)
{
    timer->child = timer->next = timer->previous = NULL;
    wheel->heap = meld(wheel->heap, timer);
}

static void heap_remove(yb_timer_wheel *wheel, yb_timer *timer)
{
    yb_timer *children = meld_siblings(timer->child);
    if (timer == wheel->heap) {
        wheel->heap = children;
        return;
    }
    if (timer->previous->child == timer)
        timer->previous->child = timer->next;
    else
        timer->previous->next = timer->next;
    if (timer->next)
        timer->next->previous = timer->previous;
    wheel->heap = meld(wheel->heap, children);
}

static void slot_add(yb_timer_wheel *wheel, place at, yb_timer *timer)
{
    yb_timer **head = &wheel->slots[at.level][at.slot];
    timer->previous = NULL;
    timer->next = *head;
    if (*head)
        (*head)->previous = timer;
    *head = timer;
    wheel->occupied[at.level] |= UINT64_C(1) << at.slot;
}

static void slot_remove(yb_timer_wheel *wheel, place at, yb_timer *timer)
{
    if (timer->next)
        timer->next->previous = timer->previous;
    if (timer->previous) {
        timer->previous->next = timer->next;
        return;
    }
    wheel->slots[at.level][at.slot] = timer->next;
    if (!timer->next)
        wheel->occupied[at.level] &= ~(UINT64_C(1) << at.slot);
}

static void insert(yb_timer_wheel *wheel, yb_timer *timer)
{
    int64_t tick = tick_of(timer->deadline_ns);
    if (tick <= wheel->tick)
        heap_add(wheel, timer);
    else
        slot_add(wheel, place_of(wheel, tick), timer);
}

/* The earliest slot that holds a timer; false: the wheel is empty. */
static bool first_slot(const yb_timer_wheel *wheel, place *ret_place)
{
    for (unsigned level = 0; level < YB_WHEEL_LEVELS; level++)
        if (wheel->occupied[level]) {
            *ret_place = (place){level, (unsigned)__builtin_ctzll(wheel->occupied[level])};
            return true;
        }
    return false;
}

/* Moves W to the start of the earliest slot, and its timers to the heap or to lower levels. */
static void empty_slot(yb_timer_wheel *wheel, place at)
{
    yb_timer *timer = wheel->slots[at.level][at.slot];
    wheel->tick = slot_start(wheel, at);
    wheel->slots[at.level][at.slot] = NULL;
    wheel->occupied[at.level] &= ~(UINT64_C(1) << at.slot);
    while (timer) {
        yb_timer *next = timer->next;
        insert(wheel, timer);
        timer = next;
    }
}

/* Moves W to the tick of now, emptying the slots it passes. */
static void advance(yb_timer_wheel *wheel, int64_t now_tick)
{
    place at;
    while (first_slot(wheel, &at) && slot_start(wheel, at) <= now_tick)
        empty_slot(wheel, at);
    if (wheel->tick < now_tick)
        wheel->tick = now_tick;
}

void yb_wheel_init(yb_timer_wheel *wheel, int64_t now_ns)
{
    memset(wheel, 0, sizeof(*wheel));
    wheel->tick = tick_of(now_ns);
}

void yb_wheel_add(yb_timer_wheel *wheel, yb_timer *timer)
{
    YB_ASSERT(timer->deadline_ns >= 0);
    insert(wheel, timer);
    wheel->count++;
}

void yb_wheel_remove(yb_timer_wheel *wheel, yb_timer *timer)
{
    int64_t tick = tick_of(timer->deadline_ns);
    if (tick <= wheel->tick)
        heap_remove(wheel, timer);
    else
        slot_remove(wheel, place_of(wheel, tick), timer);
    wheel->count--;
}

int64_t yb_wheel_next(yb_timer_wheel *wheel)
{
    place at;
    if (!wheel->heap && first_slot(wheel, &at)) {
        /* A slot of a higher level is up to hours long: its start is early enough to look again,
         * while emptying it now would let W run far ahead of the clock. */
        if (at.level > 0)
            return slot_start(wheel, at) << YB_WHEEL_TICK_BITS;
        empty_slot(wheel, at);
    }
    return wheel->heap ? wheel->heap->deadline_ns : INT64_MAX;
}

yb_timer *yb_wheel_pop(yb_timer_wheel *wheel, int64_t now_ns)
{
    int64_t now_tick = tick_of(now_ns);
    if (wheel->tick < now_tick)
        advance(wheel, now_tick);
    yb_timer *timer = wheel->heap;
    if (!timer || timer->deadline_ns > now_ns)
        return NULL;
    heap_remove(wheel, timer);
    wheel->count--;
    return timer;
}
