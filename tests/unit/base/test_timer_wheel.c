/* The timer wheel against a plain sorted model. */
#include "test.h"

#include "base/list.h"
#include "base/timer_wheel.h"

enum { TIMERS = 512, STEPS = 20000, SPANS = 8 };

typedef struct entry {
    yb_timer timer;
    bool armed;
    uint64_t order; /* of addition */
} entry;

typedef struct model {
    yb_timer_wheel wheel;
    entry entries[TIMERS];
    uint64_t random, additions;
    int64_t now;
    unsigned span_bits; /* delays are shorter than 2 to this power */
} model;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static bool comes_before(const entry *a, const entry *b)
{
    if (a->timer.deadline_ns != b->timer.deadline_ns)
        return a->timer.deadline_ns < b->timer.deadline_ns;
    return a->order < b->order;
}

static entry *model_first(model *m)
{
    entry *first = NULL;
    for (entry *e = m->entries; e < m->entries + TIMERS; e++)
        if (e->armed && (!first || comes_before(e, first)))
            first = e;
    return first;
}

/* Delays of every order of magnitude up to the span; a few deadlines are over already. */
static int64_t random_deadline(model *m)
{
    unsigned bits = 1 + (unsigned)(next_random(&m->random) % m->span_bits);
    int64_t delay = (int64_t)(next_random(&m->random) >> (64 - bits));
    if (next_random(&m->random) % 16 == 0)
        return m->now - delay % (m->now + 1);
    return delay > INT64_MAX - m->now ? INT64_MAX : m->now + delay;
}

static void add(model *m, entry *e, int64_t deadline_ns)
{
    e->timer.deadline_ns = deadline_ns;
    e->order = m->additions++;
    e->armed = true;
    yb_wheel_add(&m->wheel, &e->timer);
}

static void add_or_remove(model *m)
{
    entry *e = &m->entries[next_random(&m->random) % TIMERS];
    if (e->armed) {
        yb_wheel_remove(&m->wheel, &e->timer);
        e->armed = false;
    } else {
        add(m, e, random_deadline(m));
    }
}

static void pop_everything_due(model *m)
{
    for (yb_timer *timer; (timer = yb_wheel_pop(&m->wheel, m->now));) {
        entry *fired = YB_CONTAINER_OF(timer, entry, timer);
        assert_ptr_equal(fired, model_first(m));
        assert_true(timer->deadline_ns <= m->now);
        fired->armed = false;
    }
    const entry *first = model_first(m);
    assert_true(!first || first->timer.deadline_ns > m->now);
    int64_t next = yb_wheel_next(&m->wheel);
    assert_true(next > m->now && next <= (first ? first->timer.deadline_ns : INT64_MAX));
}

/* From spans within which slots overflow to spans that reach the highest level. */
static void timers_fire_in_order_of_deadline_then_of_addition_whatever_is_added_and_removed(
    void **test)
{
    (void)test;
    static model m;
    static const unsigned span_bits[SPANS] = {4, 8, 14, 20, 26, 32, 48, 63};
    for (unsigned i = 0; i < SPANS; i++) {
        memset(&m, 0, sizeof(m));
        m.random = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        m.span_bits = span_bits[i];
        m.now = (int64_t)(next_random(&m.random) >> 20);
        yb_wheel_init(&m.wheel, m.now);
        for (int step = 0; step < STEPS && m.now < INT64_MAX / 2; step++) {
            add_or_remove(&m);
            if (next_random(&m.random) % (TIMERS / 4) == 0) {
                m.now += (int64_t)(next_random(&m.random) >> (64 - m.span_bits)) / 16;
                pop_everything_due(&m);
            }
        }
    }
}

static void equal_deadlines_fire_in_the_order_added_from_whatever_distance(void **test)
{
    (void)test;
    static model m;
    const int64_t when = INT64_C(7) << 40;
    memset(&m, 0, sizeof(m));
    yb_wheel_init(&m.wheel, 0);
    for (int i = 0; i < TIMERS; i++) {
        add(&m, &m.entries[i], when);
        m.now += (when - m.now) / 16;
        pop_everything_due(&m);
    }
    m.now = when;
    pop_everything_due(&m);
    assert_int_equal(m.wheel.count, 0);
}

static void deadlines_that_are_over_when_added_fire_in_their_order_too(void **test)
{
    (void)test;
    static model m;
    memset(&m, 0, sizeof(m));
    yb_wheel_init(&m.wheel, m.now = INT64_C(1) << 40);
    for (int i = 0; i < TIMERS; i++)
        add(&m, &m.entries[i], m.now - (i * 37) % 101);
    pop_everything_due(&m);
    assert_int_equal(m.wheel.count, 0);
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

/* Else all that is added after an hour of quiet would be in one slot. */
static void the_wheel_follows_the_clock_past_timers_that_are_not_due(void **test)
{
    (void)test;
    static yb_timer_wheel wheel;
    enum { HOURS = 3 };
    const int64_t minute = INT64_C(60) * 1000000000;
    yb_timer far[HOURS];
    yb_wheel_init(&wheel, 0);
    for (int i = 0; i < HOURS; i++) {
        far[i].deadline_ns = (i + 1) * 60 * minute;
        yb_wheel_add(&wheel, &far[i]);
    }
    for (int64_t now = 0; now < 60 * minute; now += minute) {
        assert_null(yb_wheel_pop(&wheel, now));
        assert_true(wheel.reached_ns <= now && wheel.reached_ns > now - 1000000);
        assert_true(yb_wheel_next(&wheel) == far[0].deadline_ns);
    }
    for (int i = 0; i < HOURS; i++)
        yb_wheel_remove(&wheel, &far[i]);
    assert_null(yb_wheel_pop(&wheel, 100 * minute));
    assert_true(wheel.reached_ns == 100 * minute);
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
        cmocka_unit_test(
            timers_fire_in_order_of_deadline_then_of_addition_whatever_is_added_and_removed),
        cmocka_unit_test(equal_deadlines_fire_in_the_order_added_from_whatever_distance),
        cmocka_unit_test(deadlines_that_are_over_when_added_fire_in_their_order_too),
        cmocka_unit_test(next_is_never_after_the_earliest_deadline_and_reaches_it),
        cmocka_unit_test(the_wheel_follows_the_clock_past_timers_that_are_not_due),
        cmocka_unit_test(an_empty_wheel_has_no_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
