/* A channel against a model of it: tasks that send, receive, give up, are cancelled and close it,
 * in the simulator.
 *
 * Which of several waiters gets an item is the channel's choice, so the model is a set of promises:
 * what was sent is received once, what was not is not; what a receiver gets of a sender is in the
 * order in which that sent it; no call fails without a reason; nobody waits for what is there. */
#include <errno.h>

#include "sim.h"

enum { MODEL_SEEDS = YB_TEST_SLOWDOWN > 1 ? 1000 : 10000 };

enum { ACTORS_MAX = 5, ACTS_MAX = 40, ITEMS = ACTORS_MAX * ACTS_MAX, MAIN = ACTORS_MAX };

typedef enum fate { UNKNOWN, REFUSED, SENT, RECEIVED } fate;

typedef struct world {
    yibu_channel *channel;
    size_t capacity;
    bool closed;
    fate items[ITEMS];                    /* item n is sender n / ACTS_MAX's n % ACTS_MAX-th */
    bool arrived[ITEMS];                  /* also before its sender has heard that it was sent */
    int last[ACTORS_MAX + 1][ACTORS_MAX]; /* that a receiver got of a sender */
    size_t sent, received;
} world;

typedef struct actor {
    world *world;
    int index, acts;
} actor;

static yibu_channel_stats look(const world *w)
{
    yibu_channel_stats stats;
    yibu_channel_statistics(w->channel, &stats);
    assert_true(stats.length <= w->capacity);
    assert_int_equal(stats.closed, w->closed);
    return stats;
}

static bool cancelled(void)
{
    return yibu_check_cancelled() == -ECANCELED;
}

/* Sending. */

static void note_sent(world *w, int item, int r)
{
    assert_int_equal(w->items[item], UNKNOWN);
    w->items[item] = r == 0 ? SENT : REFUSED;
    if (r == 0)
        w->sent++;
    else
        assert_false(w->arrived[item]);
}

static void act_send(actor *a, int64_t timeout_ns)
{
    world *w = a->world;
    int item = a->index * ACTS_MAX + a->acts;
    bool was_closed = w->closed;
    int r = yibu_channel_send_for(w->channel, (void *)(intptr_t)item, timeout_ns);
    assert_true(r == 0 || r == YIBU_ESHUTDOWN || r == -ETIMEDOUT || r == -ECANCELED);
    assert_false(r == 0 && was_closed);
    assert_false(r == YIBU_ESHUTDOWN && !w->closed);
    assert_false(r == -ETIMEDOUT && timeout_ns == YIBU_FOREVER);
    assert_false(r == -ECANCELED && !cancelled());
    note_sent(w, item, r);
}

static void try_send(actor *a)
{
    world *w = a->world;
    int item = a->index * ACTS_MAX + a->acts;
    yibu_channel_stats stats = look(w);
    int r = yibu_channel_try_send(w->channel, (void *)(intptr_t)item);
    assert_int_equal(r, w->closed ? YIBU_ESHUTDOWN : stats.length == w->capacity ? -EAGAIN : 0);
    note_sent(w, item, r);
}

/* Receiving. */

static void note_received(world *w, int receiver, void *item)
{
    int n = (int)(intptr_t)item, sender = n / ACTS_MAX;
    assert_false(w->arrived[n]);
    assert_int_not_equal(w->items[n], REFUSED);
    assert_true(n >= w->last[receiver][sender]);
    w->arrived[n] = true;
    w->last[receiver][sender] = n;
    w->received++;
}

static void act_receive(actor *a, int64_t timeout_ns)
{
    world *w = a->world;
    void *item = NULL;
    int r = yibu_channel_receive_for(w->channel, &item, timeout_ns);
    assert_true(r == 0 || r == YIBU_ESHUTDOWN || r == -ETIMEDOUT || r == -ECANCELED);
    assert_false(r == YIBU_ESHUTDOWN && (!w->closed || look(w).length > 0));
    assert_false(r == -ETIMEDOUT && timeout_ns == YIBU_FOREVER);
    assert_false(r == -ECANCELED && !cancelled());
    if (r == 0)
        note_received(w, a->index, item);
    else
        assert_null(item);
}

static void try_receive(actor *a)
{
    world *w = a->world;
    void *item;
    yibu_channel_stats stats = look(w);
    int r = yibu_channel_try_receive(w->channel, &item);
    assert_int_equal(r, stats.length > 0 ? 0 : w->closed ? YIBU_ESHUTDOWN : -EAGAIN);
    if (r == 0)
        note_received(w, a->index, item);
}

/* Actors. */

static int64_t some_timeout(void)
{
    return yibu_sim_chance(0.3) ? YIBU_MS(yibu_sim_random(3)) : YIBU_FOREVER;
}

static void act(actor *a)
{
    uint64_t dice = yibu_sim_random(100);
    if (dice < 40)
        act_send(a, some_timeout());
    else if (dice < 80)
        act_receive(a, some_timeout());
    else if (dice < 87)
        try_send(a);
    else if (dice < 94)
        try_receive(a);
    else
        (void)yibu_sleep(YIBU_MS(yibu_sim_random(3)));
}

static intptr_t play(void *arg)
{
    actor *a = arg;
    int acts = (int)yibu_sim_random(ACTS_MAX);
    for (; a->acts < acts; a->acts++) {
        act(a);
        while (yibu_task_cancelling(yibu_current_task()) > 0)
            (void)yibu_task_uncancel(yibu_current_task());
    }
    return 0;
}

/* Whether those who wait have a reason: one that was woken for what is there may not have run. */
static bool is_quiet(const world *w)
{
    yibu_channel_stats stats = look(w);
    return (stats.waiting_receivers == 0 || stats.length == 0) &&
           (stats.waiting_senders == 0 || stats.length == w->capacity) &&
           stats.length == w->sent - w->received;
}

/* It becomes so once nothing has happened for a while; a cancel may happen just before. */
static void check_quiet(const world *w)
{
    int patience = 10;
    do
        assert_int_equal(yibu_sleep(YIBU_SECONDS(1)), 0);
    while (!is_quiet(w) && patience-- > 0);
    assert_true(is_quiet(w));
}

static void stir(world *w)
{
    void *item;
    check_quiet(w);
    for (uint64_t left = yibu_sim_random(4); left > 0; left--)
        if (yibu_channel_try_receive(w->channel, &item) == 0)
            note_received(w, MAIN, item);
}

static void close_and_drain(world *w)
{
    void *item;
    yibu_channel_close(w->channel);
    w->closed = true;
    check_quiet(w);
    while (yibu_channel_receive(w->channel, &item) == 0)
        note_received(w, MAIN, item);
    assert_int_equal(w->sent, w->received);
}

SIM_TEST_WITH(the_channel_keeps_its_promises, MODEL_SEEDS, .cancel = 0.02)
{
    world w = {.capacity = 1 + (size_t)yibu_sim_random(4)};
    assert_int_equal(yibu_channel_new(w.capacity, &w.channel), 0);
    actor actors[ACTORS_MAX];
    yibu_task *tasks[ACTORS_MAX];
    int count = 2 + (int)yibu_sim_random(ACTORS_MAX - 1);
    for (int i = 0; i < count; i++) {
        actors[i] = (actor){.world = &w, .index = i};
        tasks[i] = yibu_create_task(play, &actors[i], NULL);
    }
    for (uint64_t left = yibu_sim_random(20); left > 0; left--)
        stir(&w);
    close_and_drain(&w);
    for (int i = 0; i < count; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(w.sent, w.received);
    yibu_channel_unref(w.channel);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_channel_keeps_its_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
