/* Sleeping on a word of memory until another thread changes it (futex(2)), within one process. */
#ifndef YB_PLATFORM_FUTEX_H
#define YB_PLATFORM_FUTEX_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sleeps while *word is value; may return early, so ask in a loop. */
static inline void yb_futex_wait(_Atomic(uint32_t) *word, uint32_t value)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

/* Wakes one sleeper.  word may be gone by now: the kernel only compares addresses. */
static inline void yb_futex_wake(_Atomic(uint32_t) *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#endif
