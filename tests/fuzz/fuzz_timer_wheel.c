/* The timer wheel against a list of deadlines: the same timers fire, in the same order (equal
 * deadlines as they were added), never early, and the next deadline is never announced too late. */
#include "base/timer_wheel.h"
#include "check.h"

enum { TIMERS = 64, STEPS = 600 };

typedef struct model {
    yb_timer_wheel wheel;
    yb_timer timers[TIMERS];
    bool armed[TIMERS];
    uint64_t order[TIMERS]; /* of addition */
    int64_t now;
    uint64_t count, additions;
} model;

static int64_t earliest(const model *m)
{
    int64_t deadline = INT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (m->armed[i] && m->timers[i].deadline_ns < deadline)
            deadline = m->timers[i].deadline_ns;
    return deadline;
}

/* Distances of every scale, from nanoseconds to centuries. */
static int64_t distance(stream *s)
{
    unsigned scale = take(s) % 63;
    int64_t mantissa = take(s) << 8 | take(s);
    return scale < 16 ? mantissa >> (16 - scale) : (mantissa | 1) << (scale - 16);
}

static int64_t later(int64_t now, int64_t by)
{
    return by > INT64_MAX - now ? INT64_MAX : now + by;
}

static void add(model *m, int i, int64_t deadline)
{
    m->timers[i].deadline_ns = deadline;
    m->armed[i] = true;
    m->order[i] = m->additions++;
    m->count++;
    yb_wheel_add(&m->wheel, &m->timers[i]);
}

static void remove_timer(model *m, int i)
{
    yb_wheel_remove(&m->wheel, &m->timers[i]);
    m->armed[i] = false;
    m->count--;
}

static bool is_oldest_of_its_deadline(const model *m, int i)
{
    for (int j = 0; j < TIMERS; j++)
        if (m->armed[j] && m->timers[j].deadline_ns == m->timers[i].deadline_ns &&
            m->order[j] < m->order[i])
            return false;
    return true;
}

static void fire(model *m)
{
    for (yb_timer *timer; (timer = yb_wheel_pop(&m->wheel, m->now));) {
        CHECK(timer >= m->timers && timer < m->timers + TIMERS);
        int i = (int)(timer - m->timers);
        CHECK(m->armed[i]);
        CHECK(timer->deadline_ns <= m->now && timer->deadline_ns == earliest(m));
        CHECK(is_oldest_of_its_deadline(m, i));
        m->armed[i] = false;
        m->count--;
    }
    CHECK(earliest(m) > m->now || m->now == INT64_MAX);
}

/* What the loop does: sleep until the time announced, then fire. */
static void advance_to_next(model *m)
{
    int64_t next = yb_wheel_next(&m->wheel), first = earliest(m);
    CHECK(next <= first);
    CHECK(m->count > 0 || next == INT64_MAX);
    if (next != INT64_MAX && next > m->now)
        m->now = next;
    fire(m);
}

static void step(model *m, stream *s)
{
    int i = take(s) % TIMERS;
    switch (take(s) % 4) {
    case 0:
    case 1:
        if (m->armed[i])
            remove_timer(m, i);
        else
            add(m, i, later(m->now, distance(s)));
        break;
    case 2:
        advance_to_next(m);
        break;
    default:
        m->now = later(m->now, distance(s) >> 8);
        fire(m);
    }
    CHECK(m->wheel.count == m->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static model m;
    stream s = {data, data + size};
    memset(&m, 0, sizeof(m));
    m.now = (int64_t)take(&s) << (take(&s) % 48);
    yb_wheel_init(&m.wheel, m.now);
    for (int i = 0; i < STEPS && s.at < s.end; i++)
        step(&m, &s);
    /* Whoever always sleeps until the next announced time meets every deadline. */
    for (long turns = 0; m.count > 0; turns++) {
        CHECK(turns < 20L * TIMERS * YB_WHEEL_LEVELS);
        if (earliest(&m) == INT64_MAX)
            break;
        advance_to_next(&m);
    }
    for (int i = 0; i < TIMERS; i++)
        if (m.armed[i])
            remove_timer(&m, i);
    CHECK(m.wheel.count == 0 && yb_wheel_next(&m.wheel) == INT64_MAX);
    return 0;
}
