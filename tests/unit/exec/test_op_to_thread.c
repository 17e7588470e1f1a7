/* Functions on threads, in the callback form, without any task. */
#include <pthread.h>
#include <sched.h>

#include "exec/returns.h"
#include "exec/thread_pool.h"
#include "gate.h"

/* An operation that notes how it ended. */
typedef struct call {
    yibu_op op; /* first: its callback converts by cast */
    int calls;
    ssize_t result;
} call;

static void note_end(yibu_op *op, ssize_t result)
{
    call *c = (call *)op;
    c->calls++;
    c->result = result;
}

static yibu_loop *new_loop(unsigned max_threads)
{
    yibu_loop_options options = {.size = sizeof(options), .max_threads = max_threads};
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    return loop;
}

static void run_until_called(yibu_loop *loop, const call *c)
{
    while (c->calls == 0)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
}

static void the_callback_receives_the_result_from_the_loop(void **state)
{
    (void)state;
    yibu_loop *loop = new_loop(0);
    call c = {.op = {.callback = note_end}};
    assert_int_equal(yibu_op_to_thread(loop, &c.op, return_argument, (void *)42), 0);
    assert_int_equal(c.calls, 0);
    run_until_called(loop, &c);
    assert_int_equal(c.result, 42);
    assert_int_equal(yibu_op_cancel(&c.op), -EALREADY);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    assert_int_equal(c.calls, 1);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void a_start_that_fails_never_calls_back(void **state)
{
    (void)state;
    yibu_loop *loop = new_loop(0);
    call c = {.op = {.callback = note_end}};
    assert_int_equal(yibu_op_to_thread(loop, &c.op, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_op_to_thread(NULL, &c.op, return_argument, NULL), -EINVAL);
    c.op.callback = NULL;
    assert_int_equal(yibu_op_to_thread(loop, &c.op, return_argument, NULL), -EINVAL);
    assert_int_equal(yibu_op_to_thread(loop, NULL, return_argument, NULL), -EINVAL);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    assert_int_equal(c.calls, 0);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void ten_thousand_calls_at_once_return_each_its_own_result(void **state)
{
    (void)state;
    enum { CALLS = 10000 };
    yibu_loop *loop = new_loop(0);
    call *calls = calloc(CALLS, sizeof(*calls));
    for (intptr_t i = 0; i < CALLS; i++) {
        calls[i].op.callback = note_end;
        assert_int_equal(yibu_op_to_thread(loop, &calls[i].op, return_argument, (void *)i), 0);
    }
    for (int i = 0; i < CALLS; i++)
        run_until_called(loop, &calls[i]);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(calls[i].calls, 1);
        assert_int_equal(calls[i].result, i);
    }
    assert_int_equal(yibu_loop_free(loop), 0);
    free(calls);
}

enum { REPEATS = 1000 };

static void start_again(yibu_op *op, ssize_t result)
{
    note_end(op, result);
    if (result < REPEATS)
        assert_int_equal(yibu_op_to_thread(yibu_get_running_loop(), op, return_argument,
                                           (void *)(result + 1)),
                         0);
}

static void an_operation_may_be_started_again_from_its_callback(void **state)
{
    (void)state;
    yibu_loop *loop = new_loop(0);
    call c = {.op = {.callback = start_again}};
    assert_int_equal(yibu_op_to_thread(loop, &c.op, return_argument, (void *)1), 0);
    while (c.calls < REPEATS)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    assert_int_equal(c.result, REPEATS);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void a_function_in_line_is_withdrawn_by_a_cancel(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    yibu_loop *loop = new_loop(1);
    call blocker = {.op = {.callback = note_end}};
    call waiting = {.op = {.callback = note_end}};
    assert_int_equal(yibu_op_to_thread(loop, &blocker.op, pass_gate, &g), 0);
    wait_on(&g.started);
    assert_int_equal(yibu_op_to_thread(loop, &waiting.op, pass_gate, &g), 0);
    assert_int_equal(yibu_op_cancel(&waiting.op), 0);
    assert_int_equal(yibu_op_cancel(&waiting.op), -EALREADY);
    assert_int_equal(waiting.calls, 0);
    run_until_called(loop, &waiting);
    assert_int_equal(waiting.result, -ECANCELED);
    assert_int_equal(blocker.calls, 0);
    sem_post(&g.go);
    run_until_called(loop, &blocker);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(g.passed, 1);
    assert_int_equal(waiting.calls, 1);
    gate_close(&g);
}

static void a_function_that_runs_ends_with_its_result_whoever_cancels(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    g.passed = 5;
    yibu_loop *loop = new_loop(1);
    call c = {.op = {.callback = note_end}};
    assert_int_equal(yibu_op_to_thread(loop, &c.op, pass_gate, &g), 0);
    wait_on(&g.started);
    assert_int_equal(yibu_op_cancel(&c.op), 0);
    assert_int_equal(yibu_loop_run_once(loop, 0), 1);
    assert_int_equal(c.calls, 0);
    sem_post(&g.go);
    run_until_called(loop, &c);
    assert_int_equal(c.result, 5);
    assert_int_equal(yibu_loop_free(loop), 0);
    gate_close(&g);
}

static yb_thread_pool *pool_of(yibu_loop *loop)
{
    return yb_thread_pool_of_client(
        YB_CONTAINER_OF(loop->parts[YB_PART_THREADS], yb_executor, part));
}

/* Else it would wait for a function that may never be started. */
static void work_outside_the_ring_moves_up_when_all_before_it_is_cancelled(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    yibu_loop *loop = new_loop(1);
    call running = {.op = {.callback = note_end}};
    call last = {.op = {.callback = note_end}};
    call *calls = calloc(YB_RING_SLOTS, sizeof(*calls));
    assert_int_equal(yibu_op_to_thread(loop, &running.op, pass_gate, &g), 0);
    wait_on(&g.started);
    for (int i = 0; i < YB_RING_SLOTS; i++) {
        calls[i].op.callback = note_end;
        assert_int_equal(yibu_op_to_thread(loop, &calls[i].op, pass_gate, &g), 0);
    }
    assert_int_equal(yibu_op_to_thread(loop, &last.op, return_argument, (void *)7), 0);
    assert_false(yb_list_empty(&pool_of(loop)->backlog));
    for (int i = 0; i < YB_RING_SLOTS; i++)
        assert_int_equal(yibu_op_cancel(&calls[i].op), 0);
    assert_true(yb_list_empty(&pool_of(loop)->backlog));
    sem_post(&g.go);
    run_until_called(loop, &last);
    assert_int_equal(last.result, 7);
    assert_int_equal(yibu_loop_free(loop), 0);
    free(calls);
    gate_close(&g);
}

typedef struct opener {
    gate *g;
    yb_returns *returns;
} opener;

/* Lets the running function return once the loop is ending. */
static void *open_gate_at_the_end(void *arg)
{
    opener *o = arg;
    while (!atomic_load(&o->returns->closing))
        sched_yield();
    sem_post(&o->g->go);
    return NULL;
}

static void the_end_of_a_loop_waits_for_what_runs_and_drops_what_waits(void **state)
{
    (void)state;
    enum { WAITING = 1500 };
    gate g;
    gate_open(&g);
    yibu_loop *loop = new_loop(1);
    call running = {.op = {.callback = note_end}};
    call *waiting = calloc(WAITING, sizeof(*waiting));
    assert_int_equal(yibu_op_to_thread(loop, &running.op, pass_gate, &g), 0);
    wait_on(&g.started);
    for (int i = 0; i < WAITING; i++) {
        waiting[i].op.callback = note_end;
        assert_int_equal(yibu_op_to_thread(loop, &waiting[i].op, pass_gate, &g), 0);
    }
    opener o = {&g, YB_CONTAINER_OF(loop->parts[YB_PART_RETURNS], yb_returns, part)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, open_gate_at_the_end, &o), 0);
    assert_int_equal(yibu_loop_free(loop), 0);
    pthread_join(thread, NULL);
    assert_int_equal(g.passed, 1);
    assert_int_equal(running.calls, 1);
    assert_int_equal(running.result, 0);
    for (int i = 0; i < WAITING; i++) {
        assert_int_equal(waiting[i].calls, 1);
        assert_int_equal(waiting[i].result, -ECANCELED);
    }
    free(waiting);
    gate_close(&g);
}

static void start_too_late(yibu_op *op, ssize_t result)
{
    note_end(op, result);
    assert_int_equal(yibu_op_to_thread(yibu_get_running_loop(), op, return_argument, NULL),
                     YIBU_ESHUTDOWN);
}

static void an_ending_loop_takes_no_more(void **state)
{
    (void)state;
    yibu_loop *loop = new_loop(1);
    call c = {.op = {.callback = start_too_late}};
    assert_int_equal(yibu_op_to_thread(loop, &c.op, return_argument, NULL), 0);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(c.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_callback_receives_the_result_from_the_loop),
        cmocka_unit_test(a_start_that_fails_never_calls_back),
        cmocka_unit_test(ten_thousand_calls_at_once_return_each_its_own_result),
        cmocka_unit_test(an_operation_may_be_started_again_from_its_callback),
        cmocka_unit_test(a_function_in_line_is_withdrawn_by_a_cancel),
        cmocka_unit_test(a_function_that_runs_ends_with_its_result_whoever_cancels),
        cmocka_unit_test(work_outside_the_ring_moves_up_when_all_before_it_is_cancelled),
        cmocka_unit_test(the_end_of_a_loop_waits_for_what_runs_and_drops_what_waits),
        cmocka_unit_test(an_ending_loop_takes_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
