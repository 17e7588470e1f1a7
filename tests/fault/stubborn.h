/* A transfer both of whose ends are cancelled again and again, at any moment, and begun anew: what
 * one end was told that it sent is what the other one is told that it received, all of it, once. */
#ifndef STUBBORN_H
#define STUBBORN_H

#include "streams.h"

enum { STUBBORN_BYTES = 300000 / YB_TEST_SLOWDOWN, STUBBORN_PIECE = 3000 };

typedef struct stubborn stubborn;
struct stubborn {
    /* One piece, of size bytes at most.  Returns how many, counted in neither place, or a failure;
     * a give that is cancelled may have counted in `sent` what went out before. */
    ssize_t (*give)(stubborn *s, const uint8_t *data, size_t size);
    ssize_t (*take)(stubborn *s, uint8_t *ret_data, size_t size);
    int from, to;
    yibu_stream *reader, *writer;
    size_t sent, received;
    const uint8_t *bytes; /* all that is to be sent */
    int cancels;          /* that interrupted something */
};

static inline size_t stubborn_random(size_t below)
{
    static unsigned seed = 1;
    return (size_t)rand_r(&seed) % below;
}

/* So that one end is not done before the other begins. */
static inline int stubborn_rest(void)
{
    return stubborn_random(3) ? 0 : yibu_sleep(0);
}

static intptr_t stubborn_give(void *arg)
{
    stubborn *s = arg;
    int r = 0;
    for (; r == 0 && s->sent < STUBBORN_BYTES; r = stubborn_rest()) {
        size_t size = 1 + stubborn_random(STUBBORN_PIECE), left = STUBBORN_BYTES - s->sent;
        ssize_t n = s->give(s, s->bytes + s->sent, size < left ? size : left);
        if (n < 0)
            return n;
        s->sent += (size_t)n;
    }
    return r;
}

static intptr_t stubborn_take(void *arg)
{
    stubborn *s = arg;
    uint8_t data[STUBBORN_PIECE];
    int r = 0;
    for (; r == 0 && s->received < STUBBORN_BYTES; r = stubborn_rest()) {
        ssize_t n = s->take(s, data, 1 + stubborn_random(STUBBORN_PIECE));
        if (n < 0)
            return n;
        check_stream(data, (size_t)n, s->received);
        s->received += (size_t)n;
    }
    return r;
}

static void stubborn_cancel_soon(yibu_task *task)
{
    for (size_t turns = stubborn_random(6); turns > 0; turns--)
        assert_int_equal(turns % 2 ? yibu_sleep(0) : yibu_yield(), 0);
    yibu_task_cancel(task);
}

/* A cancel may also come when all is there. */
static bool stubborn_is_done(const stubborn *s, yibu_coroutine *end)
{
    return (end == stubborn_give ? s->sent : s->received) == STUBBORN_BYTES;
}

static void stubborn_finish(stubborn *s, yibu_coroutine *end)
{
    intptr_t r;
    do {
        yibu_task *task = yibu_create_task(end, s, NULL);
        stubborn_cancel_soon(task);
        r = yibu_await(task);
        yibu_task_unref(task);
        s->cancels += r == -ECANCELED;
    } while (r == -ECANCELED && !stubborn_is_done(s, end));
    if (r < 0 && r != -ECANCELED)
        fail_msg("after %zu of %zu bytes: %s", s->received, s->sent, yibu_error_name(r));
}

static intptr_t stubborn_giver(void *arg)
{
    stubborn_finish(arg, stubborn_give);
    return 0;
}

static void stubborn_run(stubborn *s)
{
    uint8_t *bytes = new_stream(STUBBORN_BYTES);
    s->bytes = bytes;
    yibu_task *giver = yibu_create_task(stubborn_giver, s, NULL);
    stubborn_finish(s, stubborn_take);
    assert_int_equal(yibu_await(giver), 0);
    yibu_task_unref(giver);
    assert_int_equal(s->sent, STUBBORN_BYTES);
    assert_int_equal(s->received, STUBBORN_BYTES);
    assert_true(s->cancels > 10 / YB_TEST_SLOWDOWN);
    free(bytes);
}

/* Streams of whatever kind. */

static inline ssize_t stubborn_write(stubborn *s, const uint8_t *data, size_t size)
{
    int r = yibu_stream_write(s->writer, data, size);
    if (r < 0)
        return r;
    s->sent += size; /* it goes out, whatever becomes of the drain */
    return yibu_stream_drain(s->writer);
}

static inline ssize_t stubborn_read(stubborn *s, uint8_t *ret_data, size_t size)
{
    size_t left = STUBBORN_BYTES - s->received;
    size = size < left ? size : left;
    if (stubborn_random(2))
        return yibu_stream_read(s->reader, ret_data, size);
    int r = yibu_stream_readexactly(s->reader, ret_data, size);
    return r < 0 ? r : (ssize_t)size;
}

#endif
