/* A read-write lock beside its model: who is in, and who waits for what in which order. */
#include "model.h"

typedef struct rwlock_world {
    world world;
    yibu_rwlock lock;
    size_t readers;
    int writer;
    line line;
    bool writes[ACTORS]; /* what those in line want */
} rwlock_world;

static rwlock_world *world_of(actor *a)
{
    return (rwlock_world *)(void *)a->world;
}

static bool may_enter(const rwlock_world *w, bool writes)
{
    return w->writer == NOBODY && (!writes || w->readers == 0);
}

static void go_in(rwlock_world *w, int index, bool writes)
{
    if (writes)
        w->writer = index;
    else
        w->readers++;
}

static void admit(rwlock_world *w)
{
    while (w->line.length > 0 && may_enter(w, w->writes[w->line.at[0]])) {
        int next = line_pop(&w->line);
        go_in(w, next, w->writes[next]);
        w->world.actors[next].place = HANDED;
    }
}

static void cut(actor *a)
{
    line_remove(&world_of(a)->line, a->index);
    a->place = CUT;
    admit(world_of(a));
}

static void go_out(rwlock_world *w, bool writes)
{
    if (writes)
        w->writer = NOBODY;
    else
        w->readers--;
    admit(w);
}

static int call_acquire(rwlock_world *w, bool writes)
{
    return writes ? yibu_rwlock_acquire_write(&w->lock) : yibu_rwlock_acquire_read(&w->lock);
}

static void acquire(rwlock_world *w, actor *a, bool writes)
{
    if (enter(a)) {
        assert_int_equal(call_acquire(w, writes), -ECANCELED);
    } else if (w->line.length == 0 && may_enter(w, writes)) {
        go_in(w, a->index, writes);
        assert_int_equal(call_acquire(w, writes), 0);
    } else {
        line_push(&w->line, a->index);
        w->writes[a->index] = writes;
        a->place = IN_LINE;
        int r = call_acquire(w, writes);
        model_sync(&w->world);
        assert_int_equal(r, outcome(a));
        if (r < 0 && a->place == HANDED && (writes ? w->writer == a->index : w->readers > 0))
            go_out(w, writes);
    }
    leave(a);
}

static void try_acquire(rwlock_world *w, const actor *a, bool writes)
{
    bool enters = w->line.length == 0 && may_enter(w, writes);
    if (enters)
        go_in(w, a->index, writes);
    int r =
        writes ? yibu_rwlock_try_acquire_write(&w->lock) : yibu_rwlock_try_acquire_read(&w->lock);
    assert_int_equal(r, enters ? 0 : -EAGAIN);
}

static void release(rwlock_world *w, bool writes)
{
    bool held = writes ? w->writer != NOBODY : w->readers > 0;
    if (held)
        go_out(w, writes);
    int r = writes ? yibu_rwlock_release_write(&w->lock) : yibu_rwlock_release_read(&w->lock);
    assert_int_equal(r, held ? 0 : -EPERM);
}

static void act(actor *a)
{
    rwlock_world *w = world_of(a);
    bool writes = pick(3) == 0, held = w->readers > 0 || w->writer != NOBODY;
    if (held && pick(2))
        release(w, w->writer != NOBODY);
    else if (pick(12) == 0)
        release(w, writes);
    else if (pick(6) == 0)
        try_acquire(w, a, writes);
    else
        acquire(w, a, writes);
}

static void check(world *any)
{
    const rwlock_world *w = (rwlock_world *)(void *)any;
    yibu_rwlock_stats stats;
    yibu_rwlock_statistics(&w->lock, &stats);
    size_t writers = 0;
    for (int i = 0; i < w->line.length; i++)
        writers += w->writes[w->line.at[i]];
    assert_int_equal(stats.readers, w->readers);
    assert_int_equal(stats.writing, w->writer != NOBODY);
    assert_ptr_equal(stats.owner, model_task(any, w->writer));
    assert_int_equal(stats.waiting_writers, writers);
    assert_int_equal(stats.waiting_readers, (size_t)w->line.length - writers);
}

static void unblock(world *any)
{
    rwlock_world *w = (rwlock_world *)(void *)any;
    release(w, w->writer != NOBODY);
}

static const model rwlock_model = {act, cut, check, unblock};

MODEL_TEST(a_read_write_lock_does_as_its_model_does)
{
    rwlock_world w = {.world.model = &rwlock_model, .lock = YIBU_RWLOCK_INIT, .writer = NOBODY};
    model_run(&w.world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_read_write_lock_does_as_its_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
