/* Model tests: random operations and cancels in the simulator, beside a plain sequential model.
 *
 * Actors are tasks that do random operations on one primitive; the main task meanwhile cancels
 * them, takes cancels back, and looks.  The model says of every operation what it returns, and of
 * every moment who holds the primitive and who waits; whatever differs fails the test, and the seed
 * is printed.  Nothing is left to the model's choice, so who is next in line is checked as well.
 *
 * Operations are plain, in a time limit, or in a shield.  An actor in a line is cut out of it by a
 * cancel or its time limit, at that very moment; one that was handed what it waited for notices a
 * cancel when it runs.  Time limits that expired since the model was last looked at are made up for
 * by `model_sync`, in the order of their deadlines, before anything else happens. */
#ifndef MODEL_H
#define MODEL_H

#include <errno.h>

#include "sim.h"

enum { ACTORS = 5, ACTS = 30, NOBODY = -1, MAIN = ACTORS };

typedef enum place {
    OUTSIDE,
    IN_LINE,   /* it can be cut out of it */
    MUST_WAIT, /* in a line that it cannot be cut out of */
    HANDED,    /* it has what it waits for, and has not run yet */
    CUT,       /* out of the line, and has not run yet */
    BROKEN,    /* the same, by somebody who ended its wait with a failure */
} place;

typedef enum manner { PLAIN, LIMITED, SHIELDED } manner;

typedef struct world world;

typedef struct actor {
    world *world;
    int index;
    yibu_task *task;
    place place;
    manner manner;
    yibu_timeout scope; /* of a manner that is not plain */
    int64_t deadline_ns;
} actor;

typedef struct line {
    int length, at[ACTORS + 1]; /* indexes of actors, the first to come first */
} line;

/* What differs from primitive to primitive. */
typedef struct model {
    void (*act)(actor *a);     /* one random operation */
    void (*cut)(actor *a);     /* an actor in a line is cut out of it: as the model has it */
    void (*check)(world *w);   /* compares the primitive with the model */
    void (*unblock)(world *w); /* helps those who still wait when all has been tried */
} model;

struct world {
    const model *model;
    actor actors[ACTORS];
};

static inline size_t pick(size_t bound)
{
    return (size_t)yibu_sim_random(bound);
}

static inline uint64_t model_seeds(void)
{
    const char *text = getenv("YIBU_MODEL_SEEDS");
    return text ? strtoull(text, NULL, 10) : YB_TEST_SLOWDOWN > 1 ? 200 : 10000;
}

/* Lines. */

static inline void line_push(line *l, int index)
{
    l->at[l->length++] = index;
}

static inline int line_remove_at(line *l, int position)
{
    int index = l->at[position];
    l->length--;
    memmove(&l->at[position], &l->at[position + 1],
            (size_t)(l->length - position) * sizeof(l->at[0]));
    return index;
}

static inline int line_pop(line *l)
{
    return l->length > 0 ? line_remove_at(l, 0) : NOBODY;
}

static inline void line_remove(line *l, int index)
{
    int position = 0;
    while (l->at[position] != index)
        assert_true(++position < l->length);
    (void)line_remove_at(l, position);
}

/* Cancels. */

/* Whether a checkpoint of the actor's would be cancelled now. */
static inline bool is_cancelled(const actor *a)
{
    if (a->manner == LIMITED && yibu_timeout_expired(&a->scope))
        return true;
    return a->manner != SHIELDED && yibu_task_cancelling(a->task) > 0;
}

static inline actor *model_next_expired(world *w)
{
    actor *first = NULL;
    for (actor *a = w->actors; a < w->actors + ACTORS; a++)
        if (a->place == IN_LINE && a->manner == LIMITED && yibu_timeout_expired(&a->scope) &&
            (!first || a->deadline_ns < first->deadline_ns))
            first = a;
    return first;
}

static inline void model_sync(world *w)
{
    actor *a;
    while ((a = model_next_expired(w)))
        w->model->cut(a);
}

static inline void model_check(world *w)
{
    model_sync(w);
    w->model->check(w);
}

/* One operation of an actor.  enter: whether it is refused at once, for a cancel.  outcome: what it
 * returns after having waited for what a cancelled task passes on. */

static inline bool enter(actor *a)
{
    int64_t delay_ns = 1 + (int64_t)pick(20000);
    manner how = (manner)pick(3);
    if (how == LIMITED)
        assert_int_equal(yibu_timeout_begin(&a->scope, delay_ns), 0);
    if (how == SHIELDED)
        assert_int_equal(yibu_shield_begin(&a->scope, YIBU_FOREVER), 0);
    a->manner = how;
    a->deadline_ns = yibu_loop_time(yibu_get_running_loop()) + delay_ns;
    model_sync(a->world);
    return is_cancelled(a);
}

static inline int outcome(const actor *a)
{
    assert_true(a->place == HANDED || a->place == CUT);
    return a->place == CUT || is_cancelled(a) ? -ECANCELED : 0;
}

static inline void leave(actor *a)
{
    if (a->manner == LIMITED)
        (void)yibu_timeout_end(&a->scope, 0);
    if (a->manner == SHIELDED)
        yibu_shield_end(&a->scope);
    a->manner = PLAIN;
    a->place = OUTSIDE;
    while (yibu_task_cancelling(a->task) > 0)
        (void)yibu_task_uncancel(a->task);
    model_check(a->world);
}

/* The run. */

static inline intptr_t model_actor(void *arg)
{
    actor *a = arg;
    for (int i = 0; i < ACTS; i++) {
        if (pick(2))
            (void)yibu_sleep((int64_t)pick(3000));
        model_sync(a->world);
        a->world->model->act(a);
        model_check(a->world);
    }
    return 0;
}

static inline bool model_is_over(const world *w)
{
    for (int i = 0; i < ACTORS; i++)
        if (!yibu_task_done(w->actors[i].task))
            return false;
    return true;
}

static inline void model_cancel(actor *a)
{
    model_sync(a->world);
    if (a->place == IN_LINE && a->manner != SHIELDED)
        a->world->model->cut(a);
    (void)yibu_task_cancel(a->task);
}

static inline void model_torment(world *w)
{
    actor *a = &w->actors[pick(ACTORS)];
    if (pick(3))
        model_cancel(a);
    else if (yibu_task_cancelling(a->task) > 0)
        (void)yibu_task_uncancel(a->task);
    model_check(w);
}

/* Runs the actors of a world whose model is set, to the end. */
static inline void model_run(world *w)
{
    for (int i = 0; i < ACTORS; i++) {
        w->actors[i] = (actor){.world = w, .index = i};
        w->actors[i].task = yibu_create_task(model_actor, &w->actors[i], NULL);
        assert_non_null(w->actors[i].task);
    }
    for (int i = 0; i < ACTORS * ACTS; i++) {
        assert_int_equal(yibu_sleep((int64_t)pick(2000)), 0);
        model_torment(w);
    }
    while (!model_is_over(w)) {
        assert_int_equal(yibu_sleep(1000), 0);
        model_sync(w);
        w->model->unblock(w);
        model_check(w);
    }
    for (int i = 0; i < ACTORS; i++) {
        assert_int_equal(yibu_await(w->actors[i].task), 0);
        yibu_task_unref(w->actors[i].task);
    }
}

/* A task as statistics name it: not once it has ended. */
static inline yibu_task *model_task(const world *w, int index)
{
    if (index == NOBODY || index == MAIN || yibu_task_done(w->actors[index].task))
        return NULL;
    return w->actors[index].task;
}

/* A test of that name, with steps that take up to a microsecond: time limits expire anywhere. */
#define MODEL_TEST(NAME) SIM_TEST_WITH(NAME, model_seeds(), .step_ns = 1000)

#endif
