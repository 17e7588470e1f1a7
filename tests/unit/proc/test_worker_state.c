/* When a worker's process is put back after a short job: long ones are looked after anyway
 * (test_worker_misbehaviour.c). */
#include "jobs.h"

#include <sys/stat.h>

/* Tells the umask, in as many microseconds as that takes; changes it, where there is an input. */
static intptr_t tell_umask(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    mode_t found = umask(0);
    umask(input.size > 0 ? 0777 : found);
    return found;
}
YIBU_JOB(tell_umask);

/* The same by another name, whose trust is its own. */
static intptr_t see_umask(yibu_bytes input, yibu_buffer *output)
{
    return tell_umask(input, output);
}
YIBU_JOB(see_umask);

enum { CALLS = 40 /* that earn trust */ };

static intptr_t run_with_one_worker(intptr_t (*fn)(void *arg))
{
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    return yibu_run(fn, NULL, &options);
}

static void earn_trust(intptr_t before)
{
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(call(&tell_umask_job, NOTHING), before);
        assert_int_equal(call(&see_umask_job, NOTHING), before);
    }
}

static intptr_t change_first(void *arg)
{
    (void)arg;
    intptr_t before = call(&see_umask_job, NOTHING);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(call(&tell_umask_job, TEXT("change")), before);
        assert_int_equal(call(&see_umask_job, NOTHING), before);
    }
    return 0;
}

static void job_that_always_changes_something_is_never_noticed(void **state)
{
    (void)state;
    assert_int_equal(run_with_one_worker(change_first), 0);
}

static intptr_t change_late(void *arg)
{
    (void)arg;
    intptr_t before = call(&see_umask_job, NOTHING);
    earn_trust(before);
    assert_int_equal(call(&tell_umask_job, TEXT("change")), before);
    assert_int_equal(yibu_sleep(YIBU_MS(100)), 0);
    assert_int_equal(call(&see_umask_job, NOTHING), before);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(call(&tell_umask_job, TEXT("change")), before);
        assert_int_equal(call(&see_umask_job, NOTHING), before);
    }
    return 0;
}

static void trusted_job_that_changes_something_is_looked_after_from_then_on(void **state)
{
    (void)state;
    assert_int_equal(run_with_one_worker(change_late), 0);
}

static intptr_t change_among_others(void *arg)
{
    (void)arg;
    intptr_t before = call(&see_umask_job, NOTHING);
    earn_trust(before);
    assert_int_equal(call(&tell_umask_job, TEXT("change")), before);
    int64_t end_ns = yibu_loop_time(yibu_get_running_loop()) + YIBU_MS(20);
    do
        call(&see_umask_job, NOTHING);
    while (yibu_loop_time(yibu_get_running_loop()) < end_ns);
    assert_int_equal(call(&see_umask_job, NOTHING), before);
    return 0;
}

static void worker_that_is_busy_looks_after_trusted_jobs_in_time(void **state)
{
    (void)state;
    assert_int_equal(run_with_one_worker(change_among_others), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_that_always_changes_something_is_never_noticed),
        cmocka_unit_test(trusted_job_that_changes_something_is_looked_after_from_then_on),
        cmocka_unit_test(worker_that_is_busy_looks_after_trusted_jobs_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
