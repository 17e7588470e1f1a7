/* A simulated run: its clock, its order, what it refuses, how it ends. */
#include <errno.h>
#include <time.h>

#include "sim.h"

typedef struct lines {
    char text[65536];
    size_t length;
} lines;

static void keep_line(const char *line, void *arg)
{
    lines *l = arg;
    int n = snprintf(l->text + l->length, sizeof(l->text) - l->length, "%s\n", line);
    l->length += (size_t)n;
    assert_true(l->length < sizeof(l->text));
}

static int64_t real_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The clock. */

static intptr_t sleep_a_day(void *arg)
{
    (void)arg;
    int64_t begin_ns = yibu_loop_time(yibu_get_running_loop());
    for (int second = 0; second < 24 * 60 * 60; second++)
        if (yibu_sleep(YIBU_SECONDS(1)) < 0)
            return -ECANCELED;
    int64_t took_ns = yibu_loop_time(yibu_get_running_loop()) - begin_ns;
    return took_ns == YIBU_SECONDS(24 * 60 * 60) ? 0 : -ETIME;
}

static void a_day_of_sleeps_passes_in_milliseconds(void **state)
{
    (void)state;
    int64_t begin_ns = real_now_ns();
    assert_int_equal(yibu_sim_run(1, sleep_a_day, NULL, NULL), 0);
    assert_true(real_now_ns() - begin_ns < YIBU_MS(500) * YB_TEST_SLOWDOWN);
}

static intptr_t look_at_the_clock_until_a_second_has_passed(void *arg)
{
    (void)arg;
    int64_t begin_ns = yibu_loop_time(yibu_get_running_loop());
    while (yibu_loop_time(yibu_get_running_loop()) - begin_ns < YIBU_MS(1))
        (void)yibu_sleep(0);
    return 0;
}

static void a_program_that_polls_the_clock_sees_it_move(void **state)
{
    (void)state;
    assert_int_equal(yibu_sim_run(1, look_at_the_clock_until_a_second_has_passed, NULL, NULL), 0);
}

/* The order. */

typedef struct order {
    int seen[8];
    int count;
} order;

typedef struct entrant {
    order *race;
    int number;
} entrant;

static intptr_t arrive(void *arg)
{
    entrant *e = arg;
    e->race->seen[e->race->count++] = e->number;
    return 0;
}

static intptr_t race(void *arg)
{
    order *o = arg;
    entrant entrants[8];
    yibu_task *tasks[8];
    for (int i = 0; i < 8; i++) {
        entrants[i] = (entrant){o, i};
        tasks[i] = yibu_create_task(arrive, &entrants[i], NULL);
    }
    for (int i = 0; i < 8; i++) {
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

static order race_with(uint64_t seed, lines *trace)
{
    order o = {.count = 0};
    yibu_sim_options options = {.size = sizeof(options)};
    if (trace) {
        trace->length = 0;
        options.trace = keep_line;
        options.trace_arg = trace;
    }
    assert_int_equal(yibu_sim_run(seed, race, &o, &options), 0);
    assert_int_equal(o.count, 8);
    return o;
}

static void the_same_seed_gives_the_same_trace_to_the_byte(void **state)
{
    (void)state;
    static lines first, second;
    for (uint64_t seed = 0; seed < 50; seed++) {
        race_with(seed, &first);
        race_with(seed, &second);
        assert_int_equal(first.length, second.length);
        assert_memory_equal(first.text, second.text, first.length);
    }
}

static void different_seeds_give_different_orders(void **state)
{
    (void)state;
    order first = race_with(1, NULL);
    int different = 0;
    for (uint64_t seed = 2; seed < 102; seed++) {
        order other = race_with(seed, NULL);
        different += memcmp(&first, &other, sizeof(first)) != 0;
    }
    assert_true(different > 50);
}

static void fifo_keeps_the_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        order o = {.count = 0};
        yibu_sim_options options = {.size = sizeof(options), .fifo = true};
        assert_int_equal(yibu_sim_run(seed, race, &o, &options), 0);
        for (int i = 0; i < 8; i++)
            assert_int_equal(o.seen[i], i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_of_sleeps_passes_in_milliseconds),
        cmocka_unit_test(a_program_that_polls_the_clock_sees_it_move),
        cmocka_unit_test(the_same_seed_gives_the_same_trace_to_the_byte),
        cmocka_unit_test(different_seeds_give_different_orders),
        cmocka_unit_test(fifo_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
