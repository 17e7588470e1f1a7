/* Whether it pays to wait spinning.  It does while the other side answers at once, which it cannot
 * do from a processor that we hold, nor from one that others keep busy: each spin in vain makes the
 * next ones be left out, twice as many every time, and one that was answered makes up for all. */
#ifndef YB_PROC_SPIN_H
#define YB_PROC_SPIN_H

#include <stdbool.h>
#include <stdint.h>

enum { YB_SPIN_MOST_LEFT_OUT = 255 };

typedef struct yb_spin {
    uint32_t left_out; /* after the last one in vain */
    uint32_t to_leave_out;
} yb_spin;

static inline bool yb_spin_pays(yb_spin *spin)
{
    if (spin->to_leave_out == 0)
        return true;
    spin->to_leave_out--;
    return false;
}

static inline void yb_spin_ended(yb_spin *spin, bool answered)
{
    if (answered)
        spin->left_out = 0;
    else if (spin->left_out < YB_SPIN_MOST_LEFT_OUT)
        spin->left_out = 2 * spin->left_out + 1;
    spin->to_leave_out = spin->left_out;
}

#endif
