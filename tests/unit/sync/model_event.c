/* An event beside its model: who waits, and who was woken and so has succeeded. */
#include "model.h"

typedef struct event_world {
    world world;
    yibu_event event;
    bool set;
    line line;
} event_world;

static event_world *world_of(actor *a)
{
    return (event_world *)(void *)a->world;
}

static void cut(actor *a)
{
    line_remove(&world_of(a)->line, a->index);
    a->place = CUT;
}

static void wait_for_it(event_world *w, actor *a)
{
    if (enter(a)) {
        assert_int_equal(yibu_event_wait(&w->event), -ECANCELED);
    } else if (w->set) {
        assert_int_equal(yibu_event_wait(&w->event), 0);
    } else {
        line_push(&w->line, a->index);
        a->place = IN_LINE;
        int r = yibu_event_wait(&w->event);
        model_sync(&w->world);
        assert_int_equal(r, a->place == HANDED ? 0 : -ECANCELED);
        assert_true(a->place != IN_LINE);
    }
    leave(a);
}

static void set(event_world *w)
{
    w->set = true;
    while (w->line.length > 0)
        w->world.actors[line_pop(&w->line)].place = HANDED;
    yibu_event_set(&w->event);
}

static void clear(event_world *w)
{
    w->set = false;
    yibu_event_clear(&w->event);
}

static void act(actor *a)
{
    event_world *w = world_of(a);
    switch (pick(6)) {
    case 0:
        set(w);
        break;
    case 1:
        set(w);
        clear(w);
        break;
    case 2:
        clear(w);
        break;
    default:
        wait_for_it(w, a);
    }
}

static void check(world *any)
{
    const event_world *w = (event_world *)(void *)any;
    yibu_event_stats stats;
    yibu_event_statistics(&w->event, &stats);
    assert_int_equal(stats.set, w->set);
    assert_int_equal(yibu_event_is_set(&w->event), w->set);
    assert_int_equal(stats.waiting, w->line.length);
}

static void unblock(world *any)
{
    set((event_world *)(void *)any);
}

MODEL_TEST(an_event_does_as_its_model_does)
{
    static const model event_model = {act, cut, check, unblock};
    event_world w = {.world.model = &event_model, .event = YIBU_EVENT_INIT};
    model_run(&w.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_event_does_as_its_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
