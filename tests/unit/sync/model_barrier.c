/* A barrier beside its model: who fills it, who drains, and which index each gets. */
#include "model.h"

typedef struct barrier_world {
    world world;
    yibu_barrier barrier;
    int parties, draining;
    bool broken;
    line line;
    int index[ACTORS]; /* of those that were let pass */
} barrier_world;

static barrier_world *world_of(actor *a)
{
    return (barrier_world *)(void *)a->world;
}

static void cut(actor *a)
{
    line_remove(&world_of(a)->line, a->index);
    a->place = CUT;
}

static void let_pass(barrier_world *w, int count)
{
    w->draining = count;
    for (int i = 0; i < count; i++) {
        int index = line_pop(&w->line);
        w->index[index] = i;
        w->world.actors[index].place = HANDED;
    }
}

static void drain(barrier_world *w)
{
    if (--w->draining == 0 && w->line.length >= w->parties)
        let_pass(w, w->parties);
}

static void wait_in_line(barrier_world *w, actor *a)
{
    line_push(&w->line, a->index);
    a->place = IN_LINE;
    ssize_t r = yibu_barrier_wait(&w->barrier);
    model_sync(&w->world);
    if (a->place == HANDED) {
        assert_int_equal(r, w->index[a->index]);
        drain(w);
    } else {
        assert_int_equal(r, a->place == CUT ? -ECANCELED : YIBU_EBROKEN);
        assert_true(a->place == CUT || a->place == BROKEN);
    }
}

static void pass(barrier_world *w, actor *a)
{
    if (enter(a)) {
        assert_int_equal(yibu_barrier_wait(&w->barrier), -ECANCELED);
    } else if (w->broken) {
        assert_int_equal(yibu_barrier_wait(&w->barrier), YIBU_EBROKEN);
    } else if (w->draining == 0 && w->line.length == w->parties - 1) {
        let_pass(w, w->parties - 1);
        assert_int_equal(yibu_barrier_wait(&w->barrier), w->parties - 1);
    } else {
        wait_in_line(w, a);
    }
    leave(a);
}

static void break_waits(barrier_world *w)
{
    while (w->line.length > 0)
        w->world.actors[line_pop(&w->line)].place = BROKEN;
}

static void act(actor *a)
{
    barrier_world *w = world_of(a);
    size_t drawn = pick(40);
    if (drawn == 0) {
        break_waits(w);
        w->broken = true;
        yibu_barrier_abort(&w->barrier);
    } else if (drawn == 1 || (w->broken && drawn < 20)) {
        break_waits(w);
        w->broken = false;
        yibu_barrier_reset(&w->barrier);
    } else {
        pass(w, a);
    }
}

static void check(world *any)
{
    const barrier_world *w = (barrier_world *)(void *)any;
    yibu_barrier_stats stats;
    yibu_barrier_statistics(&w->barrier, &stats);
    assert_int_equal(stats.parties, w->parties);
    assert_int_equal(stats.waiting, w->line.length);
    assert_int_equal(stats.draining, w->draining);
    assert_int_equal(stats.broken, w->broken);
    assert_int_equal(yibu_barrier_broken(&w->barrier), w->broken);
    assert_int_equal(yibu_barrier_n_waiting(&w->barrier), w->draining > 0 ? 0 : w->line.length);
}

static void unblock(world *any)
{
    barrier_world *w = (barrier_world *)(void *)any;
    break_waits(w);
    w->broken = false;
    yibu_barrier_reset(&w->barrier);
}

static const model barrier_model = {act, cut, check, unblock};

MODEL_TEST(a_barrier_does_as_its_model_does)
{
    int parties = 1 + (int)pick(3);
    barrier_world w = {.world.model = &barrier_model,
                       .barrier = YIBU_BARRIER_INIT((size_t)parties),
                       .parties = parties};
    model_run(&w.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_barrier_does_as_its_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
