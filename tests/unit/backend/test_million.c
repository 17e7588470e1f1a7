/* A million tasks asleep at once, and what each of them costs. */
#include "test.h"

#include <errno.h>
#include <unistd.h>

static int64_t resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static intptr_t sleep_long(void *arg)
{
    int r = yibu_sleep(YIBU_SECONDS(100000));
    ++*(int *)arg;
    return r;
}

static intptr_t start_sleepers(void *arg)
{
    int count = *(int *)arg, ended = 0;
    yibu_task **tasks = malloc((size_t)count * sizeof(*tasks));
    memset(tasks, 0, (size_t)count * sizeof(*tasks));
    int64_t before = resident_bytes();
    for (int i = 0; i < count; i++) {
        tasks[i] = yibu_create_task(sleep_long, &ended, NULL);
        assert_non_null(tasks[i]);
    }
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    int64_t each = (resident_bytes() - before) / count;
    print_message("%d sleeping tasks, %d bytes each\n", count, (int)each);
    assert_int_equal(ended, 0);
    for (int i = 0; i < count; i++)
        yibu_task_cancel(tasks[i]);
    for (int i = 0; i < count; i++) {
        assert_int_equal(yibu_await(tasks[i]), -ECANCELED);
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(ended, count);
    free(tasks);
    return each;
}

/* One page of stack and at most half a KiB besides. */
static void a_million_sleeping_tasks_cost_four_and_a_half_kib_each(void **state)
{
    (void)state;
    int count = YB_TEST_SLOWDOWN > 1 ? 2000 : 1000000;
    int64_t available = (int64_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (available < (int64_t)count * 6000) {
        print_message("too little memory is free for %d tasks\n", count);
        count = 1000;
    }
    intptr_t each = yibu_run(start_sleepers, &count, NULL);
    assert_true(each > 0);
    if (YB_TEST_SLOWDOWN == 1)
        assert_true(each <= 4608);
}

int main(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_sleeping_tasks_cost_four_and_a_half_kib_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
