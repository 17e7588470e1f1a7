/* A condition beside its model: who holds the lock, who waits for it, and who to be notified. */
#include "model.h"

typedef struct condition_world {
    world world;
    yibu_condition condition;
    int holder;
    line lock_line;
    line line;            /* to be notified */
    bool waits[ACTORS];   /* in the condition's wait, not in an acquire */
    bool was_cut[ACTORS]; /* out of that line: no notify was meant for it */
} condition_world;

static condition_world *world_of(actor *a)
{
    return (condition_world *)(void *)a->world;
}

static void hand_on(condition_world *w)
{
    w->holder = line_pop(&w->lock_line);
    if (w->holder != NOBODY)
        w->world.actors[w->holder].place = HANDED;
}

/* From the condition's line to the lock's, and to the lock where it is free. */
static void move(condition_world *w, int index)
{
    line_remove(&w->line, index);
    line_push(&w->lock_line, index);
    w->world.actors[index].place = MUST_WAIT;
    if (w->holder == NOBODY)
        hand_on(w);
}

static void cut(actor *a)
{
    condition_world *w = world_of(a);
    if (w->waits[a->index]) {
        w->was_cut[a->index] = true;
        move(w, a->index);
    } else {
        line_remove(&w->lock_line, a->index);
        a->place = CUT;
    }
}

static void acquire(condition_world *w, actor *a)
{
    if (enter(a)) {
        assert_int_equal(yibu_condition_acquire(&w->condition), -ECANCELED);
    } else if (w->holder == NOBODY) {
        w->holder = a->index;
        assert_int_equal(yibu_condition_acquire(&w->condition), 0);
    } else {
        line_push(&w->lock_line, a->index);
        a->place = IN_LINE;
        int r = yibu_condition_acquire(&w->condition);
        model_sync(&w->world);
        assert_int_equal(r, outcome(a));
        if (r < 0 && a->place == HANDED && w->holder == a->index)
            hand_on(w);
    }
    leave(a);
}

static void release(condition_world *w)
{
    bool held = w->holder != NOBODY;
    if (held)
        hand_on(w);
    assert_int_equal(yibu_condition_release(&w->condition), held ? 0 : -EPERM);
}

static void notify_one(condition_world *w)
{
    if (w->line.length > 0)
        move(w, w->line.at[0]);
}

static void notify(condition_world *w, const actor *a)
{
    size_t count = pick(5);
    if (w->holder == a->index)
        for (size_t i = 0; i < (count < 4 ? count : ACTORS); i++)
            notify_one(w);
    int r = count < 4 ? yibu_condition_notify(&w->condition, count)
                      : yibu_condition_notify_all(&w->condition);
    assert_int_equal(r, w->holder == a->index ? 0 : -EPERM);
}

/* Waits, and holds the lock again. */
static void wait_in_line(condition_world *w, actor *a)
{
    line_push(&w->line, a->index);
    a->place = IN_LINE;
    w->waits[a->index] = true;
    w->was_cut[a->index] = false;
    hand_on(w);
    int r = yibu_condition_wait(&w->condition);
    model_sync(&w->world);
    assert_int_equal(a->place, HANDED);
    w->waits[a->index] = false;
    if (w->was_cut[a->index]) {
        assert_int_equal(r, -ECANCELED);
    } else if (is_cancelled(a)) {
        assert_int_equal(r, -ECANCELED);
        notify_one(w);
    } else {
        assert_int_equal(r, 0);
    }
}

static void wait_for_it(condition_world *w, actor *a)
{
    bool refused = enter(a);
    if (w->holder != a->index)
        assert_int_equal(yibu_condition_wait(&w->condition), -EPERM);
    else if (refused)
        assert_int_equal(yibu_condition_wait(&w->condition), -ECANCELED);
    else
        wait_in_line(w, a);
    leave(a);
}

static void act(actor *a)
{
    condition_world *w = world_of(a);
    if (w->holder == a->index) {
        switch (pick(4)) {
        case 0:
            release(w);
            break;
        case 1:
            notify(w, a);
            release(w);
            break;
        case 2:
            notify(w, a);
            break;
        default:
            wait_for_it(w, a);
        }
    } else if (pick(12) == 0) {
        notify(w, a);
    } else if (pick(12) == 0) {
        wait_for_it(w, a);
    } else if (pick(12) == 0) {
        release(w); /* whoever holds it */
    } else {
        acquire(w, a);
    }
}

static void check(world *any)
{
    const condition_world *w = (condition_world *)(void *)any;
    yibu_condition_stats stats;
    yibu_condition_statistics(&w->condition, &stats);
    assert_int_equal(stats.waiting, w->line.length);
    assert_int_equal(stats.lock.locked, w->holder != NOBODY);
    assert_int_equal(stats.lock.waiting, w->lock_line.length);
    assert_ptr_equal(stats.lock.owner, model_task(any, w->holder));
}

static void unblock(world *any)
{
    condition_world *w = (condition_world *)(void *)any;
    if (w->holder == NOBODY) {
        assert_int_equal(yibu_condition_try_acquire(&w->condition), 0);
        w->holder = MAIN;
        while (w->line.length > 0)
            notify_one(w);
        assert_int_equal(yibu_condition_notify_all(&w->condition), 0);
    }
    release(w);
}

static const model condition_model = {act, cut, check, unblock};

MODEL_TEST(a_condition_does_as_its_model_does)
{
    condition_world w = {
        .world.model = &condition_model, .condition = YIBU_CONDITION_INIT, .holder = NOBODY};
    model_run(&w.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_condition_does_as_its_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
