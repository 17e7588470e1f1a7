/* An allocator of Yibu's that fails once, at the nth allocation from now, on whichever thread, and
 * counts the blocks that are alive. */
#ifndef FAILING_ALLOCATOR_H
#define FAILING_ALLOCATOR_H

#include <errno.h>
#include <stdatomic.h>

#include "test.h"

static _Atomic long failing_blocks, failing_left;

static inline bool failing_now(void)
{
    return atomic_fetch_sub(&failing_left, 1) == 1;
}

static inline void *failing_allocate(size_t size, void *arg)
{
    (void)arg;
    void *memory = failing_now() ? NULL : malloc(size);
    failing_blocks += memory != NULL;
    return memory;
}

static inline void *failing_reallocate(void *memory, size_t size, void *arg)
{
    (void)arg;
    void *moved = failing_now() ? NULL : realloc(memory, size);
    failing_blocks += !memory && moved;
    return moved;
}

static inline void failing_release(void *memory, void *arg)
{
    (void)arg;
    failing_blocks -= memory != NULL;
    free(memory);
}

/* In main, before Yibu has allocated anything. */
#define FAILING_TESTS_RUN(TESTS) \
    (failing_install() < 0 ? 1 : cmocka_run_group_tests(TESTS, NULL, NULL))

static inline int failing_install(void)
{
    const yibu_allocator failing = {
        .allocate = failing_allocate, .reallocate = failing_reallocate, .release = failing_release};
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return yibu_set_allocator(&failing);
}

/* Runs the program with each of its allocations failing once, until it gets by; it may fail for
 * want of memory or of a thread, and leaves no block behind.  How often it was made to fail. */
static inline long failing_each(intptr_t (*program)(void *arg), void *arg)
{
    for (long nth = 1;; nth++) {
        long before = failing_blocks;
        failing_left = nth;
        intptr_t r = program(arg);
        bool met = failing_left <= 0;
        failing_left = 0;
        assert_int_equal(failing_blocks, before);
        assert_true(r == 0 || r == -ENOMEM || r == -EAGAIN);
        if (!met)
            return nth - 1;
    }
}

#endif
