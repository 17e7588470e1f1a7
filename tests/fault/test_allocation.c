/* The nth allocation fails, for every n: the program sees -ENOMEM or manages without, and gives
 * back all it took.  Each n is a process, since an allocator is chosen once. */
#include "process.h"

#include <limits.h>
#include <stdatomic.h>

#include "everything.h"

/* An allocator that counts, marks what is its own, and fails on demand. */

typedef struct block {
    uint64_t mark;
    size_t size;
} block;

enum { ALIVE = 0x600d600d, FREED = 0x0badf00d };

static struct {
    atomic_long calls, alive;
    long fail_from, fail_to; /* numbers of the calls that fail */
} counting;

static bool fails(void)
{
    long number = atomic_fetch_add(&counting.calls, 1);
    return number >= counting.fail_from && number < counting.fail_to;
}

static block *block_of(void *memory)
{
    block *b = (block *)memory - 1;
    if (b->mark != ALIVE) {
        fprintf(stderr, "memory was given back twice, or never taken\n");
        abort();
    }
    return b;
}

static void *allocate(size_t size, void *arg)
{
    (void)arg;
    if (fails())
        return NULL;
    block *b = malloc(sizeof(*b) + size);
    if (!b)
        abort();
    *b = (block){ALIVE, size};
    memset(b + 1, 0xa5, size);
    counting.alive++;
    return b + 1;
}

static void release(void *memory, void *arg)
{
    (void)arg;
    if (!memory)
        return;
    block *b = block_of(memory);
    memset(memory, 0x5a, b->size);
    b->mark = FREED;
    counting.alive--;
    free(b);
}

static void *reallocate(void *memory, size_t size, void *arg)
{
    if (!memory)
        return allocate(size, arg);
    size_t before = block_of(memory)->size;
    void *moved = allocate(size, arg);
    if (!moved)
        return NULL;
    memcpy(moved, memory, before < size ? before : size);
    release(memory, arg);
    return moved;
}

static void use_counting_allocator(long fail_from, long fail_to)
{
    const yibu_allocator allocator = {allocate, reallocate, release, NULL};
    counting.fail_from = fail_from;
    counting.fail_to = fail_to;
    assert_int_equal(yibu_set_allocator(&allocator), 0);
}

/* Exit statuses: it worked, or said that there was no memory. */
enum { WORKED = 0, NO_MEMORY = 1 };

static int run_and_balance(void)
{
    alarm(20 * YB_TEST_SLOWDOWN); /* a hang is a failure of its own */
    intptr_t result = everything_run();
    if (result != 0 && result != -ENOMEM) {
        fprintf(stderr, "the program failed with %s\n", yibu_error_name(result));
        return 2;
    }
    if (counting.alive != 0) {
        fprintf(stderr, "%ld blocks were not given back\n", (long)counting.alive);
        return 3;
    }
    return result == 0 ? WORKED : NO_MEMORY;
}

static int run_counting(void *arg)
{
    (void)arg;
    use_counting_allocator(LONG_MAX, LONG_MAX);
    int status = run_and_balance();
    fprintf(stderr, "calls: %ld\n", (long)counting.calls);
    return status;
}

static long count_calls(void)
{
    test_result result;
    test_in_process(run_counting, NULL, &result);
    assert_true(test_exited(&result, WORKED));
    const char *calls = strstr(result.said, "calls: ");
    assert_non_null(calls);
    return strtol(calls + strlen("calls: "), NULL, 10);
}

static void the_program_gives_back_all_it_took(void **state)
{
    (void)state;
    assert_true(count_calls() > 20);
}

typedef struct failure {
    long from, to;
} failure;

static int run_failing(void *arg)
{
    const failure *f = arg;
    use_counting_allocator(f->from, f->to);
    return run_and_balance();
}

static bool check(const failure *f)
{
    test_result result;
    test_in_process(run_failing, (void *)(uintptr_t)f, &result);
    if (WIFEXITED(result.status) && WEXITSTATUS(result.status) <= NO_MEMORY)
        return WEXITSTATUS(result.status) == NO_MEMORY;
    fprintf(stderr, "allocation %ld failed: ", f->from);
    assert_true(test_exited(&result, NO_MEMORY));
    return false;
}

/* Under Valgrind every process takes long: then every few allocations only. */
enum { STEP = YB_TEST_SLOWDOWN > 3 ? 5 : 1 };

static void any_one_failing_allocation_is_a_clean_error(void **state)
{
    (void)state;
    long calls = count_calls();
    int failed = 0;
    for (long n = 0; n < calls + 2; n += STEP)
        failed += check(&(failure){n, n + 1});
    assert_true(failed > 10 / STEP);
}

static void failing_for_good_from_any_allocation_on_is_a_clean_error(void **state)
{
    (void)state;
    long calls = count_calls();
    for (long n = 0; n < calls; n += STEP)
        (void)check(&(failure){n, LONG_MAX});
    assert_true(check(&(failure){0, LONG_MAX}));
}

static void the_allocator_is_chosen_before_anything_is_allocated(void **state)
{
    (void)state;
    const yibu_allocator allocator = {allocate, reallocate, release, NULL};
    const yibu_allocator partial = {allocate, NULL, release, NULL};
    assert_int_equal(yibu_set_allocator(&partial), -EINVAL);
    assert_int_equal(everything_run(), 0);
    assert_int_equal(yibu_set_allocator(&allocator), -EBUSY);
    assert_int_equal(yibu_set_allocator(NULL), -EBUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_gives_back_all_it_took),
        cmocka_unit_test(any_one_failing_allocation_is_a_clean_error),
        cmocka_unit_test(failing_for_good_from_any_allocation_on_is_a_clean_error),
        cmocka_unit_test(the_allocator_is_chosen_before_anything_is_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
