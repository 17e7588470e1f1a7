/* Stacks: who gets which, their guards, and when their memory goes back. */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "platform/sanitizer.h"
#include "platform/slab_registry.h"
#include "platform/stack.h"
#include "platform/stack_slab.h"

enum { COUNT = 100, SECOND = 1000000000 };

static char owner[] = "owner";

static yb_stack_pool *new_pool(void)
{
    yb_stack_pool *pool = NULL;
    assert_int_equal(yb_stack_pool_new(&pool), 0);
    return pool;
}

static void acquire(yb_stack_pool *pool, yb_stack **ret_stacks, int count)
{
    for (int i = 0; i < count; i++) {
        ret_stacks[i] = yb_stack_acquire(pool, 0, owner);
        assert_non_null(ret_stacks[i]);
    }
}

static void release(yb_stack_pool *pool, yb_stack **stacks, int count)
{
    for (int i = 0; i < count; i++)
        yb_stack_release(pool, stacks[i]);
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void touch(yb_stack *stack)
{
    for (char *at = stack->low; at < stack->top; at += 1024)
        *(volatile char *)at = 1;
}

static size_t resident_pages(const yb_stack *stack)
{
    unsigned char pages[256] = {0};
    size_t size = (size_t)(stack->top - stack->low);
    size_t resident = 0;
    assert_int_equal(mincore(stack->low, size, pages), 0);
    for (size_t i = 0; i < (size + page_bytes() - 1) / page_bytes(); i++)
        resident += pages[i] & 1;
    return resident;
}

static void the_stack_released_last_is_acquired_first(void **state)
{
    (void)state;
    yb_stack_pool *pool = new_pool();
    yb_stack *stacks[3];
    acquire(pool, stacks, 3);
    release(pool, stacks, 3);
    for (int i = 3; i-- > 0;)
        assert_ptr_equal(yb_stack_acquire(pool, 0, owner), stacks[i]);
    release(pool, stacks, 3);
    yb_stack_pool_free(pool);
}

static void every_stack_is_its_own_and_usable_to_the_last_byte(void **state)
{
    (void)state;
    yb_stack_pool *pool = new_pool();
    yb_stack *stacks[COUNT];
    acquire(pool, stacks, COUNT);
    for (int i = 0; i < COUNT; i++)
        memset(stacks[i]->low, i, (size_t)(stacks[i]->top - stacks[i]->low));
    for (int i = 0; i < COUNT; i++)
        for (char *at = stacks[i]->low; at < stacks[i]->top; at++)
            assert_int_equal(*at, i);
    release(pool, stacks, COUNT);
    yb_stack_pool_free(pool);
}

static void a_size_gets_the_smallest_class_that_holds_it(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {
        {0, 64 << 10},          {1, 64 << 10},     {64 << 10, 64 << 10}, {65537, 256 << 10},
        {256 << 10, 256 << 10}, {300000, 1 << 20}, {1 << 20, 1 << 20},
    };
    yb_stack_pool *pool = new_pool();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        yb_stack *stack = yb_stack_acquire(pool, sizes[i][0], owner);
        assert_non_null(stack);
        size_t usable = (size_t)(stack->top - stack->low);
        assert_in_range(usable, sizes[i][1] - YB_GUARD_BYTES - 1024, sizes[i][1] - YB_GUARD_BYTES);
        touch(stack);
        yb_stack_release(pool, stack);
        assert_ptr_equal(yb_stack_acquire(pool, sizes[i][0], owner), stack);
        yb_stack_release(pool, stack);
    }
    assert_null(yb_stack_acquire(pool, (1 << 20) + 1, owner));
    assert_null(yb_stack_acquire(pool, SIZE_MAX, owner));
    yb_stack_pool_free(pool);
}

static void tops_are_coloured_within_the_page_that_is_touched_anyway(void **state)
{
    (void)state;
    yb_stack_pool *pool = new_pool();
    yb_stack *stacks[COUNT];
    bool seen[16] = {false};
    acquire(pool, stacks, COUNT);
    for (int i = 0; i < COUNT; i++) {
        size_t colour = -(uintptr_t)stacks[i]->top % 4096;
        assert_in_range(colour, 0, 1023);
        assert_int_equal(colour % 64, 0);
        seen[colour / 64] = true;
    }
    for (int i = 0; i < 16; i++)
        assert_true(seen[i]);
    release(pool, stacks, COUNT);
    yb_stack_pool_free(pool);
}

static void memory_goes_back_once_nobody_needed_it_for_a_period(void **state)
{
    (void)state;
    yb_stack_pool *pool = new_pool();
    yb_stack *stacks[COUNT];
    int64_t now = SECOND;
    acquire(pool, stacks, COUNT);
    for (int i = 0; i < COUNT; i++)
        touch(stacks[i]);
    release(pool, stacks, COUNT);
    int calls = 0;
    for (int64_t next = 0; next != INT64_MAX; calls++) {
        next = yb_stack_pool_trim(pool, now);
        assert_true(next >= now);
        now = next == INT64_MAX ? now : next;
    }
    assert_in_range(now, 2 * (int64_t)SECOND, 4 * (int64_t)SECOND);
    assert_in_range(calls, 3, 10);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(resident_pages(stacks[i]), 0);
    acquire(pool, stacks, COUNT);
    for (int i = 0; i < COUNT; i++)
        touch(stacks[i]);
    release(pool, stacks, COUNT);
    yb_stack_pool_free(pool);
}

static void a_stack_in_use_keeps_its_memory_when_its_neighbours_are_trimmed(void **state)
{
    (void)state;
    yb_stack_pool *pool = new_pool();
    yb_stack *stacks[9];
    acquire(pool, stacks, 9);
    for (int i = 0; i < 9; i++)
        memset(stacks[i]->low, 'x', (size_t)(stacks[i]->top - stacks[i]->low));
    for (int i = 0; i < 9; i++)
        if (i % 4)
            yb_stack_release(pool, stacks[i]);
    for (int64_t now = 0; yb_stack_pool_trim(pool, now) != INT64_MAX;)
        now += SECOND;
    for (int i = 0; i < 9; i++) {
        if (i % 4) {
            assert_int_equal(resident_pages(stacks[i]), 0);
            continue;
        }
        for (char *at = stacks[i]->low; at < stacks[i]->top; at++)
            assert_int_equal(*at, 'x');
        yb_stack_release(pool, stacks[i]);
    }
    yb_stack_pool_free(pool);
}

static void bursts_that_come_back_within_a_period_keep_their_memory(void **state)
{
    (void)state;
    yb_stack_pool *pool = new_pool();
    yb_stack *stacks[COUNT];
    for (int64_t now = 0; now < 20 * (int64_t)SECOND; now += SECOND / 2) {
        acquire(pool, stacks, COUNT);
        for (int i = 0; i < COUNT; i++) {
            if (now > 0)
                assert_true(resident_pages(stacks[i]) > 8);
            touch(stacks[i]);
        }
        release(pool, stacks, COUNT);
        for (int waits = 0; waits < 5; waits++)
            (void)yb_stack_pool_trim(pool, now);
    }
    yb_stack_pool_free(pool);
}

static void trimming_asks_for_nothing_more_where_nothing_was_used(void **state)
{
    (void)state;
    yb_stack_pool *pool = new_pool();
    assert_true(yb_stack_pool_trim(pool, SECOND) == INT64_MAX);
    yb_stack *stack = yb_stack_acquire(pool, 0, owner);
    assert_true(yb_stack_pool_trim(pool, SECOND) == INT64_MAX);
    yb_stack_release(pool, stack);
    assert_true(yb_stack_pool_trim(pool, SECOND) == SECOND + (int64_t)YB_STACK_IDLE_NS);
    yb_stack_pool_free(pool);
}

static void a_freed_pool_leaves_no_slab_behind(void **state)
{
    (void)state;
    yb_stack_pool *pool = new_pool();
    enum { SEVERAL_SLABS = 2 * YB_SLAB_STACKS + 10 };
    static yb_stack *stacks[SEVERAL_SLABS];
    bool in_guard;
    unsigned char page;
    acquire(pool, stacks, SEVERAL_SLABS);
    for (int i = 0; i < SEVERAL_SLABS; i++) {
        assert_ptr_equal(yb_registry_find(stacks[i]->low, &in_guard), stacks[i]);
        assert_false(in_guard);
        assert_ptr_equal(yb_registry_find(stacks[i]->low - 1, &in_guard), stacks[i]);
        assert_true(in_guard);
    }
    release(pool, stacks, SEVERAL_SLABS);
    char *low = stacks[0]->low;
    yb_stack_pool_free(pool);
    assert_null(yb_registry_find(low, &in_guard));
    assert_int_equal(mincore(low, 1, &page), -1);
    assert_int_equal(errno, ENOMEM);
}

static void free_with_a_stack_in_use(void)
{
    yb_stack_pool *pool = NULL;
    (void)yb_stack_pool_new(&pool);
    (void)yb_stack_acquire(pool, 0, owner);
    yb_stack_pool_free(pool);
}

static void freeing_a_pool_whose_stack_is_in_use_aborts(void **state)
{
    (void)state;
    child_result result;
    child_run(free_with_a_stack_in_use, &result);
    assert_true(child_died_of(&result, SIGABRT));
    assert_non_null(strstr(result.said, "yibu: a stack pool is freed while a stack"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stack_released_last_is_acquired_first),
        cmocka_unit_test(every_stack_is_its_own_and_usable_to_the_last_byte),
        cmocka_unit_test(a_size_gets_the_smallest_class_that_holds_it),
        cmocka_unit_test(tops_are_coloured_within_the_page_that_is_touched_anyway),
        cmocka_unit_test(memory_goes_back_once_nobody_needed_it_for_a_period),
        cmocka_unit_test(a_stack_in_use_keeps_its_memory_when_its_neighbours_are_trimmed),
        cmocka_unit_test(bursts_that_come_back_within_a_period_keep_their_memory),
        cmocka_unit_test(trimming_asks_for_nothing_more_where_nothing_was_used),
        cmocka_unit_test(a_freed_pool_leaves_no_slab_behind),
        cmocka_unit_test(freeing_a_pool_whose_stack_is_in_use_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
