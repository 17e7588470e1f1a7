/* Waiting in one call, and the default executors of a loop. */
#include <pthread.h>
#include <semaphore.h>

#include "gate.h"
#include "result.h"

static yibu_executor *new_threads(unsigned workers, const char *name)
{
    const yibu_thread_pool_options options = {
        .size = sizeof(options), .max_workers = workers, .name_prefix = name};
    yibu_executor *e = NULL;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &e), 0);
    return e;
}

static yibu_executor_stats stats_of(yibu_executor *e)
{
    yibu_executor_stats stats = {.size = sizeof(stats)};
    assert_int_equal(yibu_executor_statistics(e, &stats), 0);
    return stats;
}

static intptr_t is_on_thread(void *arg)
{
    char name[16];
    if (pthread_getname_np(pthread_self(), name, sizeof(name)) != 0)
        return -EIO;
    return strncmp(name, arg, strlen(arg)) == 0;
}

/* run_in_executor. */

LOOP_TEST(run_in_executor_runs_on_the_executor_or_on_the_loops_pool)
{
    yibu_executor *e = new_threads(1, "special");
    assert_int_equal(yibu_run_in_executor(e, is_on_thread, "special", NULL), 1);
    assert_int_equal(yibu_run_in_executor(NULL, is_on_thread, "special", NULL), 0);
    assert_int_equal(yibu_run_in_executor(NULL, is_on_thread, "yibu-worker", NULL), 1);
    assert_int_equal(yibu_run_in_executor(e, NULL, NULL, NULL), -EINVAL);
    yibu_executor_free(e);
    return 0;
}

static void run_in_executor_needs_a_task(void **state)
{
    (void)state;
    yibu_executor *e = new_threads(1, NULL);
    assert_int_equal(yibu_run_in_executor(e, return_argument, NULL, NULL), YIBU_ENOTASK);
    assert_int_equal(yibu_run_job_in_executor(e, NULL, (yibu_bytes){0}, NULL, NULL), YIBU_ENOTASK);
    yibu_executor_free(e);
}

typedef struct passing {
    yibu_executor *e;
    gate gate;
    const yibu_submit_options *options;
} passing;

static intptr_t pass_gate_in_executor(void *arg)
{
    passing *p = arg;
    return yibu_run_in_executor(p->e, pass_gate, &p->gate, p->options);
}

LOOP_TEST(a_cancelled_task_waits_for_its_running_function)
{
    passing p = {.e = new_threads(1, NULL)};
    gate_open(&p.gate);
    yibu_task *task = yibu_create_task(pass_gate_in_executor, &p, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&p.gate.started);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_false(yibu_task_done(task));
    sem_post(&p.gate.go);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    yibu_executor_free(p.e);
    gate_close(&p.gate);
    return 0;
}

LOOP_TEST(a_cancelled_task_withdraws_its_function)
{
    passing p = {.e = new_threads(1, NULL)};
    gate_open(&p.gate);
    yibu_task *first = yibu_create_task(pass_gate_in_executor, &p, NULL);
    yibu_task *second = yibu_create_task(pass_gate_in_executor, &p, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&p.gate.started);
    assert_true(yibu_task_cancel(second));
    assert_int_equal(yibu_await(second), -ECANCELED);
    sem_post(&p.gate.go);
    assert_int_equal(yibu_await(first), 0);
    assert_int_equal(stats_of(p.e).done, 1);
    assert_int_equal(stats_of(p.e).cancelled, 1);
    yibu_task_unref(first);
    yibu_task_unref(second);
    yibu_executor_free(p.e);
    gate_close(&p.gate);
    return 0;
}

static sem_t abandoned;

static void note_abandoned(void *arg)
{
    (void)arg;
    sem_post(&abandoned);
}

static void expect_that_it_is_given_up(yibu_executor *e)
{
    const yibu_submit_options options = {sizeof(options), note_abandoned};
    passing p = {.e = e, .options = &options};
    sem_init(&abandoned, 0, 0);
    gate_open(&p.gate);
    yibu_task *task = yibu_create_task(pass_gate_in_executor, &p, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&p.gate.started);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    sem_post(&p.gate.go);
    wait_on(&abandoned);
    gate_close(&p.gate);
    sem_destroy(&abandoned);
}

LOOP_TEST(a_cancelled_task_gives_its_function_up_where_that_is_asked_for)
{
    yibu_executor *e = new_threads(1, NULL);
    expect_that_it_is_given_up(e);
    yibu_executor_free(e);
    expect_that_it_is_given_up(NULL);
    return 0;
}

/* Default executors. */

LOOP_TEST(to_thread_uses_the_executor_that_was_set)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = new_threads(2, "special"), *got = NULL;
    assert_int_equal(yibu_to_thread(is_on_thread, "yibu-worker"), 1);
    assert_int_equal(yibu_loop_set_default_executor(loop, e), 0);
    assert_int_equal(yibu_to_thread(is_on_thread, "special"), 1);
    assert_int_equal(yibu_run_in_executor(NULL, is_on_thread, "special", NULL), 1);
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_THREADS, &got), 0);
    assert_ptr_equal(got, e);
    assert_int_equal(stats_of(e).done, 2);
    yibu_executor *other = new_threads(1, "other");
    assert_int_equal(yibu_loop_set_default_executor(loop, other), 0);
    yibu_executor_free(e);
    assert_int_equal(yibu_to_thread(is_on_thread, "other"), 1);
    assert_int_equal(yibu_loop_shutdown_default_executor(loop, YIBU_FOREVER), 0);
    yibu_executor_free(other);
    return 0;
}

static void note_result(yibu_op *op, ssize_t result)
{
    *(ssize_t *)op->arg = result;
}

static ssize_t await_op(yibu_op *op, ssize_t *result)
{
    (void)op;
    while (*result == -EINPROGRESS)
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    return *result;
}

LOOP_TEST(the_callback_form_uses_it_too)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = new_threads(1, "special");
    ssize_t result = -EINPROGRESS, withdrawn = -EINPROGRESS;
    yibu_op op = {.callback = note_result, .arg = &result};
    yibu_op other = {.callback = note_result, .arg = &withdrawn};
    gate g;
    gate_open(&g);
    assert_int_equal(yibu_loop_set_default_executor(loop, e), 0);
    assert_int_equal(yibu_op_to_thread(loop, &op, pass_gate, &g), 0);
    wait_on(&g.started);
    assert_int_equal(yibu_op_to_thread(loop, &other, return_argument, NULL), 0);
    assert_int_equal(yibu_op_cancel(&other), 0);
    assert_int_equal(await_op(&other, &withdrawn), -ECANCELED);
    sem_post(&g.go);
    assert_int_equal(await_op(&op, &result), 0);
    assert_int_equal(stats_of(e).done, 1);
    yibu_executor_free(e);
    gate_close(&g);
    return 0;
}

LOOP_TEST(a_default_executor_that_is_asked_for_is_made_and_is_the_loops)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = NULL, *again = NULL;
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_THREADS, &e), 0);
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_THREADS, &again), 0);
    assert_ptr_equal(e, again);
    assert_int_equal(yibu_to_thread(return_argument, (void *)4), 4);
    assert_int_equal(stats_of(e).done, 1);
    assert_int_equal(yibu_loop_set_default_executor(loop, e), -EBUSY);
    assert_int_equal(yibu_executor_submit(e, return_argument, NULL, NULL, NULL), 0);
    return 0;
}

static intptr_t answer_in_loop(void *arg)
{
    return (intptr_t)arg;
}

static intptr_t ask_loop(void *arg)
{
    gate *g = arg;
    sem_post(&g->started);
    wait_on(&g->go);
    atomic_store(&g->passed, (int)yibu_from_thread_call(answer_in_loop, NULL));
    return 0;
}

static gate late;

static intptr_t leave_one_behind(void *arg)
{
    (void)arg;
    yibu_executor *e = NULL;
    assert_int_equal(
        yibu_loop_get_default_executor(yibu_get_running_loop(), YIBU_EXECUTOR_THREADS, &e), 0);
    assert_int_equal(yibu_executor_submit(e, ask_loop, &late, NULL, NULL), 0);
    wait_on(&late.started);
    sem_post(&late.go);
    return 0;
}

static void a_loop_ends_while_functions_of_its_executor_call_it(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        gate_open(&late);
        assert_int_equal(yibu_run(leave_one_behind, NULL, NULL), 0);
        int r = late.passed;
        assert_true(r == YIBU_ESHUTDOWN || r == 0);
        gate_close(&late);
    }
}

/* What still runs when the loop ends. */

typedef struct late_end {
    gate gate;
    char message[512];
} late_end;

static void let_it_go(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    late_end *end = arg;
    (void)loop;
    assert_int_equal(code, -ETIMEDOUT);
    (void)snprintf(end->message, sizeof(end->message), "%s", message);
    sem_post(&end->gate.go);
}

static intptr_t leave_one_that_waits(void *arg)
{
    late_end *end = arg;
    yibu_executor *e = NULL;
    assert_int_equal(
        yibu_loop_get_default_executor(yibu_get_running_loop(), YIBU_EXECUTOR_THREADS, &e), 0);
    assert_int_equal(yibu_executor_submit(e, pass_gate, &end->gate, NULL, NULL), 0);
    wait_on(&end->gate.started);
    return 0;
}

static void the_end_of_a_loop_names_what_still_runs_and_waits_for_it(void **state)
{
    (void)state;
    late_end end = {.message = ""};
    const yibu_loop_options options = {.size = sizeof(options),
                                       .exception_handler = let_it_go,
                                       .exception_handler_arg = &end,
                                       .exit_wait_ns = YIBU_MS(5)};
    gate_open(&end.gate);
    assert_int_equal(yibu_run(leave_one_that_waits, &end, &options), 0);
    assert_int_equal(end.gate.passed, 1);
    assert_non_null(strstr(end.message, "what runs: "));
    gate_close(&end.gate);
}

static intptr_t pass_on_a_thread(void *arg)
{
    return yibu_to_thread(pass_gate, arg);
}

static void expect_an_orderly_end(bool made)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = NULL;
    gate g;
    gate_open(&g);
    if (made)
        assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_THREADS, &e), 0);
    yibu_task *task = yibu_create_task(pass_on_a_thread, &g, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&g.started);
    assert_int_equal(yibu_loop_shutdown_default_executor(loop, YIBU_MS(1)), -ETIMEDOUT);
    assert_int_equal(yibu_to_thread(return_argument, NULL), YIBU_ESHUTDOWN);
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_THREADS, &e),
                     YIBU_ESHUTDOWN);
    sem_post(&g.go);
    assert_int_equal(yibu_loop_shutdown_default_executor(loop, YIBU_FOREVER), 0);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    assert_int_equal(yibu_loop_shutdown_default_executor(loop, YIBU_FOREVER), 0);
    gate_close(&g);
}

static void hear_nothing(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    (void)arg;
    assert_int_equal(code, -ETIMEDOUT);
}

LOOP_TEST(shutting_down_waits_for_calls_on_the_loops_own_pool)
{
    expect_an_orderly_end(false);
    return 0;
}

LOOP_TEST(shutting_down_waits_for_calls_on_the_default_executor)
{
    yibu_loop_set_exception_handler(yibu_get_running_loop(), hear_nothing, NULL);
    expect_an_orderly_end(true);
    return 0;
}

LOOP_TEST(wrong_arguments_are_refused)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_executor *e = NULL;
    assert_int_equal(yibu_loop_set_default_executor(loop, NULL), -EINVAL);
    assert_int_equal(yibu_loop_set_default_executor(NULL, NULL), -EINVAL);
    assert_int_equal(yibu_loop_get_default_executor(loop, (yibu_executor_kind)7, &e), -EINVAL);
    assert_int_equal(yibu_loop_get_default_executor(loop, YIBU_EXECUTOR_THREADS, NULL), -EINVAL);
    assert_int_equal(yibu_loop_shutdown_default_executor(NULL, 0), -EINVAL);
    return 0;
}

/* One executor, several loops and threads. */

enum { USERS = 4, EACH = 500 };

static intptr_t use_in_loop(void *arg)
{
    for (intptr_t i = 0; i < EACH; i++)
        assert_int_equal(yibu_run_in_executor(arg, return_argument, (void *)i, NULL), i);
    return 0;
}

static void *run_loop(void *arg)
{
    return (void *)yibu_run(use_in_loop, arg, NULL);
}

static void *use_in_thread(void *arg)
{
    for (intptr_t i = 0; i < EACH; i++) {
        yibu_concurrent_future *future;
        assert_int_equal(yibu_executor_submit(arg, return_argument, (void *)i, NULL, &future), 0);
        assert_int_equal(result_of(future), i);
    }
    return NULL;
}

static void loops_and_threads_share_an_executor(void **state)
{
    (void)state;
    yibu_executor *e = new_threads(2, NULL);
    pthread_t threads[USERS];
    for (int i = 0; i < USERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i % 2 ? run_loop : use_in_thread, e), 0);
    for (int i = 0; i < USERS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(stats_of(e).done, USERS * EACH);
    yibu_executor_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_in_executor_runs_on_the_executor_or_on_the_loops_pool),
        cmocka_unit_test(run_in_executor_needs_a_task),
        cmocka_unit_test(a_cancelled_task_waits_for_its_running_function),
        cmocka_unit_test(a_cancelled_task_withdraws_its_function),
        cmocka_unit_test(a_cancelled_task_gives_its_function_up_where_that_is_asked_for),
        cmocka_unit_test(to_thread_uses_the_executor_that_was_set),
        cmocka_unit_test(the_callback_form_uses_it_too),
        cmocka_unit_test(a_default_executor_that_is_asked_for_is_made_and_is_the_loops),
        cmocka_unit_test(a_loop_ends_while_functions_of_its_executor_call_it),
        cmocka_unit_test(the_end_of_a_loop_names_what_still_runs_and_waits_for_it),
        cmocka_unit_test(shutting_down_waits_for_calls_on_the_loops_own_pool),
        cmocka_unit_test(shutting_down_waits_for_calls_on_the_default_executor),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(loops_and_threads_share_an_executor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
