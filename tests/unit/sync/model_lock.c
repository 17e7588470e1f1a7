/* A lock beside its model: who holds it, and who waits in which order. */
#include "model.h"

typedef struct lock_world {
    world world;
    yibu_lock lock;
    int holder;
    line line;
} lock_world;

static lock_world *world_of(actor *a)
{
    return (lock_world *)(void *)a->world;
}

static void cut(actor *a)
{
    line_remove(&world_of(a)->line, a->index);
    a->place = CUT;
}

static void hand_on(lock_world *w)
{
    w->holder = line_pop(&w->line);
    if (w->holder != NOBODY)
        w->world.actors[w->holder].place = HANDED;
}

static void acquire(lock_world *w, actor *a)
{
    int expected = -ECANCELED;
    if (enter(a)) {
        assert_int_equal(yibu_lock_acquire(&w->lock), expected);
    } else if (w->holder == NOBODY) {
        w->holder = a->index;
        assert_int_equal(yibu_lock_acquire(&w->lock), 0);
    } else {
        line_push(&w->line, a->index);
        a->place = IN_LINE;
        int r = yibu_lock_acquire(&w->lock);
        model_sync(&w->world);
        expected = outcome(a);
        assert_int_equal(r, expected);
        if (r < 0 && a->place == HANDED && w->holder == a->index)
            hand_on(w);
    }
    leave(a);
}

static void release(lock_world *w)
{
    bool held = w->holder != NOBODY;
    if (held)
        hand_on(w);
    assert_int_equal(yibu_lock_release(&w->lock), held ? 0 : -EPERM);
}

static void try_acquire(lock_world *w, actor *a)
{
    int expected = w->holder == NOBODY ? 0 : -EAGAIN;
    if (expected == 0)
        w->holder = a->index;
    assert_int_equal(yibu_lock_try_acquire(&w->lock), expected);
}

static void act(actor *a)
{
    lock_world *w = world_of(a);
    if (w->holder == a->index && pick(4))
        release(w);
    else if (pick(6) == 0)
        release(w); /* whoever holds it */
    else if (pick(6) == 0)
        try_acquire(w, a);
    else
        acquire(w, a);
}

static void check(world *any)
{
    lock_world *w = (lock_world *)(void *)any;
    yibu_lock_stats stats;
    yibu_lock_statistics(&w->lock, &stats);
    assert_int_equal(stats.locked, w->holder != NOBODY);
    assert_int_equal(yibu_lock_locked(&w->lock), w->holder != NOBODY);
    assert_ptr_equal(stats.owner, model_task(any, w->holder));
    assert_int_equal(stats.waiting, w->line.length);
}

static void unblock(world *any)
{
    release((lock_world *)(void *)any);
}

MODEL_TEST(a_lock_does_as_its_model_does)
{
    static const model lock_model = {act, cut, check, unblock};
    lock_world w = {.world.model = &lock_model, .lock = YIBU_LOCK_INIT, .holder = NOBODY};
    model_run(&w.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_lock_does_as_its_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
