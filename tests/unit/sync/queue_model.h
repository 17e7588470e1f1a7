/* A queue against a model of it: tasks that do whatever they like in the simulator, each thing
 * first to the model, which is a plain array and three lines, then to the queue.  The two must
 * agree about every result, every item and every number.
 *
 * The model cannot see a cancel or the end of a time limit happen.  It need not: before each step
 * of its own it asks which of the tasks in line are cancelled (settle), and those have left the
 * line. */
#ifndef QUEUE_MODEL_H
#define QUEUE_MODEL_H

#include <errno.h>

#include "sim.h"

/* Under an instrument each takes ten times as long or more. */
enum { MODEL_SEEDS = YB_TEST_SLOWDOWN > 1 ? 1000 : 10000 };

enum { ACTORS_MAX = 5, ITEMS_MAX = 512, PRIORITIES = 3, WAITING = 1 };

typedef enum order { FIRST_IN, LAST_IN, LOWEST } order;

typedef struct actor {
    struct model *model;
    yibu_task *task;
    yibu_timeout limit; /* around the call, where `limited` */
    bool limited;
    int outcome; /* what the call under way must return; WAITING: not decided */
    int item;    /* to put, or got */
} actor;

typedef struct line {
    actor *actors[ACTORS_MAX];
    size_t count;
} line;

typedef struct model {
    yibu_queue queue;
    order order;
    size_t maxsize;
    int items[ITEMS_MAX]; /* in the order in which they were taken in */
    size_t count, unfinished;
    bool shut_down;
    line getters, putters, joiners;
    actor actors[ACTORS_MAX];
    size_t actor_count;
    int last_item;
} model;

/* An item is a number, unique in its run, that has its priority in the remainder. */
static inline int priority_of(int item)
{
    return item % PRIORITIES;
}

static inline int compare_items(const void *a, const void *b)
{
    return priority_of((int)(intptr_t)a) - priority_of((int)(intptr_t)b);
}

/* Lines. */

static inline void stand_in(line *l, actor *a)
{
    a->outcome = WAITING;
    l->actors[l->count++] = a;
}

static inline actor *leave(line *l, size_t at, int outcome)
{
    actor *a = l->actors[at];
    memmove(&l->actors[at], &l->actors[at + 1], (l->count - at - 1) * sizeof(actor *));
    l->count--;
    a->outcome = outcome;
    return a;
}

static inline bool cancelled(const actor *a)
{
    return yibu_task_cancelling(a->task) > 0 || (a->limited && yibu_timeout_expired(&a->limit));
}

static inline void settle_line(line *l)
{
    for (size_t i = l->count; i-- > 0;)
        if (cancelled(l->actors[i]))
            (void)leave(l, i, -ECANCELED);
}

static inline void settle(model *m)
{
    settle_line(&m->getters);
    settle_line(&m->putters);
    settle_line(&m->joiners);
}

/* The model's items. */

static inline void take_in(model *m, int item)
{
    assert_true(m->count < ITEMS_MAX);
    m->items[m->count++] = item;
    m->unfinished++;
}

static inline size_t next_index(const model *m)
{
    size_t next = m->order == LAST_IN ? m->count - 1 : 0;
    if (m->order == LOWEST)
        for (size_t i = 1; i < m->count; i++)
            if (priority_of(m->items[i]) < priority_of(m->items[next]))
                next = i;
    return next;
}

static inline int take_out(model *m)
{
    size_t at = next_index(m);
    int item = m->items[at];
    memmove(&m->items[at], &m->items[at + 1], (m->count - at - 1) * sizeof(int));
    m->count--;
    return item;
}

/* The model's calls. */

static inline int model_put(model *m, int item)
{
    if (m->shut_down)
        return YIBU_ESHUTDOWN;
    if (m->maxsize > 0 && m->count == m->maxsize)
        return -EAGAIN;
    take_in(m, item);
    if (m->getters.count > 0)
        leave(&m->getters, 0, 0)->item = take_out(m);
    return 0;
}

static inline int model_get(model *m, int *ret_item)
{
    if (m->count == 0)
        return m->shut_down ? YIBU_ESHUTDOWN : -EAGAIN;
    *ret_item = take_out(m);
    if (m->putters.count > 0)
        take_in(m, leave(&m->putters, 0, 0)->item);
    return 0;
}

static inline void model_finish(model *m, size_t count)
{
    m->unfinished -= count;
    while (m->unfinished == 0 && m->joiners.count > 0)
        (void)leave(&m->joiners, 0, 0);
}

static inline int model_task_done(model *m)
{
    if (m->unfinished == 0)
        return -EINVAL;
    model_finish(m, 1);
    return 0;
}

static inline void model_shutdown(model *m, bool immediate)
{
    m->shut_down = true;
    while (m->getters.count > 0)
        (void)leave(&m->getters, 0, YIBU_ESHUTDOWN);
    while (m->putters.count > 0)
        (void)leave(&m->putters, 0, YIBU_ESHUTDOWN);
    if (!immediate)
        return;
    size_t dropped = m->count < m->unfinished ? m->count : m->unfinished;
    m->count = 0;
    model_finish(m, dropped);
}

/* Both agree about everything that can be read. */
static inline void compare(model *m)
{
    yibu_queue_stats stats;
    settle(m);
    yibu_queue_statistics(&m->queue, &stats);
    assert_int_equal(stats.qsize, m->count);
    assert_int_equal(stats.getters, m->getters.count);
    assert_int_equal(stats.putters, m->putters.count);
    assert_int_equal(stats.joiners, m->joiners.count);
    assert_int_equal(stats.unfinished, m->unfinished);
    assert_int_equal(stats.shut_down, m->shut_down);
    assert_int_equal(yibu_queue_full(&m->queue), m->maxsize > 0 && m->count == m->maxsize);
}

/* Calls that suspend: the model decides at once, or whoever ends the actor's wait in its line. */

static inline void expect(actor *a, int decided, line *l)
{
    if (decided == -EAGAIN)
        stand_in(l, a);
    else
        a->outcome = decided;
}

static inline int checked(actor *a, int result)
{
    compare(a->model);
    assert_int_equal(result, a->outcome);
    return result;
}

static inline int act_put(actor *a)
{
    model *m = a->model;
    settle(m);
    a->item = ++m->last_item;
    expect(a, cancelled(a) ? -ECANCELED : model_put(m, a->item), &m->putters);
    return checked(a, yibu_queue_put(&m->queue, (void *)(intptr_t)a->item));
}

static inline int act_get(actor *a)
{
    model *m = a->model;
    void *item = NULL;
    settle(m);
    expect(a, cancelled(a) ? -ECANCELED : model_get(m, &a->item), &m->getters);
    int r = checked(a, yibu_queue_get(&m->queue, &item));
    assert_int_equal((intptr_t)item, r == 0 ? a->item : 0);
    return r;
}

static inline int act_join(actor *a)
{
    model *m = a->model;
    settle(m);
    expect(a, cancelled(a) ? -ECANCELED : m->unfinished > 0 ? -EAGAIN : 0, &m->joiners);
    return checked(a, yibu_queue_join(&m->queue));
}

/* Calls that do not. */

static inline void try_put(model *m)
{
    int item = ++m->last_item;
    settle(m);
    int expected = model_put(m, item);
    assert_int_equal(yibu_queue_try_put(&m->queue, (void *)(intptr_t)item), expected);
    compare(m);
}

static inline void try_get(model *m)
{
    int expected_item = 0;
    void *item = NULL;
    settle(m);
    int expected = model_get(m, &expected_item);
    assert_int_equal(yibu_queue_try_get(&m->queue, &item), expected);
    assert_int_equal((intptr_t)item, expected_item);
    compare(m);
}

static inline int task_done(model *m)
{
    settle(m);
    int expected = model_task_done(m);
    assert_int_equal(yibu_queue_task_done(&m->queue), expected);
    compare(m);
    return expected;
}

static inline void shut_down(model *m, bool immediate)
{
    settle(m);
    model_shutdown(m, immediate);
    yibu_queue_shutdown(&m->queue, immediate);
    compare(m);
}

static inline void cancel_somebody(model *m)
{
    actor *a = &m->actors[yibu_sim_random(m->actor_count)];
    (void)yibu_task_cancel(a->task);
    compare(m);
}

/* Actors. */

typedef int act(actor *a);

static inline void act_limited(actor *a, act *call)
{
    a->limited = yibu_sim_chance(0.3);
    if (!a->limited) {
        (void)call(a);
        return;
    }
    assert_int_equal(yibu_timeout_begin(&a->limit, YIBU_MS(yibu_sim_random(4))), 0);
    int r = call(a);
    a->limited = false;
    (void)yibu_timeout_end(&a->limit, r);
}

static inline void act_on_many(model *m)
{
    void (*call)(model *) = yibu_sim_chance(0.5) ? try_put : try_get;
    for (uint64_t left = yibu_sim_random(40); left > 0; left--)
        call(m);
}

static inline void act_once(actor *a)
{
    static act *const calls[] = {act_put, act_get, act_join};
    uint64_t dice = yibu_sim_random(100);
    if (dice < 70)
        act_limited(a, calls[dice < 33 ? 0 : dice < 66 ? 1 : 2]);
    else if (dice < 75)
        try_put(a->model);
    else if (dice < 80)
        try_get(a->model);
    else if (dice < 85)
        (void)task_done(a->model);
    else if (dice < 89)
        cancel_somebody(a->model);
    else if (dice < 91)
        act_on_many(a->model);
    else if (dice < 92 && yibu_sim_chance(0.3))
        shut_down(a->model, yibu_sim_chance(0.5));
    else
        (void)yibu_sleep(YIBU_MS(yibu_sim_random(3)));
}

static inline intptr_t play(void *arg)
{
    actor *a = arg;
    for (uint64_t left = yibu_sim_random(60); left > 0; left--) {
        act_once(a);
        while (yibu_task_cancelling(a->task) > 0 && yibu_sim_chance(0.8))
            (void)yibu_task_uncancel(a->task);
    }
    return 0;
}

/* Gives those who wait for each other something to go on with. */
static inline void stir(model *m)
{
    assert_int_equal(yibu_sleep(YIBU_SECONDS(1)), 0);
    act_on_many(m);
    if (yibu_sim_chance(0.2))
        while (task_done(m) == 0)
            ;
}

/* One run, of a queue that has just been initialised. */
static inline intptr_t run_queue_model(yibu_queue queue, order kind)
{
    model m = {.queue = queue, .order = kind, .maxsize = queue.maxsize};
    m.actor_count = 2 + yibu_sim_random(ACTORS_MAX - 1);
    for (size_t i = 0; i < m.actor_count; i++) {
        m.actors[i].model = &m;
        m.actors[i].task = yibu_create_task(play, &m.actors[i], NULL);
    }
    for (uint64_t left = yibu_sim_random(12); left > 0; left--)
        stir(&m);
    shut_down(&m, true); /* whoever still waits goes on */
    while (task_done(&m) == 0)
        ;
    for (size_t i = 0; i < m.actor_count; i++)
        assert_int_equal(yibu_await(m.actors[i].task), 0);
    for (size_t i = 0; i < m.actor_count; i++)
        yibu_task_unref(m.actors[i].task);
    compare(&m);
    yibu_queue_destroy(&m.queue);
    return 0;
}

/* No limit, or a small one. */
static inline size_t some_maxsize(void)
{
    return yibu_sim_random(5);
}

#endif
