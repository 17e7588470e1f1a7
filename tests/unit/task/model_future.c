/* Futures and the waits for them beside a plain sequential model, in the simulator.
 *
 * Actors are tasks that wait for random futures in every way there is; the main task meanwhile ends
 * futures, cancels futures and actors, and adds and removes callbacks.  The model says of every
 * wait what it returns, of every moment which futures have ended and how, and at the end which
 * failures nobody retrieved and how often each callback was called.
 *
 * Virtual time moves only while nothing is ready, so whatever is due by now has expired already. */
#include "sim.h"

#include <errno.h>

enum { ACTORS = 4, MEMBERS = 4, ACTS = 15, FUTURES = 60, WINDOW = 5, STEPS = 150 };

typedef enum kind { AWAIT, SHIELD, WAIT_FOR, GATHER, WAIT, COMPLETE, KINDS } kind;

/* READING: not waiting any more, but still enlisted with what has not ended. */
typedef enum place { OUTSIDE, WAITING, READING } place;

typedef struct slot {
    yibu_future *future;
    bool done, seen;
    intptr_t value;
    int callbacks, called;
} slot;

typedef struct actor {
    struct world *world;
    yibu_task *task;
    place place;
    kind kind;
    unsigned mode; /* flags of gather, return_when of wait */
    int members[MEMBERS], count, left;
    bool shows, cancelled, expired, pending; /* pending: its checkpoints are cancelled */
    intptr_t result;                 /* that the wait is to return, of the first three kinds */
    intptr_t failure;                /* of gather: the first */
    int ended[MEMBERS], ended_count; /* of as_completed: to hand out */
    int64_t deadline_ns;
} actor;

typedef struct world {
    slot slots[FUTURES];
    int created, reports;
    actor actors[ACTORS];
} world;

static size_t pick(size_t bound)
{
    return (size_t)yibu_sim_random(bound);
}

static bool fails(intptr_t value)
{
    return yibu_failed(value);
}

/* The model. */

static bool is_member(const actor *a, int index)
{
    for (int i = 0; i < a->count; i++)
        if (a->members[i] == index)
            return true;
    return false;
}

static void wake(actor *a, intptr_t result)
{
    a->place = READING;
    a->result = result;
}

/* Whether the end of a future like this suffices for wait. */
static bool suffices(const actor *a, const slot *s)
{
    return a->mode == YIBU_FIRST_COMPLETED ||
           (a->mode == YIBU_FIRST_EXCEPTION && fails(s->value) && s->value != -ECANCELED);
}

static void gather_note(actor *a, slot *s)
{
    bool collects = a->mode == YIBU_RETURN_EXCEPTIONS;
    bool first = fails(s->value) && !collects && !a->cancelled && a->failure == 0;
    if (first)
        a->failure = s->value;
    if (first || collects || a->shows)
        s->seen = true;
}

static void await_ended(actor *a, slot *s)
{
    bool timed_out = a->expired && s->value == -ECANCELED;
    s->seen = true;
    wake(a, timed_out ? -ETIMEDOUT : s->value);
}

/* One member of an actor's has ended. */
static void member_ended(actor *a, int index)
{
    slot *s = &a->world->slots[index];
    a->left--;
    if (a->kind == GATHER) {
        gather_note(a, s);
        if (a->place == WAITING && (a->left == 0 || a->failure != 0))
            wake(a, 0);
    } else if (a->kind == WAIT) {
        if (a->place == WAITING && (a->left == 0 || suffices(a, s)))
            wake(a, 0);
    } else if (a->kind == COMPLETE) {
        a->ended[a->ended_count++] = index;
        if (a->place == WAITING)
            wake(a, 0);
    } else if (a->place == WAITING) {
        await_ended(a, s);
    }
}

static void end_slot(world *w, int index, intptr_t value)
{
    slot *s = &w->slots[index];
    assert_false(s->done);
    s->done = true;
    s->value = value;
    for (actor *a = w->actors; a < w->actors + ACTORS; a++)
        for (int i = 0; a->place != OUTSIDE && i < a->count; i++)
            if (a->members[i] == index)
                member_ended(a, index);
}

/* Whether another actor stands among the future's waiters. */
static bool others_wait(const actor *a, int index)
{
    for (const actor *b = a->world->actors; b < a->world->actors + ACTORS; b++) {
        bool many = b->kind >= GATHER;
        if (b != a && (b->place == WAITING || (many && b->place == READING)) && is_member(b, index))
            return true;
    }
    return false;
}

static void interrupt(actor *a)
{
    int only = a->members[0];
    a->cancelled = true;
    if (a->kind == GATHER) {
        for (int i = 0; i < a->count; i++)
            if (!a->world->slots[a->members[i]].done)
                end_slot(a->world, a->members[i], -ECANCELED);
    } else if (a->kind <= WAIT_FOR && a->kind != SHIELD && !others_wait(a, only)) {
        end_slot(a->world, only, -ECANCELED);
    } else {
        wake(a, -ECANCELED);
    }
}

static void expire(actor *a)
{
    a->deadline_ns = INT64_MAX;
    if (a->place != WAITING)
        return;
    if (a->kind == WAIT) {
        wake(a, 0);
    } else {
        a->expired = true;
        end_slot(a->world, a->members[0], -ECANCELED);
    }
}

/* Makes up for time limits, in the order of their deadlines. */
static void catch_up(world *w)
{
    int64_t now_ns = yibu_loop_time(yibu_get_running_loop());
    for (;;) {
        actor *first = NULL;
        for (actor *a = w->actors; a < w->actors + ACTORS; a++)
            if (a->deadline_ns <= now_ns && (!first || a->deadline_ns < first->deadline_ns))
                first = a;
        if (!first)
            return;
        expire(first);
    }
}

static void check(const world *w)
{
    for (int i = 0; i < w->created; i++) {
        const slot *s = &w->slots[i];
        assert_int_equal(yibu_future_done(s->future), s->done);
        assert_int_equal(yibu_future_cancelled(s->future), s->done && s->value == -ECANCELED);
    }
}

/* Waits. */

static void choose(actor *a)
{
    world *w = a->world;
    int window = w->created < WINDOW ? w->created : WINDOW;
    a->kind = (kind)pick(KINDS);
    a->count = a->kind < GATHER ? 1 : 1 + (int)pick(MEMBERS);
    for (int i = 0; i < a->count; i++)
        a->members[i] = w->created - 1 - (int)pick((size_t)window);
    a->mode = a->kind == WAIT ? (unsigned)pick(3) : (unsigned)pick(2);
    a->shows = pick(2);
    a->cancelled = a->expired = false;
    a->failure = a->result = 0;
    a->ended_count = 0;
    a->left = 0;
    a->deadline_ns = INT64_MAX;
    for (int i = 0; i < a->count; i++)
        a->left += !w->slots[a->members[i]].done;
}

/* No two deadlines are the same: their last digit is the actor's index. */
static int64_t limit_of(actor *a)
{
    int64_t now_ns = yibu_loop_time(yibu_get_running_loop());
    int64_t when_ns = now_ns + 10 + (int64_t)pick(400) * 10;
    a->deadline_ns = when_ns - when_ns % 10 + (a - a->world->actors);
    return a->deadline_ns - now_ns;
}

/* The actor waits from now on, unless all is there; a cancel that is pending interrupts it. */
static void begin(actor *a, bool satisfied)
{
    a->place = satisfied ? READING : WAITING;
    if (!satisfied && a->pending)
        interrupt(a);
}

static intptr_t await_one(actor *a)
{
    slot *s = &a->world->slots[a->members[0]];
    int64_t limit_ns = a->kind == WAIT_FOR && !s->done ? limit_of(a) : 1;
    begin(a, s->done);
    if (s->done && a->place == READING && a->result == 0 && !a->cancelled) {
        s->seen = true;
        a->result = s->value;
    }
    if (a->kind == WAIT_FOR)
        return yibu_wait_for(s->future, limit_ns);
    return a->kind == SHIELD ? yibu_shield(s->future) : yibu_await(s->future);
}

static void list_members(const actor *a, yibu_future **futures)
{
    for (int i = 0; i < a->count; i++)
        futures[i] = a->world->slots[a->members[i]].future;
}

static void gather_all(actor *a)
{
    yibu_future *futures[MEMBERS];
    intptr_t results[MEMBERS];
    unsigned flags = a->mode == YIBU_RETURN_EXCEPTIONS ? YIBU_RETURN_EXCEPTIONS : 0;
    list_members(a, futures);
    for (int i = 0; i < a->count; i++)
        if (a->world->slots[a->members[i]].done)
            gather_note(a, &a->world->slots[a->members[i]]);
    begin(a, a->left == 0 || a->failure != 0);
    intptr_t r = yibu_gather(futures, (size_t)a->count, a->shows ? results : NULL, flags);
    catch_up(a->world);
    assert_int_equal(a->place, READING);
    assert_int_equal(r, a->cancelled ? -ECANCELED : a->failure);
    for (int i = 0; a->shows && i < a->count; i++) {
        const slot *s = &a->world->slots[a->members[i]];
        assert_int_equal(results[i], s->done ? s->value : -EINPROGRESS);
    }
}

static bool wait_is_satisfied(const actor *a)
{
    bool satisfied = a->left == 0;
    for (int i = 0; i < a->count; i++) {
        const slot *s = &a->world->slots[a->members[i]];
        satisfied = satisfied || (s->done && suffices(a, s));
    }
    return satisfied;
}

static void wait_for_some(actor *a)
{
    yibu_future *futures[MEMBERS];
    list_members(a, futures);
    if (a->pending) {
        assert_int_equal(yibu_wait(futures, (size_t)a->count, YIBU_FOREVER, a->mode), -ECANCELED);
        return;
    }
    bool satisfied = wait_is_satisfied(a);
    int64_t limit_ns = !satisfied && pick(2) ? limit_of(a) : YIBU_FOREVER;
    begin(a, satisfied);
    ssize_t r = yibu_wait(futures, (size_t)a->count, limit_ns, a->mode);
    catch_up(a->world);
    assert_int_equal(a->place, READING);
    assert_int_equal(r, a->cancelled ? -ECANCELED : a->count - a->left);
}

/* Takes the next item; false at the end, whatever it is. */
static bool take_next(actor *a, yibu_iterator *iterator, int *handed)
{
    void *item;
    bool refused = a->pending;
    if (!refused && *handed < a->count)
        begin(a, *handed < a->ended_count);
    int r = yibu_iterator_next(iterator, &item);
    catch_up(a->world);
    if (!refused && *handed < a->ended_count) {
        assert_int_equal(r, 1);
        assert_ptr_equal(item, a->world->slots[a->ended[(*handed)++]].future);
        return true;
    }
    assert_int_equal(r, refused || a->cancelled ? -ECANCELED : 0);
    return false;
}

static void complete_some(actor *a)
{
    yibu_future *futures[MEMBERS];
    int handed = 0;
    list_members(a, futures);
    for (int i = 0; i < a->count; i++)
        if (a->world->slots[a->members[i]].done)
            a->ended[a->ended_count++] = a->members[i];
    yibu_iterator *iterator = yibu_as_completed(futures, (size_t)a->count, YIBU_FOREVER);
    a->place = READING; /* enlisted */
    while (pick(4) && take_next(a, iterator, &handed))
        if (pick(3) == 0)
            (void)yibu_sleep((int64_t)pick(500));
    catch_up(a->world);
    a->place = OUTSIDE;
    assert_int_equal(yibu_iterator_close(iterator), 0);
}

static void wait_somehow(actor *a)
{
    catch_up(a->world);
    choose(a);
    if (a->kind == GATHER) {
        gather_all(a);
    } else if (a->kind == WAIT) {
        wait_for_some(a);
    } else if (a->kind == COMPLETE) {
        complete_some(a);
    } else {
        intptr_t r = await_one(a);
        catch_up(a->world);
        assert_int_equal(a->place, READING);
        /* A cancel from outside beats the limit. */
        bool beaten = a->result == -ETIMEDOUT && a->pending;
        assert_int_equal(r, beaten ? -ECANCELED : a->result);
    }
    a->place = OUTSIDE;
    a->deadline_ns = INT64_MAX;
    while (yibu_task_cancelling(a->task) > 0)
        (void)yibu_task_uncancel(a->task);
    a->pending = false;
    check(a->world);
}

static intptr_t act(void *arg)
{
    actor *a = arg;
    for (int i = 0; i < ACTS; i++) {
        if (pick(2))
            (void)yibu_sleep((int64_t)pick(500));
        wait_somehow(a);
    }
    return 0;
}

/* What the main task does. */

static world *current;

static void count_call(yibu_future *future, void *arg)
{
    slot *s = arg;
    catch_up(current);
    assert_ptr_equal(future, s->future);
    assert_true(s->done);
    s->called++;
}

static void create(world *w)
{
    if (w->created < FUTURES)
        w->slots[w->created++].future = yibu_create_future(NULL);
}

static void end_somehow(world *w, int index)
{
    static const intptr_t values[] = {5, 0, -EIO, -EPIPE, -ECANCELED};
    slot *s = &w->slots[index];
    intptr_t value = values[pick(5)];
    int wanted = s->done ? -EALREADY : 0;
    bool was_done = s->done;
    if (!was_done)
        end_slot(w, index, value);
    if (value == -ECANCELED)
        assert_int_equal(yibu_future_cancel(s->future), !was_done);
    else if (fails(value))
        assert_int_equal(yibu_future_set_exception(s->future, (int)value), wanted);
    else
        assert_int_equal(yibu_future_set_result(s->future, value), wanted);
}

static void cancel_actor(actor *a)
{
    if (yibu_task_done(a->task))
        return;
    if (!a->pending && a->place == WAITING)
        interrupt(a);
    a->pending = true;
    assert_true(yibu_task_cancel(a->task));
}

static void change_callbacks(slot *s)
{
    if (pick(3)) {
        assert_int_equal(yibu_future_add_done_callback(s->future, count_call, s), 0);
        s->callbacks++;
    } else {
        int left = s->callbacks - s->called;
        assert_int_equal(yibu_future_remove_done_callback(s->future, count_call, s), left);
        s->callbacks = s->called;
    }
}

static void torment(world *w)
{
    int window = w->created < WINDOW ? w->created : WINDOW;
    int index = w->created - 1 - (int)pick((size_t)window);
    catch_up(w);
    switch (pick(6)) {
    case 0:
        create(w);
        break;
    case 1:
        cancel_actor(&w->actors[pick(ACTORS)]);
        break;
    case 2:
        change_callbacks(&w->slots[index]);
        break;
    case 3:
        create(w);
        /* fall through */
    default:
        end_somehow(w, index);
    }
    check(w);
}

static bool all_done(const world *w)
{
    for (int i = 0; i < ACTORS; i++)
        if (!yibu_task_done(w->actors[i].task))
            return false;
    return true;
}

static void finish(world *w)
{
    while (!all_done(w)) {
        catch_up(w);
        for (int i = 0; i < w->created; i++)
            if (!w->slots[i].done)
                end_somehow(w, i);
        assert_int_equal(yibu_sleep(100), 0);
    }
    for (int i = 0; i < ACTORS; i++) {
        assert_int_equal(yibu_await(w->actors[i].task), 0);
        yibu_task_unref(w->actors[i].task);
    }
    assert_int_equal(yibu_sleep(100), 0);
}

/* Drops the futures; what they report, and how often they called back, is as the model has it. */
static void drop_all(world *w)
{
    for (int i = 0; i < w->created; i++) {
        slot *s = &w->slots[i];
        int before = w->reports;
        assert_int_equal(s->called, s->done ? s->callbacks : 0);
        yibu_future_unref(s->future);
        bool reported = s->done && fails(s->value) && s->value != -ECANCELED && !s->seen;
        assert_int_equal(w->reports - before, reported);
    }
}

static void count_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    (void)code;
    (void)arg;
    current->reports++;
}

static uint64_t seeds(void)
{
    const char *text = getenv("YIBU_MODEL_SEEDS");
    return text ? strtoull(text, NULL, 10) : YB_TEST_SLOWDOWN > 1 ? 200 : 10000;
}

SIM_TEST_WITH(futures_do_as_their_model_does, seeds(), .exception_handler = count_report)
{
    world w = {.created = 0};
    current = &w;
    create(&w);
    for (int i = 0; i < ACTORS; i++) {
        w.actors[i] = (actor){.world = &w, .deadline_ns = INT64_MAX};
        w.actors[i].task = yibu_create_task(act, &w.actors[i], NULL);
    }
    for (int i = 0; i < STEPS; i++) {
        if (pick(2))
            assert_int_equal(yibu_sleep((int64_t)pick(500)), 0);
        torment(&w);
    }
    finish(&w);
    drop_all(&w);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(futures_do_as_their_model_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
