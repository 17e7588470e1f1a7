/* Maps on executors: order, chunks, endless inputs, what fails, and leaving early. */
#include <pthread.h>
#include <semaphore.h>

#include "gate.h"
#include "little_engine.h"
#include "result.h"

static yibu_executor *new_executor(unsigned threads)
{
    return little_new(&little_jobs, threads, 0);
}

/* Inputs 0, 1, 2 and so on, as values; a failure after `count` where that is one. */

typedef struct numbers {
    intptr_t next, count;
    int failure;
    bool ended;
} numbers;

static intptr_t count_up(void *arg)
{
    numbers *n = arg;
    while (n->next < n->count) {
        void *item = (void *)n->next++;
        int r = yibu_generator_yield(item);
        if (r < 0) {
            n->ended = true;
            return r;
        }
    }
    n->ended = true;
    return n->failure;
}

static intptr_t square(void *arg)
{
    return (intptr_t)arg * (intptr_t)arg;
}

static intptr_t fail_odd(void *arg)
{
    return (intptr_t)arg % 2 ? -EDOM : (intptr_t)arg;
}

static void expect_squares(yibu_executor *e, intptr_t count, const yibu_map_options *options)
{
    numbers inputs = {.count = count};
    intptr_t expected = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_map_item *, item,
                    yibu_executor_map(e, square, yibu_generator_new(count_up, &inputs), options),
                    &r) {
        assert_int_equal(item->index, expected);
        assert_int_equal(item->arg, expected);
        assert_int_equal(item->result, expected * expected);
        expected++;
    }
    assert_int_equal(r, 0);
    assert_int_equal(expected, count);
    assert_true(inputs.ended);
}

LOOP_TEST(results_come_in_the_order_of_their_inputs)
{
    yibu_executor *e = new_executor(4);
    expect_squares(e, 0, NULL);
    expect_squares(e, 1, NULL);
    expect_squares(e, 1000, NULL);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(chunks_are_of_any_size_and_order_stays)
{
    yibu_executor *e = new_executor(3);
    for (unsigned size = 1; size <= 7; size += 2)
        for (unsigned flight = 1; flight <= 4; flight++) {
            yibu_map_options options = {
                .size = sizeof(options), .chunk_size = size, .max_in_flight = flight};
            expect_squares(e, 50, &options);
        }
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(an_array_is_mapped)
{
    yibu_executor *e = new_executor(2);
    void *const inputs[] = {(void *)3, (void *)4, NULL, (void *)5};
    intptr_t sum = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_map_item *, item,
                    yibu_executor_map(e, square, yibu_iterate_array(inputs, 4), NULL), &r)
        sum += item->result;
    assert_int_equal(r, 0);
    assert_int_equal(sum, 9 + 16 + 25);
    yibu_executor_free(e);
    return 0;
}

/* The first input waits at a gate. */

static gate *slow_gate;

static intptr_t be_slow_once(void *arg)
{
    return arg ? (intptr_t)arg : pass_gate(slow_gate);
}

LOOP_TEST(unordered_results_do_not_wait_for_slow_ones)
{
    gate g;
    gate_open(&g);
    slow_gate = &g;
    yibu_executor *e = new_executor(2);
    void *const inputs[] = {NULL, (void *)1, (void *)2, (void *)3};
    const yibu_map_options options = {.size = sizeof(options), .unordered = true};
    size_t order[4], count = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_map_item *, item,
                    yibu_executor_map(e, be_slow_once, yibu_iterate_array(inputs, 4), &options),
                    &r) {
        order[count++] = item->index;
        if (count == 3)
            sem_post(&g.go);
    }
    assert_int_equal(r, 0);
    assert_int_equal(count, 4);
    assert_int_equal(order[3], 0);
    yibu_executor_free(e);
    gate_close(&g);
    return 0;
}

LOOP_TEST(endless_inputs_are_taken_no_further_than_the_bound)
{
    yibu_executor *e = new_executor(2);
    numbers inputs = {.count = INTPTR_MAX};
    const yibu_map_options options = {.size = sizeof(options), .max_in_flight = 5};
    intptr_t taken = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_map_item *, item,
                    yibu_executor_map(e, square, yibu_generator_new(count_up, &inputs), &options),
                    &r) {
        assert_int_equal(item->result, taken * taken);
        taken++;
        assert_int_equal(yibu_sleep(taken % 100 ? 0 : YIBU_MS(1)), 0);
        assert_true(inputs.next - taken <= 5);
        if (taken == 1000)
            break;
    }
    assert_int_equal(r, 0);
    assert_true(inputs.ended);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(a_failure_is_its_items_and_the_map_goes_on)
{
    yibu_executor *e = new_executor(2);
    numbers inputs = {.count = 10};
    const yibu_map_options options = {.size = sizeof(options), .chunk_size = 4};
    intptr_t count = 0;
    int r;
    YIBU_ASYNC_FOR (yibu_map_item *, item,
                    yibu_executor_map(e, fail_odd, yibu_generator_new(count_up, &inputs), &options),
                    &r) {
        assert_int_equal(item->result, count % 2 ? -EDOM : count);
        count++;
    }
    assert_int_equal(r, 0);
    assert_int_equal(count, 10);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(failing_inputs_end_the_map_after_the_items_before)
{
    yibu_executor *e = new_executor(2);
    numbers inputs = {.count = 7, .failure = -EPROTO};
    const yibu_map_options options = {.size = sizeof(options), .chunk_size = 3};
    int count = 0, r;
    YIBU_ASYNC_FOR (yibu_map_item *, item,
                    yibu_executor_map(e, square, yibu_generator_new(count_up, &inputs), &options),
                    &r)
        count += item->result >= 0;
    assert_int_equal(r, -EPROTO);
    assert_int_equal(count, 7);
    yibu_executor_free(e);
    return 0;
}

LOOP_TEST(a_refusal_ends_the_map_after_the_items_before)
{
    yibu_executor *e = new_executor(1);
    numbers inputs = {.count = INTPTR_MAX};
    int count = 0, r;
    YIBU_ASYNC_FOR (yibu_map_item *, item,
                    yibu_executor_map(e, square, yibu_generator_new(count_up, &inputs), NULL), &r) {
        assert_int_equal(item->result, (intptr_t)count * count);
        if (++count == 10)
            assert_int_equal(yibu_executor_shutdown(e, false, false, 0), 0);
    }
    assert_int_equal(r, YIBU_ESHUTDOWN);
    assert_true(count >= 10);
    yibu_executor_free(e);
    return 0;
}

/* A map whose first call waits at a gate, with more behind it. */

typedef struct stuck {
    gate gate;
    yibu_executor *e;
    numbers inputs;
    yibu_iterator *map;
} stuck;

static void get_stuck(stuck *s, int64_t timeout_ns)
{
    const yibu_map_options options = {
        .size = sizeof(options), .timeout_ns = timeout_ns, .max_in_flight = 4};
    *s = (stuck){.e = new_executor(1), .inputs = {.count = 100}};
    gate_open(&s->gate);
    slow_gate = &s->gate;
    s->map =
        yibu_executor_map(s->e, be_slow_once, yibu_generator_new(count_up, &s->inputs), &options);
    assert_non_null(s->map);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&s->gate.started);
}

static void get_free(stuck *s)
{
    yibu_executor_stats stats = {.size = sizeof(stats)};
    assert_int_equal(yibu_executor_statistics(s->e, &stats), 0);
    assert_int_equal(stats.done, 1);
    assert_int_equal(stats.queued + stats.running, 0);
    assert_true(s->inputs.ended);
    yibu_executor_free(s->e);
    gate_close(&s->gate);
}

static intptr_t open_gate_soon(void *arg)
{
    gate *g = arg;
    int r = yibu_sleep(YIBU_MS(5));
    sem_post(&g->go);
    return r;
}

LOOP_TEST(leaving_early_withdraws_what_is_in_line_and_waits_for_what_runs)
{
    stuck s;
    get_stuck(&s, 0);
    assert_int_equal(yibu_spawn(open_gate_soon, &s.gate), 0);
    assert_int_equal(yibu_iterator_close(s.map), 0);
    assert_int_equal(s.gate.passed, 1);
    get_free(&s);
    return 0;
}

LOOP_TEST(a_map_has_a_time_limit)
{
    stuck s;
    void *item;
    get_stuck(&s, YIBU_MS(1));
    assert_int_equal(yibu_spawn(open_gate_soon, &s.gate), 0);
    assert_int_equal(yibu_iterator_next(s.map, &item), -ETIMEDOUT);
    assert_int_equal(yibu_iterator_next(s.map, &item), -ETIMEDOUT);
    assert_int_equal(yibu_iterator_close(s.map), 0);
    get_free(&s);
    return 0;
}

static intptr_t take_one(void *arg)
{
    void *item;
    return yibu_iterator_next(arg, &item);
}

LOOP_TEST(a_cancelled_consumer_leaves_nothing_behind)
{
    stuck s;
    get_stuck(&s, 0);
    yibu_task *task = yibu_create_task(take_one, s.map, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_spawn(open_gate_soon, &s.gate), 0);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(yibu_iterator_close(s.map), 0);
    get_free(&s);
    return 0;
}

LOOP_TEST(wrong_arguments_make_no_map_and_close_the_inputs)
{
    yibu_executor *e = new_executor(1);
    numbers inputs = {.count = 1};
    yibu_map_options options = {0};
    void *item;
    yibu_iterator *generator = yibu_generator_new(count_up, &inputs);
    assert_int_equal(yibu_iterator_next(generator, &item), 1);
    assert_null(yibu_executor_map(e, NULL, generator, NULL));
    assert_true(inputs.ended);
    assert_null(yibu_executor_map(e, square, NULL, NULL));
    assert_null(yibu_executor_map(NULL, square, yibu_iterate_array(NULL, 0), NULL));
    assert_null(yibu_executor_map(e, square, yibu_iterate_array(NULL, 0), &options));
    assert_null(yibu_iterate_array(NULL, 1));
    yibu_executor_free(e);
    return 0;
}

/* Jobs. */

static intptr_t reverse(yibu_bytes input, yibu_buffer *output)
{
    const char *text = input.data;
    for (size_t i = input.size; i > 0; i--)
        if (yibu_buffer_append(output, &text[i - 1], 1) < 0)
            return -ENOMEM;
    return (intptr_t)input.size;
}
YIBU_JOB(reverse);

static void map_jobs_on(yibu_executor *e)
{
    yibu_bytes texts[] = {{"abc", 3}, {NULL, 0}, {"stressed", 8}};
    void *const inputs[] = {&texts[0], &texts[1], &texts[2]};
    const char *const expected[] = {"cba", "", "desserts"};
    int count = 0, r;
    YIBU_ASYNC_FOR (yibu_map_item *, item,
                    yibu_executor_map_jobs(e, &reverse_job, yibu_iterate_array(inputs, 3), NULL),
                    &r) {
        yibu_job_report report = {.size = sizeof(report)};
        assert_ptr_equal(item->arg, inputs[count]);
        assert_int_equal(item->result, strlen(expected[count]));
        assert_int_equal(item->output.size, strlen(expected[count]));
        assert_memory_equal(item->output.data ? item->output.data : "", expected[count],
                            item->output.size);
        assert_int_equal(yibu_concurrent_future_report(item->call, &report), 0);
        count++;
    }
    assert_int_equal(r, 0);
    assert_int_equal(count, 3);
}

LOOP_TEST(jobs_are_mapped_with_their_outputs)
{
    yibu_executor *e = new_executor(2);
    map_jobs_on(e);
    yibu_executor_free(e);
    e = little_new(&little_functions, 2, 1);
    map_jobs_on(e);
    const yibu_map_options options = {.size = sizeof(options), .chunk_size = 2};
    assert_null(yibu_executor_map_jobs(e, &reverse_job, yibu_iterate_array(NULL, 0), &options));
    yibu_executor_free(e);
    return 0;
}

/* Arrays of structs. */

typedef struct addition {
    int a, b, sum;
} addition;

static intptr_t add(void *arg)
{
    addition *x = arg;
    x->sum = x->a + x->b;
    return x->sum < 0 ? -ERANGE : x->sum;
}

static void add_many(yibu_executor *e, const yibu_map_options *options)
{
    enum { COUNT = 103 };
    addition items[COUNT];
    intptr_t results[COUNT];
    for (int i = 0; i < COUNT; i++)
        items[i] = (addition){i, 2 * i, -1};
    assert_int_equal(
        yibu_executor_starmap(e, add, items, COUNT, sizeof(items[0]), results, options), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(items[i].sum, 3 * i);
        assert_int_equal(results[i], 3 * i);
    }
    items[60].a = items[20].a = -1000;
    assert_int_equal(yibu_executor_starmap(e, add, items, COUNT, sizeof(items[0]), NULL, options),
                     -ERANGE);
    assert_int_equal(items[COUNT - 1].sum, 3 * (COUNT - 1));
    assert_int_equal(yibu_executor_starmap(e, add, NULL, 0, sizeof(items[0]), NULL, options), 0);
}

static void add_in_all_sizes(yibu_executor *e)
{
    add_many(e, NULL);
    for (unsigned size = 1; size < 200; size = size * 3 + 1) {
        yibu_map_options options = {
            .size = sizeof(options), .chunk_size = size, .max_in_flight = 1 + size % 3};
        add_many(e, &options);
    }
}

static void a_thread_maps_an_array_of_structs(void **state)
{
    (void)state;
    yibu_executor *e = new_executor(3);
    add_in_all_sizes(e);
    yibu_executor_free(e);
}

static intptr_t add_within(void *arg)
{
    add_in_all_sizes(arg);
    return 0;
}

LOOP_TEST(a_task_and_a_function_map_arrays_of_structs)
{
    yibu_executor *e = new_executor(1);
    add_in_all_sizes(e);
    assert_int_equal(yibu_run_in_executor(e, add_within, e, NULL), 0);
    yibu_executor_free(e);
    return 0;
}

static intptr_t pass_gate_of(void *arg)
{
    return pass_gate(*(gate **)arg);
}

typedef struct passing {
    yibu_executor *e;
    gate *gates[10];
    intptr_t results[10];
} passing;

static intptr_t pass_all(void *arg)
{
    passing *p = arg;
    const yibu_map_options options = {.size = sizeof(options), .chunk_size = 1};
    return yibu_executor_starmap(p->e, pass_gate_of, p->gates, 10, sizeof(p->gates[0]), p->results,
                                 &options);
}

LOOP_TEST(a_cancelled_starmap_waits_for_what_runs)
{
    gate g;
    passing p = {.e = new_executor(1)};
    gate_open(&g);
    for (int i = 0; i < 10; i++)
        p.gates[i] = &g;
    yibu_task *task = yibu_create_task(pass_all, &p, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&g.started);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_false(yibu_task_done(task));
    sem_post(&g.go);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(p.results[0], 0);
    for (int i = 1; i < 10; i++)
        assert_int_equal(p.results[i], -ECANCELED);
    assert_int_equal(sem_trywait(&g.started), -1);
    yibu_executor_free(p.e);
    gate_close(&g);
    return 0;
}

static void starmap_has_a_time_limit(void **state)
{
    (void)state;
    gate g;
    gate_open(&g);
    yibu_executor *e = new_executor(1);
    gate *gates[2] = {&g, &g};
    intptr_t results[2];
    yibu_map_options options = {.size = sizeof(options), .chunk_size = 1, .timeout_ns = YIBU_MS(1)};
    yibu_concurrent_future *holder;
    assert_int_equal(yibu_executor_submit(e, pass_gate, &g, NULL, &holder), 0);
    wait_on(&g.started);
    assert_int_equal(yibu_executor_starmap(e, pass_gate_of, gates, 2, sizeof(gates[0]), results,
                                           &options),
                     -ETIMEDOUT);
    assert_int_equal(results[0], -ECANCELED);
    assert_int_equal(results[1], -ECANCELED);
    sem_post(&g.go);
    assert_int_equal(result_of(holder), 0);
    yibu_executor_free(e);
    gate_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_the_order_of_their_inputs),
        cmocka_unit_test(chunks_are_of_any_size_and_order_stays),
        cmocka_unit_test(an_array_is_mapped),
        cmocka_unit_test(unordered_results_do_not_wait_for_slow_ones),
        cmocka_unit_test(endless_inputs_are_taken_no_further_than_the_bound),
        cmocka_unit_test(a_failure_is_its_items_and_the_map_goes_on),
        cmocka_unit_test(failing_inputs_end_the_map_after_the_items_before),
        cmocka_unit_test(a_refusal_ends_the_map_after_the_items_before),
        cmocka_unit_test(leaving_early_withdraws_what_is_in_line_and_waits_for_what_runs),
        cmocka_unit_test(a_map_has_a_time_limit),
        cmocka_unit_test(a_cancelled_consumer_leaves_nothing_behind),
        cmocka_unit_test(wrong_arguments_make_no_map_and_close_the_inputs),
        cmocka_unit_test(jobs_are_mapped_with_their_outputs),
        cmocka_unit_test(a_thread_maps_an_array_of_structs),
        cmocka_unit_test(a_task_and_a_function_map_arrays_of_structs),
        cmocka_unit_test(a_cancelled_starmap_waits_for_what_runs),
        cmocka_unit_test(starmap_has_a_time_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
