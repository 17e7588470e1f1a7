/* A constructor that calls a job: it runs in each run of the program, the workers' too. */
#include "executors.h"

enum { DEPTH_MOST = 2 }; /* runs within runs; without an end there would be no room for a test */

static intptr_t early;

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

static intptr_t tell_early(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return early;
}
YIBU_JOB(tell_early);

static intptr_t call_early(void *arg)
{
    (void)arg;
    return call(&tell_pid_job, NOTHING);
}

__attribute__((constructor)) static void construct(void)
{
    const char *text = getenv("DEPTH");
    char depth[] = {text ? (char)(text[0] + 1) : '0', '\0'};
    if (depth[0] > '0' + DEPTH_MOST)
        _exit(1);
    setenv("DEPTH", depth, 1);
    early = yibu_run(call_early, NULL, NULL);
}

LOOP_TEST(constructor_may_call_a_job_but_not_in_a_worker)
{
    assert_true(early > 0 && early != getpid());
    assert_int_equal(call(&tell_early_job, NOTHING), -EDEADLK);
    return 0;
}

static void neither_in_one_that_is_a_run_of_its_own(void **state)
{
    (void)state;
    yibu_executor *executor =
        executor_new((yibu_process_pool_options){.start_method = YIBU_START_SPAWN});
    assert_int_equal(run_job(executor, &tell_early_job, NOTHING), -EDEADLK);
    yibu_executor_free(executor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constructor_may_call_a_job_but_not_in_a_worker),
        cmocka_unit_test(neither_in_one_that_is_a_run_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
