/* Callbacks: soon, later, from other threads. */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

static char order[64];

static void note(void *arg)
{
    strcat(order, arg);
}

static int clear_order(void **state)
{
    order[0] = '\0';
    return test_loop_setup(state);
}

#define order_unit_test(NAME) cmocka_unit_test_setup_teardown(NAME, clear_order, test_loop_teardown)

static void calls_run_in_the_order_they_were_made(void **state)
{
    yibu_loop *loop = *state;
    assert_int_equal(yibu_call_soon(loop, note, "a", NULL), 0);
    assert_int_equal(yibu_call_soon(loop, note, "b", NULL), 0);
    assert_int_equal(yibu_call_soon_threadsafe(loop, note, "c"), 0);
    assert_int_equal(yibu_call_soon_threadsafe(loop, note, "d"), 0);
    assert_string_equal(order, "");
    test_loop_drain(loop);
    assert_string_equal(order, "abcd");
}

static void note_and_call_again(void *arg)
{
    note("1");
    yibu_call_soon(arg, note, "3", NULL);
}

static void a_call_made_in_a_call_runs_after_what_is_due(void **state)
{
    yibu_loop *loop = *state;
    yibu_call_soon(loop, note_and_call_again, loop, NULL);
    yibu_call_soon(loop, note, "2", NULL);
    test_loop_drain(loop);
    assert_string_equal(order, "123");
}

static void later_calls_run_in_the_order_of_their_deadlines(void **state)
{
    yibu_loop *loop = *state;
    int64_t now = yibu_loop_time(loop);
    yibu_call_at(loop, now + YIBU_MS(9), note, "d", NULL);
    yibu_call_at(loop, now + YIBU_US(300), note, "b", NULL);
    yibu_call_at(loop, now + YIBU_MS(3), note, "c", NULL);
    yibu_call_at(loop, now, note, "a", NULL);
    yibu_call_at(loop, now + YIBU_MS(9) + 1, note, "e", NULL);
    test_loop_drain(loop);
    assert_string_equal(order, "abcde");
}

typedef struct alarm_clock {
    yibu_loop *loop;
    int64_t due_ns, rang_ns;
} alarm_clock;

static void ring(void *arg)
{
    alarm_clock *a = arg;
    a->rang_ns = yibu_loop_time(a->loop);
}

enum { ALARMS = 40 };

/* Rings a series of alarms, none of them early; notes those that were less than half a millisecond
 * late. */
static void ring_alarms(yibu_loop *loop, bool *exact)
{
    alarm_clock alarms[ALARMS];
    int64_t start = yibu_loop_time(loop);
    for (int i = 0; i < ALARMS; i++) {
        alarms[i] = (alarm_clock){loop, start + YIBU_US(137) * (i + 1), 0};
        assert_int_equal(yibu_call_at(loop, alarms[i].due_ns, ring, &alarms[i], NULL), 0);
    }
    test_loop_drain(loop);
    for (int i = 0; i < ALARMS; i++) {
        assert_true(alarms[i].rang_ns >= alarms[i].due_ns);
        exact[i] = exact[i] || alarms[i].rang_ns - alarms[i].due_ns < YIBU_US(500);
    }
}

/* A loop that rounds up to milliseconds makes the same half of them late, every time; one that does
 * not, only while others want the processor. */
static void later_calls_are_never_early_and_are_not_rounded(void **state)
{
    bool exact[ALARMS] = {false};
    int count = 0;
    for (int attempt = 0; attempt < 400 && count < ALARMS; attempt++) {
        ring_alarms(*state, exact);
        count = 0;
        for (int i = 0; i < ALARMS; i++)
            count += exact[i];
    }
    assert_int_equal(count, ALARMS);
}

static void a_call_in_the_past_runs_in_the_next_turn(void **state)
{
    yibu_loop *loop = *state;
    int count = 0;
    assert_int_equal(yibu_call_at(loop, -5, test_count, &count, NULL), 0);
    assert_int_equal(yibu_call_at(loop, 5, test_count, &count, NULL), 0);
    assert_int_equal(yibu_call_later(loop, -5, test_count, &count, NULL), 0);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(count, 3);
}

static void calls_without_callback_or_loop_are_refused(void **state)
{
    yibu_loop *loop = *state;
    int x;
    assert_int_equal(yibu_call_soon(loop, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_call_later(loop, 1, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_call_at(loop, 1, NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_call_soon_threadsafe(loop, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_call_soon(NULL, test_count, &x, NULL), -EINVAL);
    assert_int_equal(yibu_call_later(NULL, 1, test_count, &x, NULL), -EINVAL);
    assert_int_equal(yibu_call_soon_threadsafe(NULL, test_count, &x), -EINVAL);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
}

/* Handles. */

static void a_cancelled_call_does_not_run(void **state)
{
    yibu_loop *loop = *state;
    yibu_handle *soon, *later;
    int count = 0;
    yibu_call_soon(loop, test_count, &count, &soon);
    yibu_call_later(loop, YIBU_MS(1), test_count, &count, &later);
    assert_false(yibu_handle_cancelled(soon));
    yibu_handle_cancel(soon);
    yibu_handle_cancel(later);
    yibu_handle_cancel(later);
    assert_true(yibu_handle_cancelled(soon));
    assert_true(yibu_handle_cancelled(later));
    yibu_handle_unref(soon);
    yibu_handle_unref(later);
    test_loop_drain(loop);
    assert_int_equal(count, 0);
}

/* asyncio: TimerHandle.when(). */
static void a_handle_says_when_its_call_is_due(void **state)
{
    yibu_loop *loop = *state;
    yibu_handle *soon, *later, *at;
    int count = 0;
    int64_t start = yibu_loop_time(loop);
    yibu_call_soon(loop, test_count, &count, &soon);
    yibu_call_later(loop, YIBU_MS(1), test_count, &count, &later);
    yibu_call_at(loop, start + 7, test_count, &count, &at);
    assert_int_equal(yibu_handle_when(soon), 0);
    assert_true(yibu_handle_when(later) >= start + YIBU_MS(1));
    assert_int_equal(yibu_handle_when(at), start + 7);
    test_loop_drain(loop);
    assert_int_equal(count, 3);
    assert_int_equal(yibu_handle_when(at), start + 7);
    yibu_handle_unref(soon);
    yibu_handle_unref(later);
    yibu_handle_unref(at);
}

static void cancelling_what_ran_has_no_effect(void **state)
{
    yibu_loop *loop = *state;
    yibu_handle *soon, *later;
    int count = 0;
    yibu_call_soon(loop, test_count, &count, &soon);
    yibu_call_later(loop, 0, test_count, &count, &later);
    test_loop_drain(loop);
    yibu_handle_cancel(soon);
    yibu_handle_cancel(later);
    assert_false(yibu_handle_cancelled(soon));
    assert_int_equal(count, 2);
    yibu_handle_unref(soon);
    yibu_handle_unref(later);
}

static void a_handle_may_be_dropped_before_its_call_runs(void **state)
{
    yibu_loop *loop = *state;
    yibu_handle *soon, *later;
    int count = 0;
    yibu_call_soon(loop, test_count, &count, &soon);
    yibu_call_later(loop, YIBU_US(10), test_count, &count, &later);
    yibu_handle_unref(soon);
    yibu_handle_unref(later);
    yibu_handle_unref(NULL);
    yibu_handle_cancel(NULL);
    test_loop_drain(loop);
    assert_int_equal(count, 2);
}

typedef struct self_cancel {
    yibu_handle *own, *other;
    int count;
} self_cancel;

static void cancel_both(void *arg)
{
    self_cancel *s = arg;
    s->count++;
    yibu_handle_cancel(s->own);
    yibu_handle_cancel(s->other);
}

static void a_call_may_cancel_itself_and_the_one_after_it(void **state)
{
    yibu_loop *loop = *state;
    self_cancel s = {0};
    yibu_call_soon(loop, cancel_both, &s, &s.own);
    yibu_call_soon(loop, cancel_both, &s, &s.other);
    test_loop_drain(loop);
    assert_int_equal(s.count, 1);
    assert_false(yibu_handle_cancelled(s.own));
    assert_true(yibu_handle_cancelled(s.other));
    yibu_handle_unref(s.own);
    yibu_handle_unref(s.other);
}

/* One fires before the other at the same time, when both are due already. */
static void a_timer_that_is_due_can_still_be_cancelled(void **state)
{
    yibu_loop *loop = *state;
    self_cancel s = {0};
    int64_t now = yibu_loop_time(loop);
    yibu_call_at(loop, now, cancel_both, &s, &s.own);
    yibu_call_at(loop, now + 1, cancel_both, &s, &s.other);
    test_loop_drain(loop);
    assert_int_equal(s.count, 1);
    yibu_handle_unref(s.own);
    yibu_handle_unref(s.other);
}

static void calls_that_did_not_run_are_dropped_with_the_loop(void **state)
{
    (void)state;
    yibu_loop *loop;
    yibu_handle *kept;
    int count = 0;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_call_soon(loop, test_count, &count, NULL);
    yibu_call_later(loop, YIBU_SECONDS(100), test_count, &count, NULL);
    yibu_call_later(loop, YIBU_SECONDS(100), test_count, &count, &kept);
    yibu_call_soon_threadsafe(loop, test_count, &count);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(count, 0);
    assert_true(yibu_handle_cancelled(kept));
    yibu_handle_cancel(kept);
    yibu_handle_unref(kept);
}

/* Other threads. */

enum { THREADS = 4, POSTS = 25000 };

typedef struct poster {
    yibu_loop *loop;
    int received; /* in the loop only */
    bool out_of_order;
    struct post {
        struct poster *poster;
        int number;
    } * posts;
} poster;

static void receive(void *arg)
{
    struct post *post = arg;
    if (post->number != post->poster->received++)
        post->poster->out_of_order = true;
}

static void *post_many(void *arg)
{
    poster *p = arg;
    for (int i = 0; i < POSTS; i++) {
        p->posts[i] = (struct post){p, i};
        if (yibu_call_soon_threadsafe(p->loop, receive, &p->posts[i]) < 0)
            abort();
    }
    return NULL;
}

static void no_call_from_another_thread_is_lost(void **state)
{
    yibu_loop *loop = *state;
    poster posters[THREADS] = {{0}};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        posters[i].loop = loop;
        posters[i].posts = calloc(POSTS, sizeof(struct post));
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }
    int received = 0;
    while (received < THREADS * POSTS) {
        yibu_loop_run_once(loop, YIBU_FOREVER);
        received = 0;
        for (int i = 0; i < THREADS; i++)
            received += posters[i].received;
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(posters[i].out_of_order);
        free(posters[i].posts);
    }
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
}

/* One post at a time to a loop that sleeps, so that every one of them must wake it. */
typedef struct pings {
    yibu_loop *loop;
    pthread_barrier_t turn;
    int count;
} pings;

enum { PINGS = 2000 };

static void *ping(void *arg)
{
    pings *p = arg;
    for (int i = 0; i < PINGS; i++) {
        pthread_barrier_wait(&p->turn);
        yibu_call_soon_threadsafe(p->loop, test_count, &p->count);
    }
    return NULL;
}

static void a_call_from_another_thread_wakes_a_sleeping_loop(void **state)
{
    pings p = {.loop = *state};
    pthread_t thread;
    pthread_barrier_init(&p.turn, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, ping, &p), 0);
    for (int i = 0; i < PINGS; i++) {
        pthread_barrier_wait(&p.turn);
        while (p.count == i)
            yibu_loop_run_once(p.loop, YIBU_FOREVER);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&p.turn);
    assert_int_equal(p.count, PINGS);
}

static void one_wait_is_enough_for_a_call_from_another_thread(void **state)
{
    yibu_loop *loop = *state;
    poster p = {.loop = loop, .posts = calloc(POSTS, sizeof(struct post))};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_many, &p), 0);
    assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
    assert_true(p.received > 0);
    pthread_join(thread, NULL);
    while (p.received < POSTS)
        yibu_loop_run_once(loop, YIBU_FOREVER);
    free(p.posts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        order_unit_test(calls_run_in_the_order_they_were_made),
        order_unit_test(a_call_made_in_a_call_runs_after_what_is_due),
        order_unit_test(later_calls_run_in_the_order_of_their_deadlines),
        loop_unit_test(later_calls_are_never_early_and_are_not_rounded),
        loop_unit_test(a_call_in_the_past_runs_in_the_next_turn),
        loop_unit_test(calls_without_callback_or_loop_are_refused),
        loop_unit_test(a_cancelled_call_does_not_run),
        loop_unit_test(a_handle_says_when_its_call_is_due),
        loop_unit_test(cancelling_what_ran_has_no_effect),
        loop_unit_test(a_handle_may_be_dropped_before_its_call_runs),
        loop_unit_test(a_call_may_cancel_itself_and_the_one_after_it),
        loop_unit_test(a_timer_that_is_due_can_still_be_cancelled),
        cmocka_unit_test(calls_that_did_not_run_are_dropped_with_the_loop),
        loop_unit_test(no_call_from_another_thread_is_lost),
        loop_unit_test(a_call_from_another_thread_wakes_a_sleeping_loop),
        loop_unit_test(one_wait_is_enough_for_a_call_from_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
