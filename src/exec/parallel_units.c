/* Who does what of a parallel loop: units of items, divided by stealing.
 *
 * Each participant has a range of units of its own.  It takes some at a time from the front; one
 * whose range is empty steals half of the longest, from its end.  So neighbouring items stay with
 * one thread, and a processor writes to what another one reads all the time only when it steals.
 *
 * A range is one word, changed by compare and exchange.  Its owner alone stores to it without, and
 * only while it is empty, when nobody else changes it.  Units never come back and ranges never
 * grow, so a range that looks the same is the same.  All accesses are relaxed: nothing is published
 * here.  What bodies read was there before helpers were sent, and what they wrote is read after
 * helpers are back.
 *
 * Between a steal's two writes its units are in no range: who looks then may find nothing left and
 * leave, which costs help, but no unit. */
#include "exec/parallel.h"

static uint64_t range_of(uint32_t first, uint32_t end)
{
    return first | (uint64_t)end << 32;
}

static uint32_t first_of(uint64_t range)
{
    return (uint32_t)range;
}

static uint32_t end_of(uint64_t range)
{
    return (uint32_t)(range >> 32);
}

static uint32_t length_of(uint64_t range)
{
    return end_of(range) - first_of(range);
}

static uint64_t divide_up(uint64_t number, uint64_t by)
{
    return number / by + (number % by != 0);
}

yb_units yb_units_of(int64_t first, int64_t end, int64_t grain, uint32_t limit)
{
    uint64_t count = first < end ? (uint64_t)end - (uint64_t)first : 0;
    uint64_t items = divide_up(count, limit);
    if (items < (uint64_t)grain)
        items = (uint64_t)grain;
    if (items == 0)
        items = 1;
    return (yb_units){first, end, items, (uint32_t)divide_up(count, items)};
}

int64_t yb_units_start(const yb_units *units, uint32_t number)
{
    if (number >= units->count)
        return units->end;
    return (int64_t)((uint64_t)units->first + number * units->items);
}

void yb_participant_begin(yb_participant *self, uint32_t count)
{
    atomic_store_explicit(&self->left, range_of(0, count), memory_order_relaxed);
}

uint32_t yb_participant_left(const yb_participant *self)
{
    return length_of(atomic_load_explicit(&self->left, memory_order_relaxed));
}

static bool exchange(yb_participant *whose, uint64_t *range, uint64_t to)
{
    return atomic_compare_exchange_weak_explicit(&whose->left, range, to, memory_order_relaxed,
                                                 memory_order_relaxed);
}

/* Of what is not few a quarter at most, so that there is something to steal should these take
 * longer than thought. */
static uint32_t piece_of(uint32_t left, uint32_t most, uint32_t few)
{
    if (left <= few)
        return left;
    uint32_t quarter = (uint32_t)divide_up(left, 4);
    return quarter < most ? quarter : most;
}

static bool take_own(yb_participant *self, uint32_t most, uint32_t few, uint32_t *ret_first,
                     uint32_t *ret_end)
{
    uint64_t range = atomic_load_explicit(&self->left, memory_order_relaxed);
    uint32_t count;
    do {
        count = piece_of(length_of(range), most, few);
        if (count == 0)
            return false;
    } while (!exchange(self, &range, range_of(first_of(range) + count, end_of(range))));
    *ret_first = first_of(range);
    *ret_end = first_of(range) + count;
    return true;
}

static yb_participant *find_richest(yb_parallel *loop)
{
    yb_participant *richest = NULL;
    uint32_t most = 0;
    for (unsigned i = 0; i < loop->width; i++) {
        yb_participant *participant = yb_parallel_participant(loop, i);
        uint32_t left = participant ? yb_participant_left(participant) : 0;
        if (left > most) {
            most = left;
            richest = participant;
        }
    }
    return richest;
}

static void steal_half(yb_participant *self, yb_participant *from)
{
    uint64_t range = atomic_load_explicit(&from->left, memory_order_relaxed);
    uint32_t middle;
    do {
        if (length_of(range) == 0)
            return;
        middle = first_of(range) + length_of(range) / 2;
    } while (!exchange(from, &range, range_of(first_of(range), middle)));
    atomic_store_explicit(&self->left, range_of(middle, end_of(range)), memory_order_relaxed);
}

bool yb_participant_take(yb_participant *self, uint32_t most, uint32_t few, uint32_t *ret_first,
                         uint32_t *ret_end)
{
    while (!take_own(self, most, few, ret_first, ret_end)) {
        yb_participant *richest = find_richest(self->loop);
        if (!richest)
            return false;
        steal_half(self, richest);
    }
    return true;
}
