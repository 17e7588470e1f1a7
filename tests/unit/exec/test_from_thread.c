/* Functions on threads and the loop that asked: calls back into it, what they know of cancels, and
 * the task's values. */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "gate.h"
#include "result.h"

static intptr_t thread_id(void *arg)
{
    (void)arg;
    return gettid();
}

static intptr_t sleep_and_add(void *arg)
{
    assert_non_null(yibu_current_task());
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    return (intptr_t)arg + gettid();
}

static intptr_t call_back(void *arg)
{
    assert_int_not_equal(yibu_from_thread_call(thread_id, NULL), gettid());
    return yibu_from_thread_call(sleep_and_add, arg);
}

LOOP_TEST(a_function_calls_a_coroutine_of_its_loop_and_gets_the_result)
{
    assert_int_equal(yibu_to_thread(call_back, (void *)1000), 1000 + gettid());
    return 0;
}

static intptr_t fail_after_a_while(void *arg)
{
    (void)arg;
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    return -EIO;
}

static intptr_t call_what_fails(void *arg)
{
    (void)arg;
    return yibu_from_thread_call(fail_after_a_while, NULL);
}

LOOP_TEST(the_coroutines_failure_is_the_calls)
{
    assert_int_equal(yibu_to_thread(call_what_fails, NULL), -EIO);
    return 0;
}

/* There and back, as deep as depth. */

static intptr_t back_and_forth(void *arg);

static intptr_t forth(void *arg)
{
    return yibu_from_thread_call(back_and_forth, arg);
}

static intptr_t back_and_forth(void *arg)
{
    intptr_t depth = (intptr_t)arg;
    return depth == 0 ? 100 : 1 + yibu_to_thread(forth, (void *)(depth - 1));
}

THREADS_TEST(1, calls_there_and_back_are_nested_however_few_threads_there_are)
{
    assert_int_equal(yibu_to_thread(forth, (void *)10), 110);
    assert_int_equal(yibu_to_thread(forth, (void *)10), 110);
    return 0;
}

static intptr_t nested_loop_body(void *arg)
{
    (void)arg;
    assert_int_equal(yibu_from_thread_call(thread_id, NULL), YIBU_ENOTHREAD);
    assert_int_equal(yibu_check_cancelled(), 0);
    return yibu_to_thread(call_back, NULL) == gettid() ? 5 : -EIO;
}

static intptr_t run_a_loop_within(void *arg)
{
    (void)arg;
    intptr_t result = yibu_run(nested_loop_body, NULL, NULL);
    return result == 5 ? yibu_from_thread_call(thread_id, NULL) : result;
}

LOOP_TEST(a_function_may_run_a_loop_of_its_own_meanwhile)
{
    assert_int_equal(yibu_to_thread(run_a_loop_within, NULL), gettid());
    return 0;
}

LOOP_TEST(tasks_have_no_way_back)
{
    assert_int_equal(yibu_from_thread_call(thread_id, NULL), YIBU_ENOTHREAD);
    assert_int_equal(yibu_check_cancelled(), 0);
    assert_int_equal(yibu_from_thread_call(NULL, NULL), -EINVAL);
    return 0;
}

static intptr_t try_to_call_back(void *arg)
{
    (void)arg;
    assert_int_equal(yibu_check_cancelled(), 0);
    return yibu_from_thread_call(thread_id, NULL);
}

static void without_a_loop_there_is_no_way_back(void **state)
{
    (void)state;
    assert_int_equal(yibu_from_thread_call(thread_id, NULL), YIBU_ENOTHREAD);
    assert_int_equal(yibu_check_cancelled(), YIBU_ENOTASK);
    yibu_executor *executor;
    yibu_concurrent_future *future;
    assert_int_equal(yibu_thread_pool_executor_new(NULL, &executor), 0);
    assert_int_equal(yibu_executor_submit(executor, try_to_call_back, NULL, NULL, &future), 0);
    assert_int_equal(result_of(future), YIBU_ENOTHREAD);
    yibu_executor_free(executor);
}

LOOP_TEST(an_executors_function_calls_back_into_the_loop_that_submitted_it)
{
    yibu_executor *executor;
    yibu_concurrent_future *future;
    assert_int_equal(yibu_thread_pool_executor_new(NULL, &executor), 0);
    assert_int_equal(yibu_executor_submit(executor, call_back, (void *)7, NULL, &future), 0);
    assert_int_equal(result_of(future), 7 + gettid());
    yibu_executor_free(executor);
    return 0;
}

/* Cancels. */

typedef struct cancelled {
    sem_t started;
    intptr_t before, after;
    intptr_t called_back;
} cancelled;

static intptr_t run_until_cancelled(void *arg)
{
    cancelled *c = arg;
    c->before = yibu_check_cancelled();
    sem_post(&c->started);
    while ((c->after = yibu_check_cancelled()) == 0)
        sched_yield();
    c->called_back = yibu_from_thread_call(thread_id, NULL);
    return 3;
}

static intptr_t await_a_function(void *arg)
{
    return yibu_to_thread(run_until_cancelled, arg);
}

LOOP_TEST(a_function_hears_of_the_cancel_and_may_still_call_back)
{
    cancelled c = {0};
    sem_init(&c.started, 0, 0);
    yibu_task *task = yibu_create_task(await_a_function, &c, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&c.started);
    assert_int_equal(yibu_task_cancel(task), true);
    assert_int_equal(yibu_await(task), 3);
    yibu_task_unref(task);
    assert_int_equal(c.before, 0);
    assert_int_equal(c.after, -ECANCELED);
    assert_int_equal(c.called_back, gettid());
    sem_destroy(&c.started);
    return 0;
}

/* A function that was given up, and outlives its loop. */

typedef struct outlived {
    sem_t started, go, released;
    intptr_t checked, called_back;
} outlived;

static intptr_t outlive_the_loop(void *arg)
{
    outlived *o = arg;
    sem_post(&o->started);
    wait_on(&o->go);
    o->checked = yibu_check_cancelled();
    o->called_back = yibu_from_thread_call(thread_id, NULL);
    return 0;
}

static void note_release(void *arg)
{
    sem_post(&((outlived *)arg)->released);
}

typedef struct giving_up {
    yibu_executor *executor;
    outlived *o;
} giving_up;

static intptr_t give_a_function_up(void *arg)
{
    giving_up *g = arg;
    const yibu_submit_options options = {.size = sizeof(options),
                                         .abandon_on_cancel = note_release};
    yibu_concurrent_future *future;
    assert_int_equal(yibu_executor_submit(g->executor, outlive_the_loop, g->o, &options, &future),
                     0);
    wait_on(&g->o->started);
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(result_of(future), -ECANCELED);
    return 0;
}

static void a_function_that_was_given_up_does_not_reach_a_loop_that_has_gone(void **state)
{
    (void)state;
    outlived o = {0};
    sem_init(&o.started, 0, 0);
    sem_init(&o.go, 0, 0);
    sem_init(&o.released, 0, 0);
    giving_up g = {NULL, &o};
    assert_int_equal(yibu_thread_pool_executor_new(NULL, &g.executor), 0);
    assert_int_equal(yibu_run(give_a_function_up, &g, NULL), 0);
    sem_post(&o.go);
    wait_on(&o.released);
    yibu_executor_free(g.executor);
    assert_int_equal(o.checked, -ECANCELED);
    assert_int_equal(o.called_back, -ECANCELED);
    sem_destroy(&o.started);
    sem_destroy(&o.go);
    sem_destroy(&o.released);
}

/* A loop that ends while a function asks it for something. */

typedef struct end_call {
    yibu_op op;
    gate g;
    intptr_t result;
} end_call;

static intptr_t call_back_at_the_end(void *arg)
{
    end_call *c = arg;
    sem_post(&c->g.started);
    wait_on(&c->g.go);
    return yibu_from_thread_call(thread_id, NULL);
}

static void note_result(yibu_op *op, ssize_t result)
{
    ((end_call *)(void *)op)->result = result;
}

static void a_call_back_into_a_loop_that_ends_is_not_lost(void **state)
{
    (void)state;
    end_call c = {.op = {.callback = note_result}};
    gate_open(&c.g);
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(yibu_op_to_thread(loop, &c.op, call_back_at_the_end, &c), 0);
    wait_on(&c.g.started);
    sem_post(&c.g.go);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(c.result, YIBU_ESHUTDOWN);
    gate_close(&c.g);
}

/* Values. */

static yibu_local name = YIBU_LOCAL_INIT(NULL);
static yibu_local owned = YIBU_LOCAL_INIT(free);

static intptr_t see_in_the_loop(void *arg)
{
    (void)arg;
    return yibu_local_get(&name) == (void *)&name;
}

static intptr_t see_on_a_thread(void *arg)
{
    (void)arg;
    assert_ptr_equal(yibu_local_get(&name), &name);
    assert_string_equal(yibu_local_get(&owned), "value");
    assert_int_equal(yibu_local_set(&name, NULL), YIBU_ENOTASK);
    return yibu_from_thread_call(see_in_the_loop, NULL);
}

static intptr_t see_nothing(void *arg)
{
    (void)arg;
    return yibu_local_get(&name) != NULL;
}

static intptr_t see_nothing_on_a_thread(void *arg)
{
    (void)arg;
    assert_int_equal(yibu_local_set(&name, NULL), 0);
    return yibu_to_thread(see_nothing, NULL);
}

LOOP_TEST(a_function_sees_the_values_of_the_task_that_asked)
{
    assert_int_equal(yibu_local_set(&name, &name), 0);
    assert_int_equal(yibu_local_set(&owned, strdup("value")), 0);
    assert_int_equal(yibu_to_thread(see_on_a_thread, NULL), 1);
    yibu_task *other = yibu_create_task(see_nothing_on_a_thread, NULL, NULL);
    assert_int_equal(yibu_await(other), 0);
    yibu_task_unref(other);
    yibu_executor *executor;
    yibu_concurrent_future *future;
    assert_int_equal(yibu_thread_pool_executor_new(NULL, &executor), 0);
    assert_int_equal(yibu_executor_submit(executor, see_on_a_thread, NULL, NULL, &future), 0);
    assert_int_equal(result_of(future), 1);
    yibu_executor_free(executor);
    return 0;
}

/* The task sets and ends while functions that it submitted still see what was there. */

static intptr_t see_value(void *arg)
{
    gate *g = arg;
    (void)pass_gate(g);
    const char *value = yibu_local_get(&owned);
    return value && strcmp(value, "first") == 0;
}

typedef struct submissions {
    yibu_executor *executor;
    gate g;
    yibu_concurrent_future *futures[4];
} submissions;

static intptr_t submit_and_set(void *arg)
{
    submissions *s = arg;
    assert_int_equal(yibu_local_set(&owned, strdup("first")), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(yibu_executor_submit(s->executor, see_value, &s->g, NULL, &s->futures[i]),
                         0);
    assert_int_equal(yibu_local_set(&owned, strdup("second")), 0);
    assert_string_equal(yibu_local_get(&owned), "second");
    return 0;
}

static void values_stay_while_functions_see_them(void **state)
{
    (void)state;
    submissions s;
    gate_open(&s.g);
    assert_int_equal(yibu_thread_pool_executor_new(NULL, &s.executor), 0);
    assert_int_equal(yibu_run(submit_and_set, &s, NULL), 0);
    for (int i = 0; i < 4; i++)
        sem_post(&s.g.go);
    for (int i = 0; i < 4; i++)
        assert_int_equal(result_of(s.futures[i]), 1);
    yibu_executor_free(s.executor);
    gate_close(&s.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_calls_a_coroutine_of_its_loop_and_gets_the_result),
        cmocka_unit_test(the_coroutines_failure_is_the_calls),
        cmocka_unit_test(calls_there_and_back_are_nested_however_few_threads_there_are),
        cmocka_unit_test(a_function_may_run_a_loop_of_its_own_meanwhile),
        cmocka_unit_test(tasks_have_no_way_back),
        cmocka_unit_test(without_a_loop_there_is_no_way_back),
        cmocka_unit_test(an_executors_function_calls_back_into_the_loop_that_submitted_it),
        cmocka_unit_test(a_function_hears_of_the_cancel_and_may_still_call_back),
        cmocka_unit_test(a_function_that_was_given_up_does_not_reach_a_loop_that_has_gone),
        cmocka_unit_test(a_call_back_into_a_loop_that_ends_is_not_lost),
        cmocka_unit_test(a_function_sees_the_values_of_the_task_that_asked),
        cmocka_unit_test(values_stay_while_functions_see_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
