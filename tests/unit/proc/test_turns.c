/* The line of a process pool: against a sequential model, and what it promises. */
#include "test.h"

#include "proc/turns.h"

typedef struct waiter {
    yb_turn turn; /* first */
    bool waits;
} waiter;

static waiter *serve(yb_turns *line)
{
    yb_turn *first = yb_turns_first(line);
    if (first)
        yb_turns_serve(line, first);
    return (waiter *)(void *)first;
}

static void come(yb_turns *line, waiter *w, const void *source, int priority)
{
    w->turn = (yb_turn){.priority = priority, .turn = yb_turns_take_turn(line, source)};
    yb_turns_enter(line, &w->turn);
}

static void of_one_source_first_come_is_first_served(void **state)
{
    enum { COUNT = 100 };
    waiter waiters[COUNT];
    yb_turns line;
    (void)state;
    yb_turns_init(&line);
    for (int i = 0; i < COUNT; i++)
        come(&line, &waiters[i], NULL, 0);
    assert_int_equal(line.count, COUNT);
    for (int i = 0; i < COUNT; i++)
        assert_ptr_equal(serve(&line), &waiters[i]);
    assert_null(serve(&line));
    assert_int_equal(line.count, 0);
}

static void higher_priority_is_first_and_equal_ones_keep_their_order(void **state)
{
    enum { COUNT = 60 };
    waiter waiters[COUNT];
    yb_turns line;
    (void)state;
    yb_turns_init(&line);
    for (int i = 0; i < COUNT; i++)
        come(&line, &waiters[i], NULL, i % 3 - 1);
    for (int priority = 1; priority >= -1; priority--)
        for (int i = priority + 1; i < COUNT; i += 3)
            assert_ptr_equal(serve(&line), &waiters[i]);
}

static void sources_alternate_however_much_one_of_them_brings(void **state)
{
    enum { MANY = 1000 };
    static waiter many[MANY], few[2], more[2];
    yb_turns line;
    (void)state;
    yb_turns_init(&line);
    for (int i = 0; i < MANY; i++)
        come(&line, &many[i], many, 0);
    come(&line, &few[0], few, 0);
    come(&line, &few[1], few, 0);
    assert_ptr_equal(serve(&line), &many[0]);
    assert_ptr_equal(serve(&line), &few[0]);
    assert_ptr_equal(serve(&line), &many[1]);
    assert_ptr_equal(serve(&line), &few[1]);
    for (int i = 2; i < 500; i++)
        assert_ptr_equal(serve(&line), &many[i]);
    come(&line, &more[0], more, 0); /* has no claim for the time before it came */
    come(&line, &more[1], more, 0);
    assert_ptr_equal(serve(&line), &many[500]);
    assert_ptr_equal(serve(&line), &more[0]);
    assert_ptr_equal(serve(&line), &many[501]);
    assert_ptr_equal(serve(&line), &more[1]);
}

static void what_comes_back_keeps_its_turn(void **state)
{
    waiter waiters[4];
    yb_turns line;
    (void)state;
    yb_turns_init(&line);
    for (int i = 0; i < 4; i++)
        come(&line, &waiters[i], NULL, 0);
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(serve(&line), &waiters[i]);
    yb_turns_enter(&line, &waiters[1].turn);
    yb_turns_enter(&line, &waiters[2].turn);
    yb_turns_enter(&line, &waiters[0].turn);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(serve(&line), &waiters[i]);
}

/* The model: who is first is found by looking at all. */

enum { WAITERS = 200 };

static waiter *first_of(waiter *all)
{
    waiter *first = NULL;
    for (waiter *w = all; w < all + WAITERS; w++) {
        if (!w->waits)
            continue;
        bool earlier = first && (w->turn.priority != first->turn.priority
                                     ? w->turn.priority > first->turn.priority
                                     : w->turn.turn < first->turn.turn);
        if (!first || earlier)
            first = w;
    }
    return first;
}

static unsigned draw(uint64_t *seed, unsigned below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % below;
}

static void step(yb_turns *line, waiter *all, uint64_t *seed)
{
    waiter *w = &all[draw(seed, WAITERS)];
    unsigned what = draw(seed, 4);
    if (what == 0) {
        waiter *first = serve(line), *expected = first_of(all);
        assert_true(!first == !expected);
        if (!first)
            return;
        assert_int_equal(first->turn.priority, expected->turn.priority);
        assert_int_equal(first->turn.turn, expected->turn.turn);
        first->waits = false;
    } else if (w->waits) {
        yb_turns_leave(line, &w->turn);
        w->waits = false;
    } else if (what == 1 && w->turn.turn > 0) {
        yb_turns_enter(line, &w->turn); /* comes back */
        w->waits = true;
    } else {
        come(line, w, &all[draw(seed, 20)], draw(seed, 2) ? 0 : (int)draw(seed, 5) - 2);
        w->waits = true;
    }
}

static void line_does_what_its_model_does(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 300; run++) {
        static waiter all[WAITERS];
        uint64_t seed = run;
        yb_turns line;
        yb_turns_init(&line);
        memset(all, 0, sizeof(all));
        for (int i = 0; i < 2000; i++)
            step(&line, all, &seed);
        unsigned waiting = 0;
        for (int i = 0; i < WAITERS; i++)
            waiting += all[i].waits;
        assert_int_equal(line.count, waiting);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_one_source_first_come_is_first_served),
        cmocka_unit_test(higher_priority_is_first_and_equal_ones_keep_their_order),
        cmocka_unit_test(sources_alternate_however_much_one_of_them_brings),
        cmocka_unit_test(what_comes_back_keeps_its_turn),
        cmocka_unit_test(line_does_what_its_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
