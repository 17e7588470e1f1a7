/* What a process holds: descriptors, children, heap blocks of Yibu's, live tasks of the running
 * loop, and the entries of the folder that it is in.  A fault has leaked where that grew for good.
 * How many workers the loop's pools have started depends on the machine's speed: their blocks do
 * not count. */
#ifndef CENSUS_H
#define CENSUS_H

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exec/thread_pool.h"
#include "loop/loop.h"
#include "test.h"

/* An allocator that counts the blocks that are alive. */

static atomic_long census_blocks;

static inline void *census_allocate(size_t size, void *arg)
{
    (void)arg;
    void *memory = malloc(size);
    atomic_fetch_add(&census_blocks, memory != NULL);
    return memory;
}

static inline void *census_reallocate(void *memory, size_t size, void *arg)
{
    (void)arg;
    void *moved = realloc(memory, size);
    atomic_fetch_add(&census_blocks, !memory && moved);
    return moved;
}

static inline void census_release(void *memory, void *arg)
{
    (void)arg;
    atomic_fetch_sub(&census_blocks, memory != NULL);
    free(memory);
}

/* Before Yibu has allocated anything. */
static inline void census_begin(void)
{
    const yibu_allocator counting = {census_allocate, census_reallocate, census_release, NULL};
    assert_int_equal(yibu_set_allocator(&counting), 0);
}

typedef struct census {
    long descriptors, children, tasks, entries, blocks;
} census;

static inline long census_entries(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    long count = -2; /* . and .. */
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static inline bool census_any_child(void)
{
    siginfo_t about;
    return waitid(P_ALL, 0, &about, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static inline long census_workers(yb_loop_part_kind kind)
{
    yb_loop_part *part = yibu_get_running_loop()->parts[kind];
    if (!part)
        return 0;
    const yb_thread_pool *pool = yb_thread_pool_of_client(YB_CONTAINER_OF(part, yb_executor, part));
    return atomic_load(&pool->thread_count);
}

static inline census census_take(void)
{
    return (census){census_entries("/proc/self/fd"), census_any_child(),
                    (long)yibu_all_tasks(NULL, NULL, 0), census_entries("."),
                    atomic_load(&census_blocks) - census_workers(YB_PART_THREADS) -
                        census_workers(YB_PART_FILES)};
}

static inline bool census_within(const census *now, const census *limit)
{
    return now->descriptors <= limit->descriptors && now->children <= limit->children &&
           now->tasks <= limit->tasks && now->entries <= limit->entries &&
           now->blocks <= limit->blocks;
}

/* Gives what ends behind the scenes some time, and answers what is left.  In a task. */
static inline census census_settle(const census *limit)
{
    census now = census_take();
    for (int i = 0; i < 2000 * YB_TEST_SLOWDOWN && !census_within(&now, limit); i++) {
        assert_int_equal(yibu_sleep(i < 20 ? 0 : YIBU_MS(1)), 0);
        now = census_take();
    }
    return now;
}

/* What there is once nothing has changed for a while.  In a task. */
static inline census census_rest(void)
{
    census now = census_take();
    for (int quiet = 0; quiet < 20; quiet++) {
        census before = now;
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
        now = census_take();
        if (!census_within(&now, &before) || !census_within(&before, &now))
            quiet = 0;
    }
    return now;
}

static inline void census_expect(const census *limit, const char *after, long nth)
{
    census now = census_settle(limit);
    if (!census_within(&now, limit))
        fail_msg("%s, %ld: %ld of %ld descriptors, %ld of %ld children, %ld of %ld tasks, "
                 "%ld of %ld entries, %ld of %ld blocks",
                 after, nth, now.descriptors, limit->descriptors, now.children, limit->children,
                 now.tasks, limit->tasks, now.entries, limit->entries, now.blocks, limit->blocks);
}

#endif
