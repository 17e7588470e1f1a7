/* Waiting moves the clock to the deadline at once: everything that will ever happen in a simulation
 * is a timer of its loop.  So a wait without a deadline is a wait for nothing. */
#include "sim/clock.h"

#include <errno.h>
#include <string.h>

#include "sim/report.h"
#include "sim/steps.h"

/* Whether time may pass: nothing came up at the last moment. */
static bool nothing_came(yb_sim *sim)
{
    if (atomic_exchange(&sim->woken, false))
        return false;
    return sim->quiet || !yb_sim_maybe_cancel(sim);
}

static void move_clock(yb_sim *sim, int64_t to_ns)
{
    int64_t limit_ns = sim->options.time_limit_ns;
    sim->busy_steps = 0;
    if (to_ns <= sim->now_ns)
        return;
    if (limit_ns > 0 && to_ns - YB_SIM_START_NS > limit_ns && !sim->quiet)
        yb_sim_fail_at_limit(sim, -ETIME, "it goes on after %lld.%09lld s",
                             (long long)limit_ns / 1000000000, (long long)limit_ns % 1000000000);
    else
        sim->now_ns = to_ns;
}

int yb_sim_wait(yb_backend *backend, int64_t deadline_ns)
{
    yb_sim *sim = yb_sim_of(backend);
    if (deadline_ns == 0)
        return 0;
    if (deadline_ns != INT64_MAX) {
        if (nothing_came(sim))
            move_clock(sim, deadline_ns);
        return 0;
    }
    if (atomic_exchange(&sim->woken, false))
        return 0;
    sim->stuck = true;
    if (!sim->quiet)
        yb_sim_fail_deadlocked(sim);
    return 0;
}

void yb_sim_wake(yb_backend *backend)
{
    atomic_store(&yb_sim_of(backend)->woken, true);
}

int64_t yb_sim_now(yb_backend *backend)
{
    return yb_sim_of(backend)->now_ns;
}

int yb_sim_random_bytes(yb_backend *backend, void *ret_bytes, size_t size)
{
    yb_sim *sim = yb_sim_of(backend);
    char *to = ret_bytes;
    while (size > 0) {
        uint64_t bits = yb_choices_bits(&sim->random_state);
        size_t n = size < sizeof(bits) ? size : sizeof(bits);
        memcpy(to, &bits, n);
        to += n;
        size -= n;
    }
    return 0;
}
