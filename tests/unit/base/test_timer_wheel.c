/* The timer wheel against a plain sorted model. */
#include "test.h"

#include "base/list.h"
#include "base/timer_wheel.h"

enum { TIMERS = 512, STEPS = 200000 };

typedef struct entry {
    yb_timer timer;
    bool armed;
} entry;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int64_t model_next(const entry *entries)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (entries[i].armed && entries[i].timer.deadline_ns < next)
            next = entries[i].timer.deadline_ns;
    return next;
}

/* Delays of every order of magnitude, from within a tick to years. */
static int64_t random_delay(uint64_t *state)
{
    return (int64_t)(next_random(state) >> (1 + next_random(state) % 63));
}

static void pop_everything_due(yb_timer_wheel *wheel, entry *entries, int64_t now)
{
    int64_t last = INT64_MIN;
    for (yb_timer *timer; (timer = yb_wheel_pop(wheel, now));) {
        entry *fired = YB_CONTAINER_OF(timer, entry, timer);
        assert_true(fired->armed);
        assert_true(timer->deadline_ns <= now);
        assert_true(timer->deadline_ns >= last);
        last = timer->deadline_ns;
        fired->armed = false;
    }
    assert_true(model_next(entries) > now);
}

static void timers_fire_in_order_and_never_early_whatever_is_added_and_removed(void **test)
{
    (void)test;
    static entry entries[TIMERS];
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
        yb_timer_wheel wheel;
        int64_t now = (int64_t)(next_random(&state) >> 20);
        memset(entries, 0, sizeof(entries));
        yb_wheel_init(&wheel, now);
        for (int step = 0; step < STEPS / 10; step++) {
            entry *e = &entries[next_random(&state) % TIMERS];
            if (e->armed) {
                yb_wheel_remove(&wheel, &e->timer);
                e->armed = false;
            } else {
                int64_t delay = random_delay(&state);
                e->timer.deadline_ns = delay > INT64_MAX - now ? INT64_MAX : now + delay;
                yb_wheel_add(&wheel, &e->timer);
                e->armed = true;
            }
            if (next_random(&state) % 8 == 0) {
                now += random_delay(&state) >> 20;
                pop_everything_due(&wheel, entries, now);
            }
        }
    }
}

static void next_is_never_after_the_earliest_deadline_and_reaches_it(void **test)
{
    (void)test;
    yb_timer_wheel wheel;
    yb_wheel_init(&wheel, 0);
    yb_timer timer = {.deadline_ns = INT64_C(3600) * 1000000000 + 123};
    yb_wheel_add(&wheel, &timer);
    int wakes = 0;
    int64_t now = 0;
    while (!yb_wheel_pop(&wheel, now)) {
        int64_t next = yb_wheel_next(&wheel);
        assert_true(next > now);
        assert_true(next <= timer.deadline_ns);
        now = next;
        wakes++;
    }
    assert_int_equal(now, timer.deadline_ns);
    assert_true(wakes <= YB_WHEEL_LEVELS);
}

static void an_empty_wheel_has_no_next(void **test)
{
    (void)test;
    yb_timer_wheel wheel;
    yb_wheel_init(&wheel, 5);
    assert_true(yb_wheel_next(&wheel) == INT64_MAX);
    assert_null(yb_wheel_pop(&wheel, INT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_never_early_whatever_is_added_and_removed),
        cmocka_unit_test(next_is_never_after_the_earliest_deadline_and_reaches_it),
        cmocka_unit_test(an_empty_wheel_has_no_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
