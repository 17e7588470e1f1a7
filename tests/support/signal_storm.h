/* SIGALRM again and again, to a handler that lets no system call go on, or to one of the test's. */
#ifndef SIGNAL_STORM_H
#define SIGNAL_STORM_H

#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "test.h"

static _Atomic int storm_signals; /* so many so far, on whichever thread */

static inline void storm_signal(int number)
{
    (void)number;
    atomic_fetch_add(&storm_signals, 1);
}

static inline void storm_begin_with(const struct sigaction *action, long interval_us)
{
    const struct itimerval often = {{0, interval_us}, {0, interval_us}};
    assert_int_equal(sigaction(SIGALRM, action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static inline void storm_begin(long interval_us)
{
    const struct sigaction interrupting = {.sa_handler = storm_signal};
    storm_begin_with(&interrupting, interval_us);
}

/* The signal stays ignored: one may be on its way still. */
static inline void storm_end(void)
{
    const struct itimerval never = {{0, 0}, {0, 0}};
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_true(signal(SIGALRM, SIG_IGN) != SIG_ERR);
}

#endif
