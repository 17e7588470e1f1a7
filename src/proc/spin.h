/* Whether it pays to wait spinning.
 *
 * It does while the other side answers at once, which it cannot do from a processor that we hold,
 * nor from one that others keep busy: each spin in vain makes the next ones be left out, twice as
 * many every time, and one that was answered makes up for all.
 *
 * And it has a bound.  The first moments of a spin cost no more than going to sleep and being woken
 * would, and are free; the rest is a debt, which is paid off by a quarter of the time that passes.
 * With much of it nothing spins: so beyond those moments, spinning takes a quarter of a processor
 * in the long run, however well it is answered. */
#ifndef YB_PROC_SPIN_H
#define YB_PROC_SPIN_H

#include <stdbool.h>
#include <stdint.h>

enum {
    YB_SPIN_MOST_LEFT_OUT = 255,
    YB_SPIN_FREE_NS = 10000,
    YB_SPIN_SHARE = 4, /* one part in so many */
    YB_SPIN_MOST_DEBT_NS = 1000000,
};

typedef struct yb_spin {
    uint32_t left_out; /* after the last one in vain */
    uint32_t to_leave_out;
    int64_t debt_ns, paid_ns; /* and when it was last paid */
} yb_spin;

static inline bool yb_spin_pays(yb_spin *spin)
{
    if (spin->to_leave_out == 0)
        return true;
    spin->to_leave_out--;
    return false;
}

/* Whether there is time left for it; asked last. */
static inline bool yb_spin_affordable(yb_spin *spin, int64_t now_ns)
{
    int64_t paid = (now_ns - spin->paid_ns) / YB_SPIN_SHARE;
    spin->debt_ns = spin->debt_ns > paid ? spin->debt_ns - paid : 0;
    spin->paid_ns = now_ns;
    return spin->debt_ns < YB_SPIN_MOST_DEBT_NS;
}

static inline void yb_spin_ended(yb_spin *spin, bool answered, int64_t spent_ns)
{
    if (spent_ns > YB_SPIN_FREE_NS)
        spin->debt_ns += spent_ns - YB_SPIN_FREE_NS;
    if (answered)
        spin->left_out = 0;
    else if (spin->left_out < YB_SPIN_MOST_LEFT_OUT)
        spin->left_out = 2 * spin->left_out + 1;
    spin->to_leave_out = spin->left_out;
}

#endif
