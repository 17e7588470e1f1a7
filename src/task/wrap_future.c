/* Futures of a loop that follow one of no thread.
 *
 * A follower is told of the leader's end in whatever thread that happens, and posts itself to its
 * loop.  Until then it counts there as an operation under way, so that the loop's end waits for it.
 *
 * A cancel of the future is passed on to the leader.  The future has ended with that, unless the
 * leader is of a kind that outlasts a cancel: then it follows to the end. */
#include "task/wrap_future.h"

#include <errno.h>

#include "base/memory.h"
#include "task/concurrent_future.h"
#include "task/task.h"

typedef struct follower {
    yibu_concurrent_future *leader;
    yibu_future *future;
    yb_waiter waiter; /* for the future's end, which may be a cancel */
    yb_ending ending;
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
    (void)yibu_future_set_result(f->future, f->leader->result);
    yibu_future_unref(f->future);
    yibu_concurrent_future_unref(f->leader);
    yb_free(f);
}

static void post(yb_ending *ending, yibu_concurrent_future *leader)
{
    (void)leader;
    follower *f = YB_CONTAINER_OF(ending, follower, ending);
    yb_loop_post(f->loop, &f->posted);
}

static void enlist_with_future(follower *f)
{
    f->waiter.object = f->future;
    f->waiter.end = pass_cancel_on;
    f->waiter.interest = YB_FOLLOWS;
    yb_waiters_add(&f->future->waiters, &f->waiter);
    if (f->leader->class->outlasts_cancel)
        f->future->flags |= YB_FUTURE_OUTLASTS;
}

static int add_follower(yibu_concurrent_future *leader, yibu_future *future)
{
    follower *f = yb_calloc(1, sizeof(*f));
    if (!f)
        return -ENOMEM;
    f->leader = yibu_concurrent_future_ref(leader);
    f->future = yibu_future_ref(future);
    f->loop = yb_loop_current;
    f->ending.ended = post;
    f->posted.run = follow;
    enlist_with_future(f);
    f->loop->pending++;
    if (leader->class->before_suspending)
        leader->class->before_suspending(leader);
    if (!yb_concurrent_future_attend(leader, &f->ending))
        yb_loop_ready(f->loop, &f->posted);
    return 0;
}

yibu_future *yibu_wrap_future_at(yibu_concurrent_future *future, const char *place)
{
    if (!future || (yb_concurrent_future_forked(future) && !yibu_concurrent_future_done(future)))
        return NULL;
    yibu_future *wrapped = yibu_create_future_at(NULL, place);
    if (wrapped && add_follower(future, wrapped) < 0) {
        yibu_future_unref(wrapped);
        wrapped = NULL;
    }
    return wrapped;
}

void yb_wrapped_cancel(yibu_future *future)
{
    yb_list *list = &future->waiters.list;
    for (yb_list *at = list->next; at != list; at = at->next) {
        yb_waiter *waiter = YB_CONTAINER_OF(at, yb_waiter, links);
        if (waiter->end == pass_cancel_on) {
            (void)yibu_concurrent_future_cancel(YB_CONTAINER_OF(waiter, follower, waiter)->leader);
            return;
        }
    }
}
