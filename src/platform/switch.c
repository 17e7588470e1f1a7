/* Lays out a fresh stack as if it had been left by yb_switch: the registers it pops, in which
 * yb_switch_start finds the entry and its argument, then the address it returns to. */
#include "platform/switch.h"

#include <stdint.h>
#include <string.h>

#if !YB_SWITCH_UCONTEXT

void yb_switch_start(void);

#if defined(__x86_64__)
enum { FRAME_WORDS = 7, ENTRY = 4, ARG = 3, RETURN = 6, BOTTOM_BYTES = 16 };
#else
enum { FRAME_WORDS = 20, ENTRY = 0, ARG = 1, RETURN = 11, BOTTOM_BYTES = 0 };
#endif

void *yb_switch_prepare(char *low, char *top, void (*entry)(void *arg), void *arg)
{
    (void)low;
    uintptr_t *frame = (uintptr_t *)(void *)(top - BOTTOM_BYTES) - FRAME_WORDS;
    memset(frame, 0, FRAME_WORDS * sizeof *frame);
    frame[ENTRY] = (uintptr_t)entry;
    frame[ARG] = (uintptr_t)arg;
    frame[RETURN] = (uintptr_t)yb_switch_start;
    return frame;
}

#endif
