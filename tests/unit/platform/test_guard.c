/* Guards of every kind, and which kind a process gets. */
#include "test.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "platform/sanitizer.h"
#include "platform/stack.h"
#include "platform/stack_slab.h"
#include "platform/valgrind.h"

enum { COUNT = 100, SKIPPED = 77, SECOND = 1000000000 };

static char owner[] = "owner";
static yb_stack_pool *pool;
static yb_stack *stacks[COUNT];

static void acquire(int count)
{
    if (yb_stack_pool_new(&pool) < 0)
        _exit(1);
    for (int i = 0; i < count; i++) {
        stacks[i] = yb_stack_acquire(pool, 0, owner);
        if (!stacks[i])
            _exit(2);
    }
}

static void drop(int count)
{
    for (int i = 0; i < count; i++)
        yb_stack_release(pool, stacks[i]);
    yb_stack_pool_free(pool);
}

static void write_byte(char *at)
{
    *(volatile char *)at = 1;
}

static yb_stack *written;
static ptrdiff_t written_below;

static void write_below(void)
{
    write_byte(written->low - written_below);
}

/* In a child: what a write that far below the stack does. */
static bool write_below_faults(yb_stack *stack, ptrdiff_t below)
{
    child_result result;
    written = stack;
    written_below = below;
    child_run(write_below, &result);
    return child_died_of(&result, SIGSEGV);
}

static void assert_guarded(yb_stack *stack)
{
    write_byte(stack->low);
    assert_true(write_below_faults(stack, 1));
    assert_true(write_below_faults(stack, 8192));
    assert_true(write_below_faults(stack, YB_GUARD_BYTES));
    assert_false(write_below_faults(stack, 0));
}

static int kind_of(int i)
{
    return (int)yb_slab_kind(stacks[i]);
}

static bool machine_marks(void)
{
    acquire(1);
    bool marks = kind_of(0) == YB_GUARD_MARKED;
    drop(1);
    return marks;
}

static int mappings(void)
{
    char line[4096];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps))
        count++;
    fclose(maps);
    return count;
}

static void the_default_guard_faults_over_its_whole_length(void **state)
{
    (void)state;
    acquire(COUNT);
    assert_guarded(stacks[0]);
    assert_guarded(stacks[COUNT - 1]);
    drop(COUNT);
}

static void marked_guards_add_no_mappings(void **state)
{
    (void)state;
    if (!machine_marks() || YB_UNDER_VALGRIND) /* which maps memory of its own meanwhile */
        skip();
    int before = mappings();
    acquire(COUNT);
    assert_in_range(mappings(), before, before + 4);
    drop(COUNT);
}

static void a_guard_survives_that_the_memory_was_given_back(void **state)
{
    (void)state;
    acquire(10);
    for (int i = 0; i < 10; i++)
        yb_stack_release(pool, stacks[i]);
    for (int64_t now = 0; yb_stack_pool_trim(pool, now) != INT64_MAX;)
        now += SECOND;
    for (int i = 0; i < 10; i++)
        stacks[i] = yb_stack_acquire(pool, 0, owner);
    for (int i = 0; i < 10; i += 3)
        assert_guarded(stacks[i]);
    drop(10);
}

static void protected_guards_take_over_where_markers_do_not_work(void **state)
{
    (void)state;
    yb_guard_limit(YB_GUARD_PROTECTED, COUNT);
    acquire(5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(kind_of(i), YB_GUARD_PROTECTED);
        memset(stacks[i]->low, 1, (size_t)(stacks[i]->top - stacks[i]->low));
    }
    assert_guarded(stacks[0]);
    assert_guarded(stacks[4]);
    drop(5);
}

static void canaries_take_over_where_the_mappings_are_used_up(void **state)
{
    (void)state;
    yb_guard_limit(YB_GUARD_PROTECTED, 3);
    acquire(COUNT);
    int before = mappings();
    drop(COUNT);
    acquire(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(kind_of(i), YB_GUARD_PROTECTED);
    if (!YB_UNDER_VALGRIND)                              /* which makes mappings of its own */
        assert_in_range(mappings(), before - 2, before); /* the canaries had cost nothing */
    drop(3);
    acquire(COUNT);
    for (int i = 3; i < COUNT; i++)
        assert_int_equal(kind_of(i), YB_GUARD_CANARY);
    drop(COUNT);
    acquire(3);
    assert_int_equal(kind_of(2), YB_GUARD_PROTECTED); /* the budget came back */
    drop(3);
}

static void release_over_canary(void)
{
    memset(stacks[0]->low, 1, 64);
    yb_stack_release(pool, stacks[0]);
}

static void a_stack_whose_canary_is_gone_aborts_when_released(void **state)
{
    (void)state;
    child_result result;
    yb_guard_limit(YB_GUARD_CANARY, 0);
    acquire(2);
    yb_stack_check(stacks[0]);
    child_run(release_over_canary, &result);
    assert_true(child_died_of(&result, SIGABRT));
    assert_non_null(strstr(result.said, "yibu: stack overflow in a task"));
    for (int round = 0; round < 3; round++) { /* also after the memory was given back */
        drop(2);
        acquire(2);
        yb_stack_check(stacks[0]);
        yb_stack_release(pool, stacks[0]);
        for (int64_t now = 0; yb_stack_pool_trim(pool, now) != INT64_MAX;)
            now += SECOND;
        stacks[0] = yb_stack_acquire(pool, 0, owner);
    }
    drop(2);
}

/* The sanitizers make mlockall do nothing. */
static void lock_memory(void)
{
    if (YB_ASAN || YB_TSAN || mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        _exit(SKIPPED);
}

static void new_stacks_in_locked_memory(void)
{
    lock_memory();
    acquire(3);
    if (kind_of(2) != YB_GUARD_PROTECTED)
        _exit(3);
    memset(stacks[0]->low, 1, (size_t)(stacks[0]->top - stacks[0]->low));
    memset(stacks[2]->low, 1, (size_t)(stacks[2]->top - stacks[2]->low));
    write_byte(stacks[2]->low - 1);
}

static void more_stacks_in_memory_that_became_locked(void)
{
    acquire(1);
    lock_memory();
    for (int i = 1; i < 20; i++)
        if (!(stacks[i] = yb_stack_acquire(pool, 0, owner)))
            _exit(4);
    if (kind_of(19) != YB_GUARD_PROTECTED)
        _exit(3);
    memset(stacks[19]->low, 1, (size_t)(stacks[19]->top - stacks[19]->low));
    write_byte(stacks[19]->low - 1);
}

static void locked_memory_gets_protected_guards(void **state)
{
    (void)state;
    static void (*const ways[])(void) = {new_stacks_in_locked_memory,
                                         more_stacks_in_memory_that_became_locked};
    for (size_t i = 0; i < 2; i++) {
        child_result result;
        child_run(ways[i], &result);
        if (child_exited_with(&result, SKIPPED))
            skip();
        assert_true(child_died_of(&result, SIGSEGV));
    }
}

static int reset_limits(void **state)
{
    (void)state;
    yb_guard_limit(YB_GUARD_MARKED, 1000);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_default_guard_faults_over_its_whole_length, reset_limits),
        cmocka_unit_test_setup(marked_guards_add_no_mappings, reset_limits),
        cmocka_unit_test_setup(a_guard_survives_that_the_memory_was_given_back, reset_limits),
        cmocka_unit_test_setup(protected_guards_take_over_where_markers_do_not_work, reset_limits),
        cmocka_unit_test_setup(canaries_take_over_where_the_mappings_are_used_up, reset_limits),
        cmocka_unit_test_setup(a_stack_whose_canary_is_gone_aborts_when_released, reset_limits),
        cmocka_unit_test_setup(locked_memory_gets_protected_guards, reset_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
