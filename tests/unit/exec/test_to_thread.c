/* Functions on threads, from tasks: results, order, cancels, time limits. */
#include <unistd.h>

#include "gate.h"

LOOP_TEST(the_result_is_what_the_function_returned)
{
    int object;
    assert_int_equal(yibu_to_thread(return_argument, (void *)7), 7);
    assert_int_equal(yibu_to_thread(return_argument, (void *)-EIO), -EIO);
    assert_int_equal(yibu_to_thread(return_argument, (void *)-65535), -65535);
    assert_int_equal(yibu_to_thread(return_argument, &object), (intptr_t)&object);
    assert_int_equal(yibu_to_thread(return_argument, NULL), 0);
    return 0;
}

static intptr_t thread_id(void *arg)
{
    (void)arg;
    return gettid();
}

LOOP_TEST(the_function_runs_on_another_thread)
{
    intptr_t worker = yibu_to_thread(thread_id, NULL);
    assert_true(worker > 0);
    assert_int_not_equal(worker, gettid());
    return 0;
}

LOOP_TEST(a_function_is_needed)
{
    assert_int_equal(yibu_to_thread(NULL, NULL), -EINVAL);
    return 0;
}

static void only_a_task_can_wait_for_a_thread(void **state)
{
    (void)state;
    assert_int_equal(yibu_to_thread(return_argument, NULL), YIBU_ENOTASK);
}

static intptr_t read_one_byte(void *arg)
{
    char byte;
    return read(*(int *)arg, &byte, 1) == 1 ? byte : -EIO;
}

static intptr_t read_one_byte_on_a_thread(void *arg)
{
    return yibu_to_thread(read_one_byte, arg);
}

LOOP_TEST(the_loop_goes_on_while_a_function_blocks)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    yibu_task *reader = yibu_create_task(read_one_byte_on_a_thread, &ends[0], NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_false(yibu_task_done(reader));
    assert_int_equal(yibu_write(ends[1], "x", 1), 1);
    assert_int_equal(yibu_await(reader), 'x');
    yibu_task_unref(reader);
    assert_int_equal(yibu_close(ends[0]), 0);
    assert_int_equal(yibu_close(ends[1]), 0);
    return 0;
}

static intptr_t call_a_hundred_times(void *arg)
{
    intptr_t first = (intptr_t)arg;
    for (intptr_t i = first; i < first + 100; i++)
        assert_int_equal(yibu_to_thread(return_argument, (void *)i), i);
    return 0;
}

LOOP_TEST(a_hundred_tasks_call_a_hundred_times_and_get_their_own_results)
{
    yibu_task *tasks[100];
    for (intptr_t i = 0; i < 100; i++)
        tasks[i] = yibu_create_task(call_a_hundred_times, (void *)(i * 1000), NULL);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

/* More than the ring of the pool holds, so that the rest waits outside. */
THREADS_TEST(1, first_come_first_served_however_many_come)
{
    enum { CALLS = 3000 };
    gate g;
    gate_open(&g);
    yibu_task **tasks = calloc(CALLS, sizeof(*tasks));
    for (int i = 0; i < CALLS; i++)
        tasks[i] = yibu_create_task(pass_gate_on_a_thread, &g, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    for (int i = 0; i < CALLS; i++)
        sem_post(&g.go);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(yibu_await(tasks[i]), i);
        yibu_task_unref(tasks[i]);
    }
    free(tasks);
    gate_close(&g);
    return 0;
}

/* One function that keeps the only thread busy until end_blocker. */
static yibu_task *start_blocker(gate *g)
{
    gate_open(g);
    yibu_task *task = yibu_create_task(pass_gate_on_a_thread, g, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&g->started);
    return task;
}

static void end_blocker(gate *g, yibu_task *task)
{
    sem_post(&g->go);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    gate_close(g);
}

static intptr_t set_flag(void *arg)
{
    *(bool *)arg = true;
    return 0;
}

static intptr_t set_flag_on_a_thread(void *arg)
{
    return yibu_to_thread(set_flag, arg);
}

THREADS_TEST(1, a_cancelled_function_that_has_not_started_never_runs)
{
    gate g;
    yibu_task *blocker = start_blocker(&g);
    bool ran = false;
    yibu_task *task = yibu_create_task(set_flag_on_a_thread, &ran, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    end_blocker(&g, blocker);
    assert_int_equal(yibu_to_thread(return_argument, (void *)1), 1);
    assert_false(ran);
    return 0;
}

THREADS_TEST(1, thousands_of_cancelled_calls_leave_the_line_in_order)
{
    enum { CALLS = 3000 };
    gate g, own;
    gate_open(&own);
    yibu_task *blocker = start_blocker(&g);
    yibu_task **tasks = calloc(CALLS, sizeof(*tasks));
    for (int i = 0; i < CALLS; i++)
        tasks[i] = yibu_create_task(pass_gate_on_a_thread, &own, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    for (int i = 0; i < CALLS; i++)
        if (i % 3 != 0)
            yibu_task_cancel(tasks[i]);
    for (int i = 0; i < CALLS; i++)
        sem_post(&own.go);
    end_blocker(&g, blocker);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(yibu_await(tasks[i]), i % 3 == 0 ? i / 3 : -ECANCELED);
        yibu_task_unref(tasks[i]);
    }
    free(tasks);
    gate_close(&own);
    return 0;
}

THREADS_TEST(1, a_line_in_which_everything_was_cancelled_goes_on)
{
    enum { CALLS = 1500 };
    gate g;
    yibu_task *blocker = start_blocker(&g);
    yibu_task **tasks = calloc(CALLS, sizeof(*tasks));
    for (int i = 0; i < CALLS; i++)
        tasks[i] = yibu_create_task(return_argument_on_a_thread, NULL, NULL);
    yibu_task *last = yibu_create_task(return_argument_on_a_thread, (void *)5, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    for (int i = CALLS - 1; i >= 0; i--)
        yibu_task_cancel(tasks[i]);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(yibu_await(tasks[i]), -ECANCELED);
        yibu_task_unref(tasks[i]);
    }
    end_blocker(&g, blocker);
    assert_int_equal(yibu_await(last), 5);
    yibu_task_unref(last);
    free(tasks);
    return 0;
}

LOOP_TEST(a_cancelled_function_that_runs_is_waited_for_and_its_result_returned)
{
    gate g;
    yibu_task *task = start_blocker(&g);
    yibu_task_cancel(task);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(task));
    end_blocker(&g, task);
    return 0;
}

LOOP_TEST(a_cancelled_task_does_not_start_a_function)
{
    bool ran = false;
    yibu_task *task = yibu_create_task(set_flag_on_a_thread, &ran, NULL);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(yibu_to_thread(return_argument, NULL), 0);
    assert_false(ran);
    return 0;
}

THREADS_TEST(1, a_time_limit_withdraws_a_function_that_waits_in_line)
{
    gate g;
    yibu_task *blocker = start_blocker(&g);
    bool ran = false;
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(2));
    assert_int_equal(yibu_timeout_end(&limit, yibu_to_thread(set_flag, &ran)), -ETIMEDOUT);
    end_blocker(&g, blocker);
    assert_int_equal(yibu_to_thread(return_argument, NULL), 0);
    assert_false(ran);
    return 0;
}

typedef struct late_call {
    gate g;
    yibu_timeout limit;
} late_call;

/* Lets the time limit pass once the function runs, and the function return after that. */
static intptr_t expire_then_let_go(void *arg)
{
    late_call *call = arg;
    wait_on(&call->g.started);
    assert_int_equal(yibu_timeout_reschedule(&call->limit, 0), 0);
    while (!yibu_timeout_expired(&call->limit))
        assert_int_equal(yibu_sleep(0), 0);
    sem_post(&call->g.go);
    return 0;
}

LOOP_TEST(a_function_that_outlives_its_time_limit_is_waited_for)
{
    late_call call;
    gate_open(&call.g);
    yibu_timeout_begin(&call.limit, YIBU_FOREVER);
    assert_int_equal(yibu_spawn(expire_then_let_go, &call), 0);
    assert_int_equal(yibu_timeout_end(&call.limit, yibu_to_thread(pass_gate, &call.g)), 0);
    gate_close(&call.g);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_result_is_what_the_function_returned),
        cmocka_unit_test(the_function_runs_on_another_thread),
        cmocka_unit_test(a_function_is_needed),
        cmocka_unit_test(only_a_task_can_wait_for_a_thread),
        cmocka_unit_test(the_loop_goes_on_while_a_function_blocks),
        cmocka_unit_test(a_hundred_tasks_call_a_hundred_times_and_get_their_own_results),
        cmocka_unit_test(first_come_first_served_however_many_come),
        cmocka_unit_test(a_cancelled_function_that_has_not_started_never_runs),
        cmocka_unit_test(thousands_of_cancelled_calls_leave_the_line_in_order),
        cmocka_unit_test(a_line_in_which_everything_was_cancelled_goes_on),
        cmocka_unit_test(a_cancelled_function_that_runs_is_waited_for_and_its_result_returned),
        cmocka_unit_test(a_cancelled_task_does_not_start_a_function),
        cmocka_unit_test(a_time_limit_withdraws_a_function_that_waits_in_line),
        cmocka_unit_test(a_function_that_outlives_its_time_limit_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
