/* Sleeping on a word of memory until another thread changes it (futex(2)), within one process. */
#ifndef YB_PLATFORM_FUTEX_H
#define YB_PLATFORM_FUTEX_H

#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeps while *word is value; may return early, so ask in a loop. */
static inline void yb_futex_wait(_Atomic(uint32_t) *word, uint32_t value)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

/* The same until deadline_ns of the monotonic clock, INT64_MAX: for ever.  Returns false where that
 * has passed. */
static inline bool yb_futex_wait_until(_Atomic(uint32_t) *word, uint32_t value, int64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                                .tv_nsec = (long)(deadline_ns % 1000000000)};
    long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value,
                     deadline_ns == INT64_MAX ? NULL : &deadline, NULL, FUTEX_BITSET_MATCH_ANY);
    return r == 0 || errno != ETIMEDOUT;
}

/* Wakes one sleeper.  word may be gone by now: the kernel only compares addresses. */
static inline void yb_futex_wake(_Atomic(uint32_t) *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Wakes all. */
static inline void yb_futex_wake_all(_Atomic(uint32_t) *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

#endif
