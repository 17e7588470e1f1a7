/* What signal handlers leave for a loop: a bounded ring of deliveries. */
#ifndef YB_TASK_SIGNAL_RING_H
#define YB_TASK_SIGNAL_RING_H

#include <signal.h>
#include <stdatomic.h>

#include <yibu/signal.h>

typedef struct yb_signal_cell {
    atomic_size_t stamp;
    yibu_signal_info info;
} yb_signal_cell;

typedef struct yb_signal_ring {
    yb_signal_cell *cells;
    size_t mask;
    size_t head;          /* the loop's */
    atomic_size_t tail;   /* signal handlers' */
    atomic_size_t missed; /* since the last was taken */
} yb_signal_ring;

/* A ring for at least that many: 0, -EINVAL or -ENOMEM. */
int yb_signal_ring_init(yb_signal_ring *ring, size_t capacity);
void yb_signal_ring_destroy(yb_signal_ring *ring);

/* Notes a delivery, or counts it where there is no room.  Context: a signal handler. */
void yb_signal_ring_put(yb_signal_ring *ring, const siginfo_t *info);

/* Whether there are more than so many.  Context: the loop. */
bool yb_signal_ring_has_more_than(const yb_signal_ring *ring, size_t count);

/* Takes the oldest; false where there is none.  Context: the loop. */
bool yb_signal_ring_take(yb_signal_ring *ring, yibu_signal_info *ret_info);

#endif
