/* The timer wheel: hierarchical slots (Varghese and Lauck, 1987, scheme 7), on the lowest level of
 * one nanosecond, so that sorting into slots is all the sorting there is.
 *
 * Invariants, with W = wheel->reached_ns:
 *   - a timer is on the level of the highest group of six bits in which its deadline differed from
 *     W when it was put there, and no slot start between was passed since: so the lowest level that
 *     has timers holds the earliest, and its slots before W's own are empty;
 *   - a deadline before W counts as W; the slot of W on the lowest level is sorted by deadline;
 *   - W never goes back and is never ahead of the clock;
 *   - equal deadlines are in one list, in the order in which they were added: who came later saw a
 *     later W, and is in the same slot or in one that is emptied after.
 *
 * What a million timers cost is their cache lines, not instructions.  So the slots of the far
 * levels, which hold many, are several lists, among which timers are spread by a hash of their
 * deadlines: emptying a slot goes through all its lists at once, and the memory answers for all at
 * once.  One thread: the loop's. */
#include "base/timer_wheel.h"

#include <stddef.h>
#include <string.h>

#include "base/assert.h"

enum {
    GROUP_BITS = 6,
    FEW = 8, /* a slot of so many timers is not emptied: its earliest is found by looking */
    UNKNOWN_NS = -1
};

typedef struct place {
    unsigned level, slot;
} place;

static yb_timer *timer_of(yb_list *item)
{
    return YB_CONTAINER_OF(item, yb_timer, links);
}

static place place_of(const yb_timer_wheel *wheel, int64_t deadline_ns)
{
    int64_t time_ns = deadline_ns > wheel->reached_ns ? deadline_ns : wheel->reached_ns;
    uint64_t differing = (uint64_t)(time_ns ^ wheel->reached_ns) | 1;
    unsigned level = (63u - (unsigned)__builtin_clzll(differing)) / GROUP_BITS;
    return (place){level, (unsigned)(time_ns >> (level * GROUP_BITS)) & (YB_WHEEL_SLOTS - 1)};
}

/* First time of a slot that is not before W's on its level. */
static int64_t slot_start(const yb_timer_wheel *wheel, place at)
{
    unsigned shift = at.level * GROUP_BITS;
    uint64_t above = shift + GROUP_BITS < 64
                         ? (uint64_t)wheel->reached_ns >> (shift + GROUP_BITS) << GROUP_BITS
                         : 0;
    return (int64_t)((above | at.slot) << shift);
}

/* The high bits of a product depend on all bits of its factors. */
static unsigned lane_of(place at, int64_t deadline_ns)
{
    if (at.level < YB_WHEEL_NEAR)
        return 0;
    return (unsigned)((uint64_t)deadline_ns * UINT64_C(0x9e3779b97f4a7c15) >> 32) % YB_WHEEL_LANES;
}

static yb_list *list_at(yb_timer_wheel *wheel, place at, unsigned lane)
{
    if (at.level < YB_WHEEL_NEAR)
        return &wheel->near[at.level * YB_WHEEL_SLOTS + at.slot];
    size_t slot = (at.level - YB_WHEEL_NEAR) * YB_WHEEL_SLOTS + at.slot;
    return &wheel->far[slot * YB_WHEEL_LANES + lane];
}

/* Says in the bits that the list is in use. */
static void use(yb_timer_wheel *wheel, place at, unsigned lane, yb_list *list)
{
    uint8_t bit = (uint8_t)(1u << lane);
    if (YB_LIKELY(wheel->lanes[at.level][at.slot] & bit))
        return;
    yb_list_init(list);
    wheel->lanes[at.level][at.slot] |= bit;
    wheel->slots[at.level] |= UINT64_C(1) << at.slot;
    wheel->levels |= 1u << at.level;
}

static void disuse(yb_timer_wheel *wheel, place at, unsigned lane)
{
    wheel->lanes[at.level][at.slot] &= (uint8_t) ~(1u << lane);
    if (wheel->lanes[at.level][at.slot])
        return;
    wheel->slots[at.level] &= ~(UINT64_C(1) << at.slot);
    if (!wheel->slots[at.level])
        wheel->levels &= ~(1u << at.level);
}

/* The same where only the list is known. */
static void disuse_list(yb_timer_wheel *wheel, const yb_list *list)
{
    size_t slot, lane = 0;
    if (list >= wheel->far) {
        slot = (size_t)(list - wheel->far) / YB_WHEEL_LANES + YB_WHEEL_NEAR * YB_WHEEL_SLOTS;
        lane = (size_t)(list - wheel->far) % YB_WHEEL_LANES;
    } else {
        slot = (size_t)(list - wheel->near);
    }
    disuse(wheel, (place){(unsigned)slot / YB_WHEEL_SLOTS, (unsigned)slot % YB_WHEEL_SLOTS},
           (unsigned)lane);
}

/* Where in a list a timer belongs: at its end, unless it was overdue when others were added. */
static yb_list *position(const yb_timer_wheel *wheel, yb_list *list, int64_t deadline_ns)
{
    yb_list *before = list;
    if (YB_UNLIKELY(deadline_ns < wheel->reached_ns))
        while (before->previous != list && timer_of(before->previous)->deadline_ns > deadline_ns)
            before = before->previous;
    return before;
}

static inline void insert(yb_timer_wheel *wheel, yb_timer *timer)
{
    place at = place_of(wheel, timer->deadline_ns);
    unsigned lane = lane_of(at, timer->deadline_ns);
    yb_list *list = list_at(wheel, at, lane);
    use(wheel, at, lane, list);
    yb_list_push_back(position(wheel, list, timer->deadline_ns), &timer->links);
}

/* The earliest slot that holds a timer; false: there is none. */
static bool first_slot(const yb_timer_wheel *wheel, place *ret_place)
{
    if (!wheel->levels)
        return false;
    unsigned level = (unsigned)__builtin_ctz(wheel->levels);
    *ret_place = (place){level, (unsigned)__builtin_ctzll(wheel->slots[level])};
    return true;
}

/* The earliest timer of a slot that holds few, the first of equal ones; NULL: it holds many. */
static yb_timer *earliest_of_few(yb_timer_wheel *wheel, place at)
{
    yb_timer *earliest = NULL;
    int left = FEW;
    for (unsigned lanes = wheel->lanes[at.level][at.slot]; lanes; lanes &= lanes - 1) {
        const yb_list *list = list_at(wheel, at, (unsigned)__builtin_ctz(lanes));
        for (yb_list *item = list->next; item != list; item = item->next) {
            yb_timer *timer = timer_of(item);
            if (left-- == 0)
                return NULL;
            if (!earliest || timer->deadline_ns < earliest->deadline_ns)
                earliest = timer;
        }
    }
    return earliest;
}

/* The earliest timer of the earliest slot, if that is known without emptying the slot. */
static yb_timer *known_earliest(yb_timer_wheel *wheel, place at)
{
    if (at.level == 0) /* one deadline, or sorted */
        return timer_of(list_at(wheel, at, 0)->next);
    return earliest_of_few(wheel, at);
}

/* Moves W to the start of the earliest slot, and its timers to slots of lower levels: one timer of
 * each list in turn, while the next ones are on their way from memory. */
static void empty_slot(yb_timer_wheel *wheel, place at)
{
    yb_list *items[YB_WHEEL_LANES], *ends[YB_WHEEL_LANES];
    unsigned count = 0;
    for (unsigned lanes = wheel->lanes[at.level][at.slot]; lanes; lanes &= lanes - 1) {
        unsigned lane = (unsigned)__builtin_ctz(lanes);
        ends[count] = list_at(wheel, at, lane);
        items[count] = ends[count]->next;
        count++;
        disuse(wheel, at, lane);
    }
    wheel->reached_ns = slot_start(wheel, at);
    while (count > 0)
        for (unsigned i = 0; i < count;) {
            yb_list *item = items[i];
            items[i] = item->next;
            __builtin_prefetch(items[i], 1);
            insert(wheel, timer_of(item));
            if (YB_LIKELY(items[i] != ends[i])) {
                i++;
                continue;
            }
            count--;
            items[i] = items[count];
            ends[i] = ends[count];
        }
}

void yb_wheel_init(yb_timer_wheel *wheel, int64_t now_ns)
{
    wheel->reached_ns = now_ns;
    wheel->earliest_ns = INT64_MAX;
    wheel->count = 0;
    wheel->levels = 0;
    memset(wheel->slots, 0, sizeof(wheel->slots));
    memset(wheel->lanes, 0, sizeof(wheel->lanes));
}

void yb_wheel_add(yb_timer_wheel *wheel, yb_timer *timer)
{
    YB_ASSERT(timer->deadline_ns >= 0);
    if (timer->deadline_ns < wheel->earliest_ns)
        wheel->earliest_ns = timer->deadline_ns;
    insert(wheel, timer);
    wheel->count++;
}

void yb_wheel_remove(yb_timer_wheel *wheel, yb_timer *timer)
{
    const yb_list *list = timer->links.next;
    yb_list_unlink(&timer->links);
    if (list == timer->links.previous) /* it was alone: between the list's head and itself */
        disuse_list(wheel, list);
    if (timer->deadline_ns <= wheel->earliest_ns)
        wheel->earliest_ns = UNKNOWN_NS;
    wheel->count--;
}

int64_t yb_wheel_next(yb_timer_wheel *wheel)
{
    place at;
    if (!first_slot(wheel, &at))
        return INT64_MAX;
    if (wheel->earliest_ns == UNKNOWN_NS) {
        const yb_timer *timer = known_earliest(wheel, at);
        wheel->earliest_ns = timer ? timer->deadline_ns : slot_start(wheel, at);
    }
    return wheel->earliest_ns;
}

/* Lets W follow the clock: what is added next is sorted by how far it is from W.  Slots that are in
 * the way are emptied, but for short ones, whose deadlines are about to be due. */
static void follow(yb_timer_wheel *wheel, int64_t now_ns)
{
    place at;
    while (first_slot(wheel, &at) && slot_start(wheel, at) <= now_ns) {
        if (at.level < YB_WHEEL_NEAR)
            return;
        empty_slot(wheel, at);
    }
    if (wheel->reached_ns < now_ns)
        wheel->reached_ns = now_ns;
}

yb_timer *yb_wheel_pop(yb_timer_wheel *wheel, int64_t now_ns)
{
    place at;
    while (wheel->earliest_ns <= now_ns && first_slot(wheel, &at)) {
        yb_timer *timer = known_earliest(wheel, at);
        int64_t earliest_ns = timer ? timer->deadline_ns : slot_start(wheel, at);
        if (earliest_ns > now_ns) {
            wheel->earliest_ns = earliest_ns;
            break;
        }
        if (timer) {
            yb_wheel_remove(wheel, timer);
            return timer;
        }
        empty_slot(wheel, at);
    }
    follow(wheel, now_ns);
    return NULL;
}
