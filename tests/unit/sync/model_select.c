/* Select against a model of it: tasks in the simulator that select among anything, or change
 * things, each thing first in the model.  There every object has one line of (actor, case) pairs,
 * and a pair that is served takes all others of its actor out.
 *
 * As in queue_model.h, the model asks before each step which of the tasks that wait are cancelled,
 * or have waited until their moment (settle).  Time passes in the simulator only while no task is
 * ready, so a moment that is past has woken its select, and a cancel came after that. */
#include <errno.h>

#include "sim.h"

enum {
    SEEDS = YB_TEST_SLOWDOWN > 1 ? 1000 : 10000,
    ACTORS = 4,
    CASES = 4,
    QUEUES = 2,
    FUTURES = 2,
    LINE_MAX = ACTORS * CASES,
    ITEMS_MAX = 256,
    WAITING = -1000
};

typedef struct actor {
    struct model *model;
    yibu_task *task;
    yibu_timeout limit;
    bool limited;
    int64_t limit_at, moment_at; /* of the limit; of the earliest moment that is selected */
    int moment;                  /* its case */
    yibu_case cases[CASES];
    void *items[CASES]; /* got */
    int count;
    int winner; /* what the select under way must return; WAITING: not decided */
    intptr_t result;
    void *item;
} actor;

typedef struct line {
    struct {
        actor *actor;
        int index;
    } pairs[LINE_MAX];
    int count;
} line;

typedef struct queue_model {
    yibu_queue queue;
    void *items[ITEMS_MAX];
    size_t count;
    bool shut_down;
    line getters, putters;
} queue_model;

typedef struct future_model {
    yibu_future *future;
    bool done;
    intptr_t result;
    line waiters;
} future_model;

typedef struct model {
    queue_model queues[QUEUES];
    future_model futures[FUTURES];
    yibu_event event;
    yibu_semaphore semaphore;
    yibu_lock lock;
    bool set, locked;
    size_t permits;
    line event_line, semaphore_line, lock_line;
    actor actors[ACTORS];
    intptr_t last_item;
    bool stopped;
} model;

static int64_t now(void)
{
    return yibu_loop_time(yibu_get_running_loop());
}

/* Lines. */

static void stand_in(line *l, actor *a, int index)
{
    l->pairs[l->count].actor = a;
    l->pairs[l->count++].index = index;
}

static void leave(line *l, const actor *a)
{
    int left = 0;
    for (int i = 0; i < l->count; i++)
        if (l->pairs[i].actor != a)
            l->pairs[left++] = l->pairs[i];
    l->count = left;
}

static void decide(actor *a, int winner, intptr_t result)
{
    model *m = a->model;
    a->winner = winner;
    a->result = result;
    for (int i = 0; i < QUEUES; i++) {
        leave(&m->queues[i].getters, a);
        leave(&m->queues[i].putters, a);
    }
    for (int i = 0; i < FUTURES; i++)
        leave(&m->futures[i].waiters, a);
    leave(&m->event_line, a);
    leave(&m->semaphore_line, a);
    leave(&m->lock_line, a);
}

/* Serves the first in line. */
static actor *serve(line *l, intptr_t result)
{
    actor *a = l->pairs[0].actor;
    decide(a, l->pairs[0].index, result);
    return a;
}

static bool cancelled(const actor *a)
{
    return yibu_task_cancelling(a->task) > 0 || (a->limited && yibu_timeout_expired(&a->limit));
}

static void settle_actor(actor *a)
{
    bool expired = a->limited && yibu_timeout_expired(&a->limit);
    if (a->winner != WAITING)
        return;
    if (a->moment_at <= now() && !(expired && a->limit_at <= a->moment_at))
        decide(a, a->moment, 0);
    else if (cancelled(a))
        decide(a, -ECANCELED, 0);
}

static void settle(model *m)
{
    for (int i = 0; i < ACTORS; i++)
        settle_actor(&m->actors[i]);
}

/* What the model does: each answers whether it could. */

static bool model_put(queue_model *q, void *item, intptr_t *ret_result)
{
    *ret_result = q->shut_down ? YIBU_ESHUTDOWN : 0;
    if (q->shut_down)
        return true;
    if (q->queue.maxsize > 0 && q->count == q->queue.maxsize)
        return false;
    if (q->getters.count > 0)
        serve(&q->getters, 0)->item = item;
    else
        q->items[q->count++] = item;
    return true;
}

static void *take_out(queue_model *q)
{
    void *item = q->items[0];
    q->count--;
    memmove(&q->items[0], &q->items[1], q->count * sizeof(void *));
    return item;
}

static bool model_get(queue_model *q, void **ret_item, intptr_t *ret_result)
{
    *ret_result = q->count == 0 && q->shut_down ? YIBU_ESHUTDOWN : 0;
    if (q->count == 0)
        return q->shut_down;
    *ret_item = take_out(q);
    if (q->putters.count > 0) {
        int index = q->putters.pairs[0].index;
        q->items[q->count++] = serve(&q->putters, 0)->cases[index].with.item;
    }
    return true;
}

static bool model_acquire(size_t *permits)
{
    bool could = *permits > 0;
    *permits -= could;
    return could;
}

static bool model_lock(bool *locked)
{
    bool could = !*locked;
    *locked = true;
    return could;
}

static queue_model *queue_of(model *m, const yibu_case *c)
{
    return c->object == &m->queues[0].queue ? &m->queues[0] : &m->queues[1];
}

static future_model *future_of(model *m, const yibu_case *c)
{
    return c->object == m->futures[0].future ? &m->futures[0] : &m->futures[1];
}

static bool model_case(actor *a, const yibu_case *c)
{
    model *m = a->model;
    a->result = 0;
    switch (c->kind) {
    case YIBU_CASE_KIND_GET:
        return model_get(queue_of(m, c), &a->item, &a->result);
    case YIBU_CASE_KIND_PUT:
        return model_put(queue_of(m, c), c->with.item, &a->result);
    case YIBU_CASE_KIND_AWAIT:
        a->result = future_of(m, c)->result;
        return future_of(m, c)->done;
    case YIBU_CASE_KIND_EVENT:
        return m->set;
    case YIBU_CASE_KIND_LOCK:
        return model_lock(&m->locked);
    case YIBU_CASE_KIND_SEMAPHORE:
        return model_acquire(&m->permits);
    case YIBU_CASE_KIND_AFTER:
        return c->with.time_ns <= 0;
    case YIBU_CASE_KIND_AT:
        return c->with.time_ns <= now();
    case YIBU_CASE_KIND_NEVER:
    case YIBU_CASE_KIND_DEFAULT:
        break;
    }
    return false;
}

static void wait_until(actor *a, int index, int64_t when_ns)
{
    if (when_ns >= a->moment_at)
        return;
    a->moment_at = when_ns;
    a->moment = index;
}

static void model_wait(actor *a, int index, const yibu_case *c)
{
    model *m = a->model;
    switch (c->kind) {
    case YIBU_CASE_KIND_GET:
        stand_in(&queue_of(m, c)->getters, a, index);
        break;
    case YIBU_CASE_KIND_PUT:
        stand_in(&queue_of(m, c)->putters, a, index);
        break;
    case YIBU_CASE_KIND_AWAIT:
        stand_in(&future_of(m, c)->waiters, a, index);
        break;
    case YIBU_CASE_KIND_EVENT:
        stand_in(&m->event_line, a, index);
        break;
    case YIBU_CASE_KIND_LOCK:
        stand_in(&m->lock_line, a, index);
        break;
    case YIBU_CASE_KIND_SEMAPHORE:
        stand_in(&m->semaphore_line, a, index);
        break;
    case YIBU_CASE_KIND_AFTER:
        wait_until(a, index, now() + c->with.time_ns);
        break;
    case YIBU_CASE_KIND_AT:
        wait_until(a, index, c->with.time_ns);
        break;
    case YIBU_CASE_KIND_NEVER:
    case YIBU_CASE_KIND_DEFAULT:
        break;
    }
}

static int default_of(const actor *a)
{
    for (int i = 0; i < a->count; i++)
        if (a->cases[i].kind == YIBU_CASE_KIND_DEFAULT)
            return i;
    return -1;
}

static void model_select(actor *a)
{
    int fallback = default_of(a);
    a->moment_at = YIBU_FOREVER;
    a->winner = -ECANCELED;
    if (fallback < 0 && cancelled(a))
        return;
    for (int i = 0; i < a->count; i++) {
        a->winner = i;
        if (model_case(a, &a->cases[i]))
            return;
    }
    a->result = 0;
    a->winner = fallback >= 0 ? fallback : WAITING;
    for (int i = 0; i < a->count && fallback < 0; i++)
        model_wait(a, i, &a->cases[i]);
}

/* Both agree about what can be read. */

static void compare_queue(const queue_model *q)
{
    yibu_queue_stats stats;
    yibu_queue_statistics(&q->queue, &stats);
    assert_int_equal(stats.qsize, q->count);
    assert_int_equal(stats.getters, q->getters.count);
    assert_int_equal(stats.putters, q->putters.count);
}

static void compare(model *m)
{
    yibu_event_stats event;
    yibu_semaphore_stats semaphore;
    yibu_lock_stats lock;
    settle(m);
    for (int i = 0; i < QUEUES; i++)
        compare_queue(&m->queues[i]);
    yibu_event_statistics(&m->event, &event);
    yibu_semaphore_statistics(&m->semaphore, &semaphore);
    yibu_lock_statistics(&m->lock, &lock);
    assert_int_equal(event.waiting, m->event_line.count);
    assert_int_equal(m->semaphore.value, m->permits);
    assert_int_equal(semaphore.waiting, m->semaphore_line.count);
    assert_int_equal(lock.locked, m->locked);
    assert_int_equal(lock.waiting, m->lock_line.count);
}

/* Selecting. */

static yibu_case some_case(actor *a, int index)
{
    model *m = a->model;
    queue_model *q = &m->queues[yibu_sim_random(QUEUES)];
    switch (yibu_sim_random(20)) {
    case 0:
        return YIBU_CASE_NEVER;
    case 1:
        return YIBU_CASE_DEFAULT;
    case 2:
    case 3:
        return YIBU_CASE_AFTER(YIBU_MS(yibu_sim_random(4)));
    case 4:
        return YIBU_CASE_AT(now() + YIBU_MS(yibu_sim_random(4)));
    case 5:
    case 6:
        return YIBU_CASE_EVENT(&m->event);
    case 7:
    case 8:
        return YIBU_CASE_ACQUIRE(&m->semaphore);
    case 9:
    case 10:
        return YIBU_CASE_ACQUIRE(&m->lock);
    case 11:
    case 12:
        return YIBU_CASE_AWAIT(m->futures[yibu_sim_random(FUTURES)].future);
    case 13:
    case 14:
    case 15:
        return YIBU_CASE_PUT(&q->queue, (void *)++m->last_item);
    default:
        return YIBU_CASE_GET(&q->queue, &a->items[index]);
    }
}

static intptr_t select_some(actor *a)
{
    a->count = (int)yibu_sim_random(CASES + 1);
    for (int i = 0; i < a->count; i++) {
        a->items[i] = NULL;
        a->cases[i] = some_case(a, i);
        a->cases[i].result = 77;
    }
    settle(a->model);
    model_select(a);
    ssize_t winner = yibu_select(a->cases, (size_t)a->count);
    compare(a->model);
    assert_int_equal(winner, a->winner);
    for (int i = 0; i < a->count; i++) {
        bool got = i == winner && a->cases[i].kind == YIBU_CASE_KIND_GET && a->result == 0;
        assert_int_equal(a->cases[i].result, i == winner ? a->result : 77);
        assert_ptr_equal(a->items[i], got ? a->item : NULL);
    }
    return winner < 0 ? winner : 0;
}

static void select_limited(actor *a)
{
    int64_t delay_ns = YIBU_MS(yibu_sim_random(4));
    a->limited = yibu_sim_chance(0.3);
    if (!a->limited) {
        (void)select_some(a);
        return;
    }
    a->limit_at = now() + delay_ns;
    assert_int_equal(yibu_timeout_begin(&a->limit, delay_ns), 0);
    intptr_t r = select_some(a);
    a->limited = false;
    (void)yibu_timeout_end(&a->limit, r);
}

/* Changing things. */

static void try_put(queue_model *q, void *item)
{
    intptr_t result;
    intptr_t expected = model_put(q, item, &result) ? result : -EAGAIN;
    assert_int_equal(yibu_queue_try_put(&q->queue, item), expected);
}

static void try_get(queue_model *q)
{
    intptr_t result;
    void *item = NULL, *expected_item = NULL;
    intptr_t expected = model_get(q, &expected_item, &result) ? result : -EAGAIN;
    assert_int_equal(yibu_queue_try_get(&q->queue, &item), expected);
    assert_ptr_equal(item, expected_item);
}

static void shut_down(queue_model *q)
{
    q->shut_down = true;
    while (q->getters.count > 0)
        (void)serve(&q->getters, YIBU_ESHUTDOWN);
    while (q->putters.count > 0)
        (void)serve(&q->putters, YIBU_ESHUTDOWN);
    yibu_queue_shutdown(&q->queue, false);
}

static void set_or_clear(model *m)
{
    if (yibu_sim_chance(0.5)) {
        m->set = false;
        yibu_event_clear(&m->event);
        return;
    }
    m->set = true;
    while (m->event_line.count > 0)
        (void)serve(&m->event_line, 0);
    yibu_event_set(&m->event);
}

static void release_permit(model *m)
{
    if (m->semaphore_line.count > 0)
        (void)serve(&m->semaphore_line, 0);
    else
        m->permits++;
    assert_int_equal(yibu_semaphore_release(&m->semaphore), 0);
}

static void release_lock(model *m)
{
    int expected = m->locked ? 0 : -EPERM;
    if (m->lock_line.count > 0)
        (void)serve(&m->lock_line, 0);
    else
        m->locked = false;
    assert_int_equal(yibu_lock_release(&m->lock), expected);
}

/* Ends a future, or puts a new one in the place of one that has ended. */
static void change_future(model *m, future_model *f)
{
    if (f->done) {
        yibu_future_unref(f->future);
        *f = (future_model){.future = yibu_create_future(NULL)};
        return;
    }
    f->done = true;
    f->result = ++m->last_item;
    while (f->waiters.count > 0)
        (void)serve(&f->waiters, f->result);
    assert_int_equal(yibu_future_set_result(f->future, f->result), 0);
}

static void change_something(model *m)
{
    queue_model *q = &m->queues[yibu_sim_random(QUEUES)];
    uint64_t dice = yibu_sim_random(100);
    settle(m);
    if (dice < 25)
        try_put(q, (void *)++m->last_item);
    else if (dice < 50)
        try_get(q);
    else if (dice < 60)
        set_or_clear(m);
    else if (dice < 70)
        release_permit(m);
    else if (dice < 80)
        release_lock(m);
    else if (dice < 89)
        change_future(m, &m->futures[yibu_sim_random(FUTURES)]);
    else if (dice < 90)
        shut_down(q);
    else
        (void)yibu_task_cancel(m->actors[yibu_sim_random(ACTORS)].task);
    compare(m);
}

/* Actors. */

static intptr_t play(void *arg)
{
    actor *a = arg;
    for (uint64_t left = yibu_sim_random(40); left > 0 && !a->model->stopped; left--) {
        if (yibu_sim_chance(0.5))
            select_limited(a);
        else if (yibu_sim_chance(0.8))
            change_something(a->model);
        else
            (void)yibu_sleep(YIBU_MS(yibu_sim_random(3)));
        while (yibu_task_cancelling(a->task) > 0 && yibu_sim_chance(0.8))
            (void)yibu_task_uncancel(a->task);
    }
    return 0;
}

static void begin(model *m)
{
    for (int i = 0; i < QUEUES; i++)
        m->queues[i].queue = (yibu_queue)YIBU_QUEUE_INIT(yibu_sim_random(3));
    for (int i = 0; i < FUTURES; i++)
        m->futures[i].future = yibu_create_future(NULL);
    for (int i = 0; i < ACTORS; i++) {
        m->actors[i].model = m;
        m->actors[i].task = yibu_create_task(play, &m->actors[i], NULL);
    }
}

static void end(model *m)
{
    m->stopped = true;
    for (int i = 0; i < ACTORS; i++)
        (void)yibu_task_cancel(m->actors[i].task);
    for (int i = 0; i < ACTORS; i++) {
        assert_int_equal(yibu_await(m->actors[i].task), 0);
        m->actors[i].winner = 0;
    }
    compare(m);
    for (int i = 0; i < ACTORS; i++)
        yibu_task_unref(m->actors[i].task);
    for (int i = 0; i < FUTURES; i++)
        yibu_future_unref(m->futures[i].future);
    for (int i = 0; i < QUEUES; i++)
        yibu_queue_destroy(&m->queues[i].queue);
}

SIM_TEST_WITH(select_does_as_the_model_does, SEEDS, .cancel = 0.02)
{
    model m = {
        .event = YIBU_EVENT_INIT, .semaphore = YIBU_SEMAPHORE_INIT(0), .lock = YIBU_LOCK_INIT};
    begin(&m);
    for (uint64_t left = yibu_sim_random(20); left > 0; left--) {
        assert_int_equal(yibu_sleep(YIBU_MS(10)), 0);
        for (uint64_t changes = yibu_sim_random(8); changes > 0; changes--)
            change_something(&m);
    }
    end(&m);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(select_does_as_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
