/* A limiter beside its model: who has a token, in which order they got it, and who waits. */
#include "model.h"

enum { KEYS = 6, TOTAL_MAX = 4 };

typedef struct limiter_world {
    world world;
    yibu_limiter *limiter;
    size_t total, borrowed;
    const void *holders[KEYS];
    uint64_t loans, loan_of[KEYS]; /* numbers of the loans: a key may have one and come again */
    line line;
    uint64_t lent[ACTORS];    /* the loan that one who was in line got */
    const void *keys[ACTORS]; /* on behalf of which those wait that do; NULL: none */
} limiter_world;

static const char keys[KEYS];

static limiter_world *world_of(actor *a)
{
    return (limiter_world *)(void *)a->world;
}

static void cut(actor *a)
{
    line_remove(&world_of(a)->line, a->index);
    a->place = CUT;
}

static uint64_t *loan_of(limiter_world *w, const void *key)
{
    return &w->loan_of[(const char *)key - keys];
}

static uint64_t lend(limiter_world *w, const void *key)
{
    w->holders[w->borrowed++] = key;
    return *loan_of(w, key) = ++w->loans;
}

static void serve(limiter_world *w)
{
    while (w->borrowed < w->total && w->line.length > 0) {
        int next = line_pop(&w->line);
        w->lent[next] = lend(w, w->keys[next]);
        w->world.actors[next].place = HANDED;
    }
}

static size_t position_of(const limiter_world *w, const void *key)
{
    size_t position = 0;
    while (position < w->borrowed && w->holders[position] != key)
        position++;
    return position;
}

static bool has_token(const limiter_world *w, const void *key)
{
    return position_of(w, key) < w->borrowed;
}

static bool is_known(const limiter_world *w, const void *key)
{
    for (int i = 0; i < ACTORS; i++)
        if (w->keys[i] == key && w->world.actors[i].place != HANDED)
            return true;
    return has_token(w, key);
}

static void give_back(limiter_world *w, const void *key)
{
    size_t position = position_of(w, key);
    *loan_of(w, key) = 0;
    w->borrowed--;
    memmove(&w->holders[position], &w->holders[position + 1],
            (w->borrowed - position) * sizeof(w->holders[0]));
    serve(w);
}

static int call_acquire(const limiter_world *w, const void *key)
{
    return yibu_limiter_acquire_on_behalf_of(w->limiter, key);
}

static void wait_in_line(limiter_world *w, actor *a, const void *key)
{
    line_push(&w->line, a->index);
    w->keys[a->index] = key;
    a->place = IN_LINE;
    int r = call_acquire(w, key);
    model_sync(&w->world);
    assert_int_equal(r, outcome(a));
    w->keys[a->index] = NULL;
    if (r < 0 && a->place == HANDED && *loan_of(w, key) == w->lent[a->index])
        give_back(w, key);
}

static void acquire(limiter_world *w, actor *a, const void *key)
{
    if (enter(a)) {
        assert_int_equal(call_acquire(w, key), -ECANCELED);
    } else if (is_known(w, key)) {
        assert_int_equal(call_acquire(w, key), -EALREADY);
    } else if (w->borrowed < w->total) {
        (void)lend(w, key);
        assert_int_equal(call_acquire(w, key), 0);
    } else {
        wait_in_line(w, a, key);
    }
    leave(a);
}

static void try_acquire(limiter_world *w, const void *key)
{
    int expected = is_known(w, key) ? -EALREADY : w->borrowed < w->total ? 0 : -EAGAIN;
    if (expected == 0)
        (void)lend(w, key);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(w->limiter, key), expected);
}

static void release(limiter_world *w, const void *key)
{
    bool held = has_token(w, key);
    if (held)
        give_back(w, key);
    assert_int_equal(yibu_limiter_release_on_behalf_of(w->limiter, key), held ? 0 : -EPERM);
}

static void set_total(limiter_world *w, size_t total)
{
    w->total = total;
    serve(w);
    yibu_limiter_set_total(w->limiter, total);
}

static void act(actor *a)
{
    limiter_world *w = world_of(a);
    const void *key = &keys[pick(KEYS)];
    size_t drawn = pick(12);
    if (drawn == 0)
        set_total(w, pick(TOTAL_MAX + 1));
    else if (drawn == 1)
        release(w, key);
    else if (drawn < 6 && w->borrowed > 0)
        release(w, w->holders[pick(w->borrowed)]);
    else if (drawn == 6)
        try_acquire(w, key);
    else
        acquire(w, a, key);
}

static void check(world *any)
{
    const limiter_world *w = (limiter_world *)(void *)any;
    yibu_limiter_stats stats;
    const void *holders[KEYS];
    yibu_limiter_statistics(w->limiter, &stats);
    assert_int_equal(stats.total, w->total);
    assert_int_equal(stats.borrowed, w->borrowed);
    assert_int_equal(stats.waiting, w->line.length);
    assert_int_equal(yibu_limiter_borrowers(w->limiter, holders, KEYS), w->borrowed);
    for (size_t i = 0; i < w->borrowed; i++)
        assert_ptr_equal(holders[i], w->holders[i]);
}

static void unblock(world *any)
{
    set_total((limiter_world *)(void *)any, KEYS);
}

static const model limiter_model = {act, cut, check, unblock};

MODEL_TEST(a_limiter_does_as_its_model_does)
{
    size_t total = pick(TOTAL_MAX);
    limiter_world w = {
        .world.model = &limiter_model, .limiter = yibu_limiter_new(total), .total = total};
    model_run(&w.world);
    yibu_limiter_free(w.limiter);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_limiter_does_as_its_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
