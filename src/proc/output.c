/* The space of a worker's outputs.
 *
 * A job's output grows where its bytes will be handed over: it begins in the ring of small outputs
 * and moves among the big ones when it outgrows what is free there (or begins there, where its
 * caller wants to hold it).  There it stays, and grows into what is free behind it; only where
 * earlier outputs are held in the way does it move again.  What it grows into is populated first,
 * so that a job is told when there is no memory, instead of being killed by SIGBUS at the first
 * touch.
 *
 * The space of a small output comes back when the parent has retired its job, that of a big one
 * when the parent has released it, at the same time or, where a payload holds it, later.  An output
 * waits for space that is about to come back, never for what is held: that may not end before the
 * job. */
#define _GNU_SOURCE
#include "proc/output.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "platform/populate.h"
#include "proc/asleep.h"
#include "proc/pieces.h"
#include "proc/ring.h"

enum { LEAST_ROOM = 4096 }; /* with less room an output begins among the big ones */

static const size_t MOST_AHEAD = (size_t)64
                                 << 20; /* that an output is given beyond what it needs */

static struct {
    yb_lane_shared *shared;
    unsigned char *base;
    yb_lane_layout layout;
    uint64_t kept;     /* of the big outputs, the parent gives nothing before this back */
    uint64_t resident; /* before this they are populated */
    yb_ring small;
    uint64_t small_ends[YB_LANE_SLOTS]; /* 0: nothing taken */
    yb_pieces big;
    uint32_t reclaimed; /* jobs before this have given their small space back */
    uint32_t released;  /* releases that have been seen */

    /* The output that is growing. */
    uint32_t job;
    bool in_big;
    uint64_t position;  /* in the small ring, or the place among the big ones */
    uint64_t room;      /* among the big ones, from there on */
    uint64_t populated; /* of it */
} self;

void yb_output_open(yb_lane_shared *shared, unsigned char *base, const yb_lane_layout *layout)
{
    self.shared = shared;
    self.base = base;
    self.layout = *layout;
    self.kept = layout->big_bytes < YB_LANE_KEEP_BYTES ? layout->big_bytes : YB_LANE_KEEP_BYTES;
    yb_ring_init(&self.small, YB_LANE_SMALL_BYTES);
    yb_pieces_init(&self.big, layout->big_bytes);
}

/* Space. */

static void reclaim(void)
{
    uint32_t retired = atomic_load_explicit(&self.shared->retired, memory_order_acquire);
    uint32_t count = atomic_load_explicit(&self.shared->release_count, memory_order_acquire);
    if (retired - self.reclaimed > YB_LANE_SLOTS || count - self.released > YB_PIECES_MOST)
        yb_abort("a job wrote over what its worker shares with its parent");
    for (; self.reclaimed != retired; self.reclaimed++) {
        uint64_t end = self.small_ends[self.reclaimed % YB_LANE_SLOTS];
        if (end)
            yb_ring_release(&self.small, end);
    }
    for (; self.released != count; self.released++) {
        _Atomic(uint64_t) *place = &self.shared->released[self.released % YB_PIECES_MOST];
        yb_pieces_release(&self.big, atomic_load_explicit(place, memory_order_relaxed));
    }
}

/* `submitted` is written last, and is what `asleep` pairs with. */
static bool more_came_back(void)
{
    (void)atomic_load(&self.shared->submitted);
    return atomic_load(&self.shared->retired) != self.reclaimed ||
           atomic_load(&self.shared->release_count) != self.released;
}

/* Whether there is at least that much room among the big ones, now or soon. */
static bool find_room(uint64_t wanted, uint64_t *ret_start, uint64_t *ret_room)
{
    for (;;) {
        reclaim();
        *ret_room = yb_pieces_room(&self.big, wanted, ret_start);
        if (*ret_room >= wanted)
            return true;
        if (wanted > self.big.size || self.reclaimed == self.job)
            return false;
        yb_asleep_until(self.shared, YB_ASLEEP_FOR_ROOM, more_came_back);
    }
}

/* Memory. */

static unsigned char *big_at(uint64_t place)
{
    return self.base + self.layout.big_out + place;
}

/* Makes the pages from start to end present; before `resident` they are. */
static int populate(uint64_t start, uint64_t end)
{
    uint64_t from = start < self.resident ? self.resident : start;
    from -= from % YB_PIECES_ALIGNMENT;
    if (from < end && yb_populate(big_at(from), end - from) == -ENOMEM)
        return -ENOMEM; /* on an older kernel the first touch decides */
    if (start <= self.resident && end > self.resident)
        self.resident = end < self.kept ? end : self.kept;
    return 0;
}

/* Gives back what was populated in vain. */
static void depopulate(uint64_t start, uint64_t end)
{
    start = (start + YB_PIECES_ALIGNMENT - 1) / YB_PIECES_ALIGNMENT * YB_PIECES_ALIGNMENT;
    if (start < self.kept)
        start = self.kept;
    if (start < end)
        (void)madvise(big_at(start), end - start, MADV_REMOVE);
}

/* How much an output gets that needs so much: more and more, so that many small steps cost
 * little. */
static uint64_t generous(uint64_t needed)
{
    uint64_t ahead = needed < MOST_AHEAD ? needed : MOST_AHEAD;
    uint64_t whole = self.in_big && self.populated > 0 ? needed + ahead : needed;
    return (whole + YB_PIECES_ALIGNMENT - 1) / YB_PIECES_ALIGNMENT * YB_PIECES_ALIGNMENT;
}

/* Populates up to `capacity` bytes of the output, or at least what is needed. */
static int extend(uint64_t needed, uint64_t capacity)
{
    uint64_t whole = capacity < self.room ? capacity : self.room;
    int r = populate(self.position + self.populated, self.position + whole);
    if (r < 0 && needed < whole) {
        whole = needed;
        r = populate(self.position + self.populated, self.position + whole);
    }
    if (r == 0)
        self.populated = whole;
    return r;
}

/* Moves the output to a place with room for more. */
static int move(yibu_buffer *output, uint64_t needed, uint64_t capacity)
{
    uint64_t start = 0, room, old = self.position, old_end = old + self.populated;
    bool was_big = self.in_big;
    if (!find_room(capacity, &start, &room) && !find_room(needed, &start, &room))
        return -ENOMEM;
    uint64_t old_room = self.room, old_populated = self.populated;
    self.position = start;
    self.room = room;
    self.populated = 0;
    self.in_big = true;
    if (extend(needed, capacity) < 0) {
        self.position = old;
        self.room = old_room;
        self.populated = old_populated;
        self.in_big = was_big;
        return -ENOMEM;
    }
    if (output->size > 0)
        memmove(big_at(start), output->data, output->size);
    if (was_big)
        depopulate(old, old_end);
    return 0;
}

static int grow(yibu_buffer *output, size_t needed)
{
    uint64_t capacity = generous(needed);
    int r = self.in_big && needed <= self.room ? extend(needed, capacity)
                                               : move(output, needed, capacity);
    if (r < 0)
        return r;
    output->data = big_at(self.position);
    output->capacity = self.populated;
    return 0;
}

/* A job's output. */

void yb_output_begin(uint32_t n, uint32_t flags, yibu_buffer *output)
{
    self.job = n;
    reclaim();
    self.small_ends[n % YB_LANE_SLOTS] = 0;
    self.room = self.populated = 0;
    self.in_big = flags & YB_SLOT_OUTPUT_HELD;
    if (self.in_big) {
        yb_buffer_lend(output, big_at(0), 0, grow);
        return;
    }
    uint64_t room = yb_ring_room(&self.small, LEAST_ROOM, &self.position);
    void *data = self.base + self.layout.small_out + yb_ring_place(&self.small, self.position);
    yb_buffer_lend(output, data, room, grow);
}

/* Jobs may put a buffer of their own in the place of the one they were given. */
static int bring_home(yibu_buffer *output)
{
    yibu_buffer own = *output;
    uint32_t flags = self.in_big ? YB_SLOT_OUTPUT_HELD : 0;
    depopulate(self.position, self.position + self.populated);
    yb_output_begin(self.job, flags, output);
    int r = yibu_buffer_append(output, own.data, own.size);
    yibu_buffer_free(&own);
    return r;
}

static uint64_t take(uint32_t n, size_t size)
{
    if (!self.in_big) {
        self.small_ends[n % YB_LANE_SLOTS] = yb_ring_take(&self.small, self.position, size);
        return self.layout.small_out + yb_ring_place(&self.small, self.position);
    }
    yb_pieces_take(&self.big, self.position, size);
    return self.layout.big_out + self.position;
}

int yb_output_end(uint32_t n, yb_slot *slot, yibu_buffer *output)
{
    int r = yb_buffer_lent(output) ? 0 : bring_home(output);
    if (output->size > output->capacity)
        yb_abort("a job made its output larger than its capacity");
    uint64_t place = output->size > 0 ? take(n, output->size) : 0;
    if (self.in_big)
        depopulate(self.position + output->size, self.position + self.populated);
    atomic_store_explicit(&slot->output, place, memory_order_relaxed);
    atomic_store_explicit(&slot->output_size, output->size, memory_order_relaxed);
    return r;
}

void yb_output_none(uint32_t n, yb_slot *slot)
{
    self.small_ends[n % YB_LANE_SLOTS] = 0;
    atomic_store_explicit(&slot->output_size, 0, memory_order_relaxed);
}
