/* Callbacks that the loop runs once a future has ended.
 *
 * States: WAITING among the waiters of a pending future; DUE in the loop's ready queue and, so that
 * it can still be removed, among the waiters of the ended future, to which it then has a reference;
 * REMOVED (callback NULL) only in the ready queue, where it frees itself in its turn. */
#include "base/memory.h"
#include "loop/overseer.h"
#include "task/future.h"
#include "task/task.h"

typedef struct done_callback {
    yb_waiter waiter; /* for the future, its object */
    yb_runnable ready;
    yibu_done_callback *callback;
    void *arg;
} done_callback;

static done_callback *of_waiter(yb_waiter *waiter)
{
    return YB_CONTAINER_OF(waiter, done_callback, waiter);
}

/* DUE: its turn has come; or the loop ends, and drops it. */
static void run(yb_runnable *item)
{
    done_callback *self = YB_CONTAINER_OF(item, done_callback, ready);
    done_callback call = *self;
    yibu_future *future = call.waiter.object;
    if (call.callback)
        yb_list_unlink(&self->waiter.links);
    yb_free(self);
    if (call.callback && !yb_loop_current->closing) {
        yb_callback_begin(future->loop, (yb_function *)call.callback);
        call.callback(future, call.arg);
        yb_callback_end(future->loop);
    }
    yb_future_drop(future);
}

/* WAITING to DUE. */
static void make_due(yb_waiter *waiter)
{
    yibu_future *future = waiter->object;
    future->references++;
    yb_loop_ready(future->loop, &of_waiter(waiter)->ready);
}

static done_callback *new_callback(yibu_future *future, yibu_done_callback *callback, void *arg)
{
    done_callback *self = yb_malloc(sizeof(*self));
    if (self)
        *self = (done_callback){
            .waiter = {.object = future, .end = make_due, .interest = YB_LISTENS},
            .ready = {.run = run},
            .callback = callback,
            .arg = arg,
        };
    return self;
}

int yibu_future_add_done_callback(yibu_future *future, yibu_done_callback *callback, void *arg)
{
    if (!future || !callback)
        return callback ? -ENOMEM : -EINVAL;
    yb_future_check_thread(future, "a done callback was added");
    done_callback *self = new_callback(future, callback, arg);
    if (!self)
        return -ENOMEM;
    yb_waiters_add(&future->waiters, &self->waiter);
    if (future->state == YB_FUTURE_ENDED)
        make_due(&self->waiter);
    return 0;
}

static void drop(done_callback *self, bool due)
{
    yb_list_unlink(&self->waiter.links);
    if (due)
        self->callback = NULL;
    else
        yb_free(self);
}

/* Drops the listed callbacks that are the same, all of them where callback is NULL. */
static int drop_matching(yibu_future *future, yibu_done_callback *callback, void *arg)
{
    int count = 0;
    yb_list *list = &future->waiters.list, *next;
    if (yb_waiters_empty(&future->waiters))
        return 0;
    for (yb_list *at = list->next; at != list; at = next) {
        next = at->next;
        yb_waiter *waiter = YB_CONTAINER_OF(at, yb_waiter, links);
        if (waiter->interest != YB_LISTENS)
            continue;
        done_callback *self = of_waiter(waiter);
        if (callback && (self->callback != callback || self->arg != arg))
            continue;
        drop(self, future->state == YB_FUTURE_ENDED);
        count++;
    }
    return count;
}

int yibu_future_remove_done_callback(yibu_future *future, yibu_done_callback *callback, void *arg)
{
    if (!future || !callback)
        return 0;
    yb_future_check_thread(future, "a done callback was removed");
    return drop_matching(future, callback, arg);
}

void yb_done_callbacks_drop(yibu_future *future)
{
    (void)drop_matching(future, NULL, NULL);
}
