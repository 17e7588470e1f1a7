/* How much a soak does: a little in every run of the tests, all of it where $YIBU_SOAK is
 * "full". */
#ifndef SOAK_H
#define SOAK_H

#include <sys/resource.h>

#include "streams.h"

static inline bool soak_is_full(void)
{
    const char *wanted = getenv("YIBU_SOAK");
    return wanted && strcmp(wanted, "full") == 0;
}

static inline long soak_scale(long brief, long full)
{
    long wanted = soak_is_full() ? full : brief;
    return YB_TEST_SLOWDOWN > 1 && !soak_is_full() ? wanted / 4 + 1 : wanted;
}

/* Makes room for that many descriptors, where the system lets us; says for how many there is. */
static inline long soak_allow_descriptors(long wanted)
{
    struct rlimit limit = {.rlim_cur = (rlim_t)wanted, .rlim_max = (rlim_t)wanted};
    struct rlimit now;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
    if (now.rlim_cur >= (rlim_t)wanted)
        return (long)now.rlim_cur;
    if (now.rlim_max > (rlim_t)wanted)
        limit.rlim_max = now.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return wanted;
    return (long)raise_descriptor_limit();
}

/* How many connections a process holds: fewer where it may not have the descriptors, and some to
 * spare for those that come before others are gone. */
static inline long soak_connections(long brief, long full)
{
    long wanted = soak_scale(brief, full);
    long most = soak_allow_descriptors(2 * wanted + 200) / 5 * 4;
    return wanted < most ? wanted : most;
}

/* Numbers that look random, the same for the same seed (xorshift64*, Vigna). */
static inline uint64_t soak_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

static inline size_t soak_below(uint64_t *state, size_t limit)
{
    return (size_t)(soak_random(state) >> 11) % limit;
}

/* Memory of the library's that is in use. */

static _Atomic long soak_blocks;

static inline void *soak_allocate(size_t size, void *arg)
{
    (void)arg;
    void *memory = malloc(size);
    soak_blocks += memory != NULL;
    return memory;
}

static inline void *soak_reallocate(void *memory, size_t size, void *arg)
{
    (void)arg;
    void *moved = realloc(memory, size);
    soak_blocks += !memory && moved;
    return moved;
}

static inline void soak_release(void *memory, void *arg)
{
    (void)arg;
    soak_blocks -= memory != NULL;
    free(memory);
}

/* Before anything else of the library. */
static inline void soak_count_memory(void)
{
    const yibu_allocator counting = {
        .allocate = soak_allocate, .reallocate = soak_reallocate, .release = soak_release};
    assert_int_equal(yibu_set_allocator(&counting), 0);
}

#endif
