/* Futures of a loop that follow one of no thread.
 *
 * A follower is told of the leader's end in whatever thread that happens, and posts itself to its
 * loop.  Until then it counts there as an operation under way, so that the loop's end waits for it. */
#include <errno.h>
#include <yibu/concurrent_future.h>

#include "base/memory.h"
#include "task/task.h"

typedef struct follower {
    yibu_concurrent_future *leader;
    yibu_future *future;
    yb_waiter waiter; /* for the future's end, which may be a cancel */
    yb_runnable posted;
    yibu_loop *loop;
} follower;

static void pass_cancel_on(yb_waiter *waiter)
{
    if (waiter->value == -ECANCELED)
        (void)yibu_concurrent_future_cancel(YB_CONTAINER_OF(waiter, follower, waiter)->leader);
}

static void follow(yb_runnable *item)
{
    follower *f = YB_CONTAINER_OF(item, follower, posted);
    f->loop->pending--;
    /* Without effect on a future that was cancelled. */
    (void)yibu_future_set_result(f->future, yibu_concurrent_future_result(f->leader, 0));
    yibu_future_unref(f->future);
    yibu_concurrent_future_unref(f->leader);
    yb_free(f);
}

static void call_follower(yibu_concurrent_future *future, void *arg)
{
    (void)future;
    follower *f = arg;
    yb_loop_post(f->loop, &f->posted);
}

static int add_follower(yibu_concurrent_future *leader, yibu_future *future)
{
    follower *f = yb_calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->leader = leader;
    f->future = future;
    f->loop = yb_loop_current;
    f->posted.run = follow;
    int r = yibu_concurrent_future_add_done_callback(leader, call_follower, f);
    if (r < 0) {
        yb_free(f);
        return r;
    }
    (void)yibu_concurrent_future_ref(leader);
    (void)yibu_future_ref(future);
    f->waiter.object = future;
    f->waiter.end = pass_cancel_on;
    f->waiter.interest = YB_FOLLOWS;
    yb_waiters_add(&future->waiters, &f->waiter);
    f->loop->pending++;
    return 0;
}

yibu_future *yibu_wrap_future_at(yibu_concurrent_future *future, const char *place)
{
    yibu_future *wrapped = future ? yibu_create_future_at(NULL, place) : NULL;
    if (wrapped && add_follower(future, wrapped) < 0) {
        yibu_future_unref(wrapped);
        wrapped = NULL;
    }
    return wrapped;
}
