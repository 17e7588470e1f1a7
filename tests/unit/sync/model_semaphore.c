/* A semaphore beside its model: how many permits are free, and who waits in which order. */
#include "model.h"

typedef struct semaphore_world {
    world world;
    yibu_semaphore semaphore;
    size_t value, bound, out;
    line line;
} semaphore_world;

static semaphore_world *world_of(actor *a)
{
    return (semaphore_world *)(void *)a->world;
}

static void cut(actor *a)
{
    line_remove(&world_of(a)->line, a->index);
    a->place = CUT;
}

/* False: that would exceed the bound. */
static bool give_back(semaphore_world *w)
{
    if (w->value >= w->bound)
        return false;
    int next = line_pop(&w->line);
    if (next == NOBODY)
        w->value++;
    else
        w->world.actors[next].place = HANDED;
    return true;
}

static void acquire(semaphore_world *w, actor *a)
{
    if (enter(a)) {
        assert_int_equal(yibu_semaphore_acquire(&w->semaphore), -ECANCELED);
    } else if (w->value > 0) {
        w->value--;
        w->out++;
        assert_int_equal(yibu_semaphore_acquire(&w->semaphore), 0);
    } else {
        line_push(&w->line, a->index);
        a->place = IN_LINE;
        int r = yibu_semaphore_acquire(&w->semaphore);
        model_sync(&w->world);
        assert_int_equal(r, outcome(a));
        if (r < 0 && a->place == HANDED)
            (void)give_back(w);
        w->out += r == 0;
    }
    leave(a);
}

static void release(semaphore_world *w)
{
    bool fits = give_back(w);
    assert_int_equal(yibu_semaphore_release(&w->semaphore), fits ? 0 : -EINVAL);
    w->out -= w->out > 0;
}

static void try_acquire(semaphore_world *w)
{
    int expected = w->value > 0 ? 0 : -EAGAIN;
    w->value -= expected == 0;
    w->out += expected == 0;
    assert_int_equal(yibu_semaphore_try_acquire(&w->semaphore), expected);
}

static void act(actor *a)
{
    semaphore_world *w = world_of(a);
    if (w->out > 0 ? pick(2) == 0 : pick(20) == 0)
        release(w);
    else if (pick(6) == 0)
        try_acquire(w);
    else
        acquire(w, a);
}

static void check(world *any)
{
    const semaphore_world *w = (semaphore_world *)(void *)any;
    yibu_semaphore_stats stats;
    yibu_semaphore_statistics(&w->semaphore, &stats);
    assert_int_equal(stats.value, w->value);
    assert_int_equal(stats.bound, w->bound);
    assert_int_equal(stats.waiting, w->line.length);
    assert_int_equal(w->semaphore.value, w->value);
    assert_int_equal(yibu_semaphore_locked(&w->semaphore), w->value == 0);
}

static void unblock(world *any)
{
    release((semaphore_world *)(void *)any);
}

static const model semaphore_model = {act, cut, check, unblock};

MODEL_TEST(a_semaphore_does_as_its_model_does)
{
    size_t value = pick(3);
    semaphore_world w = {.world.model = &semaphore_model,
                         .semaphore = YIBU_SEMAPHORE_INIT(value),
                         .value = value,
                         .bound = SIZE_MAX};
    model_run(&w.world);
    return 0;
}

MODEL_TEST(a_bounded_semaphore_does_as_its_model_does)
{
    size_t value = 1 + pick(2);
    semaphore_world w = {.world.model = &semaphore_model,
                         .semaphore = YIBU_BOUNDED_SEMAPHORE_INIT(value),
                         .value = value,
                         .bound = value};
    model_run(&w.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_semaphore_does_as_its_model_does),
        cmocka_unit_test(a_bounded_semaphore_does_as_its_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
