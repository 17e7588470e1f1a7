/* Timers in the caller's storage. */
#include "loop.h"

#include <errno.h>
#include <pthread.h>

typedef struct alarm_clock {
    yibu_timer timer;
    yibu_loop *loop;
    int64_t rang_ns;
    int count;
    struct alarm_clock *other;
} alarm_clock;

static void ring(void *arg)
{
    alarm_clock *a = arg;
    a->rang_ns = yibu_loop_time(a->loop);
    a->count++;
}

static void a_timer_calls_back_once_and_never_early(void **state)
{
    yibu_loop *loop = *state;
    alarm_clock a = {.timer = YIBU_TIMER_INIT, .loop = loop};
    int64_t start = yibu_loop_time(loop);
    assert_int_equal(yibu_timer_start(loop, &a.timer, YIBU_US(700), ring, &a), 0);
    assert_true(yibu_timer_armed(&a.timer));
    assert_true(yibu_timer_when(&a.timer) >= start + YIBU_US(700));
    int64_t when = yibu_timer_when(&a.timer);
    test_loop_drain(loop);
    assert_int_equal(a.count, 1);
    assert_true(a.rang_ns >= when);
    assert_false(yibu_timer_armed(&a.timer));
    assert_int_equal(yibu_timer_when(&a.timer), YIBU_FOREVER);
}

static void a_timer_at_a_time_of_the_past_fires_in_the_next_turn(void **state)
{
    yibu_loop *loop = *state;
    alarm_clock a[3] = {{.loop = loop}, {.loop = loop}, {.loop = loop}};
    assert_int_equal(yibu_timer_start_at(loop, &a[0].timer, -7, ring, &a[0]), 0);
    assert_int_equal(yibu_timer_start_at(loop, &a[1].timer, 7, ring, &a[1]), 0);
    assert_int_equal(yibu_timer_start(loop, &a[2].timer, -7, ring, &a[2]), 0);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(a[0].count + a[1].count + a[2].count, 3);
}

static void a_stopped_timer_is_not_called(void **state)
{
    yibu_loop *loop = *state;
    alarm_clock a = {.loop = loop};
    yibu_timer_start(loop, &a.timer, YIBU_US(100), ring, &a);
    assert_true(yibu_timer_stop(&a.timer));
    assert_false(yibu_timer_stop(&a.timer));
    assert_false(yibu_timer_armed(&a.timer));
    test_loop_drain(loop);
    assert_int_equal(a.count, 0);
}

static void stopping_an_idle_timer_says_that_it_was_not_armed(void **state)
{
    yibu_timer idle = YIBU_TIMER_INIT;
    alarm_clock a = {.loop = *state};
    assert_false(yibu_timer_stop(&idle));
    assert_false(yibu_timer_stop(NULL));
    yibu_timer_start(a.loop, &a.timer, 0, ring, &a);
    test_loop_drain(a.loop);
    assert_false(yibu_timer_stop(&a.timer));
}

static void stop_other(void *arg)
{
    alarm_clock *a = arg;
    a->count++;
    a->count += 10 * yibu_timer_stop(&a->timer);
    a->count += 100 * yibu_timer_stop(&a->other->timer);
}

static void a_timer_that_is_due_can_still_be_stopped_by_another(void **state)
{
    yibu_loop *loop = *state;
    alarm_clock a = {.loop = loop}, b = {.loop = loop, .other = &a};
    a.other = &b;
    int64_t now = yibu_loop_time(loop);
    yibu_timer_start_at(loop, &a.timer, now, stop_other, &a);
    yibu_timer_start_at(loop, &b.timer, now, stop_other, &b);
    test_loop_drain(loop);
    assert_int_equal(a.count + b.count, 101); /* one rang: it was idle, the other one was armed */
}

static void starting_an_armed_timer_arms_it_anew(void **state)
{
    yibu_loop *loop = *state;
    int early = 0, late = 0;
    yibu_timer timer = YIBU_TIMER_INIT;
    yibu_timer_start(loop, &timer, YIBU_SECONDS(1000), test_count, &early);
    yibu_timer_start(loop, &timer, YIBU_US(50), test_count, &late);
    test_loop_drain(loop);
    assert_int_equal(early, 0);
    assert_int_equal(late, 1);
}

static void ring_again(void *arg)
{
    alarm_clock *a = arg;
    if (++a->count < 100)
        assert_int_equal(yibu_timer_start(a->loop, &a->timer, YIBU_US(10), ring_again, a), 0);
}

static void a_callback_may_start_its_own_timer_again(void **state)
{
    alarm_clock a = {.loop = *state};
    yibu_timer_start(a.loop, &a.timer, YIBU_US(10), ring_again, &a);
    test_loop_drain(a.loop);
    assert_int_equal(a.count, 100);
}

static void ring_at_once(void *arg)
{
    alarm_clock *a = arg;
    a->count++;
    assert_int_equal(yibu_timer_start_at(a->loop, &a->timer, 0, ring_at_once, a), 0);
}

static void a_timer_that_is_always_due_fires_once_a_turn(void **state)
{
    alarm_clock a = {.loop = *state};
    yibu_timer_start(a.loop, &a.timer, 0, ring_at_once, &a);
    for (int turns = 1; turns <= 50; turns++) {
        assert_int_equal(yibu_loop_run_once(a.loop, 0), 1);
        assert_int_equal(a.count, turns);
    }
    assert_true(yibu_timer_stop(&a.timer));
}

static void free_timer(void *arg)
{
    free(arg);
}

static void a_callback_may_free_its_timer(void **state)
{
    yibu_loop *loop = *state;
    yibu_timer *timer = calloc(1, sizeof(*timer));
    yibu_timer_start(loop, timer, 0, free_timer, timer);
    test_loop_drain(loop);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    enum { COUNT = 500 };
    yibu_loop *loop = *state;
    alarm_clock *a = calloc(COUNT, sizeof(*a));
    int64_t now = yibu_loop_time(loop);
    uint64_t random = 12345;
    for (int i = 0; i < COUNT; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        a[i].loop = loop;
        a[i].other = (alarm_clock *)(uintptr_t)(random >> 44); /* kept beside, up to 1 ms */
        yibu_timer_start_at(loop, &a[i].timer, now + (int64_t)(random >> 44), ring, &a[i]);
    }
    test_loop_drain(loop);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++)
            if ((uintptr_t)a[i].other < (uintptr_t)a[j].other)
                assert_true(a[i].rang_ns <= a[j].rang_ns);
    free(a);
}

static void the_end_of_the_loop_disarms_timers(void **state)
{
    (void)state;
    yibu_loop *loop;
    int count = 0;
    yibu_timer soon = YIBU_TIMER_INIT, late = YIBU_TIMER_INIT, never = YIBU_TIMER_INIT;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_timer_start(loop, &soon, 0, test_count, &count);
    yibu_timer_start(loop, &late, YIBU_SECONDS(100000), test_count, &count);
    yibu_timer_start(loop, &never, YIBU_FOREVER, test_count, &count);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(count, 0);
    assert_false(yibu_timer_armed(&soon));
    assert_false(yibu_timer_stop(&late));
    assert_false(yibu_timer_stop(&never));

    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_timer_start(loop, &soon, 0, test_count, &count);
    test_loop_drain(loop);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(count, 1);
}

static void timers_without_callback_or_loop_are_refused(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    yibu_timer timer = YIBU_TIMER_INIT;
    assert_int_equal(yibu_timer_start(loop, &timer, 1, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_timer_start(NULL, &timer, 1, test_count, &count), -EINVAL);
    assert_int_equal(yibu_timer_start(loop, NULL, 1, test_count, &count), -EINVAL);
    assert_int_equal(yibu_timer_start_at(loop, &timer, 1, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_timer_start_at(NULL, &timer, 1, test_count, &count), -EINVAL);
    assert_int_equal(yibu_timer_start_at(loop, NULL, 1, test_count, &count), -EINVAL);
    assert_false(yibu_timer_armed(&timer));
    assert_false(yibu_timer_armed(NULL));
}

static void *start_foreign(void *arg)
{
    alarm_clock *a = arg;
    a->count = yibu_timer_start(a->loop, &a->timer, 0, ring, a);
    return NULL;
}

static void another_thread_cannot_start_a_timer(void **state)
{
    alarm_clock a = {.loop = *state};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, start_foreign, &a), 0);
    pthread_join(thread, NULL);
    assert_int_equal(a.count, -EINVAL);
    assert_false(yibu_timer_armed(&a.timer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(a_timer_calls_back_once_and_never_early),
        loop_unit_test(a_timer_at_a_time_of_the_past_fires_in_the_next_turn),
        loop_unit_test(a_stopped_timer_is_not_called),
        loop_unit_test(stopping_an_idle_timer_says_that_it_was_not_armed),
        loop_unit_test(a_timer_that_is_due_can_still_be_stopped_by_another),
        loop_unit_test(starting_an_armed_timer_arms_it_anew),
        loop_unit_test(a_callback_may_start_its_own_timer_again),
        loop_unit_test(a_timer_that_is_always_due_fires_once_a_turn),
        loop_unit_test(a_callback_may_free_its_timer),
        loop_unit_test(timers_fire_in_the_order_of_their_deadlines),
        cmocka_unit_test(the_end_of_the_loop_disarms_timers),
        loop_unit_test(timers_without_callback_or_loop_are_refused),
        loop_unit_test(another_thread_cannot_start_a_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
