/* Futures that belong to no thread: their life, and who hears of their end.
 *
 * References: those of the owners, and one of whoever completes the future, until he has.  The lock
 * is a leaf but for a class's first step of a cancel, which may take locks of its own below it. */
#include "task/concurrent_future.h"

#include <errno.h>
#include <yibu/error.h>

#include "base/forks.h"
#include "base/memory.h"
#include "platform/futex.h"

void yb_concurrent_future_init(yibu_concurrent_future *future, const yb_concurrent_class *class)
{
    future->class = class;
    future->result = -EINPROGRESS;
    future->forks = yb_forks();
    atomic_init(&future->state, YB_CONCURRENT_PENDING);
    atomic_init(&future->references, 2);
    pthread_mutex_init(&future->lock, NULL);
    yb_list_init(&future->endings);
}

void yb_concurrent_future_destroy(yibu_concurrent_future *future)
{
    pthread_mutex_destroy(&future->lock);
}

yibu_concurrent_future *yibu_concurrent_future_ref(yibu_concurrent_future *future)
{
    if (future)
        atomic_fetch_add_explicit(&future->references, 1, memory_order_relaxed);
    return future;
}

void yibu_concurrent_future_unref(yibu_concurrent_future *future)
{
    /* acq_rel: what every thread did with the future is over before it is freed. */
    if (!future || atomic_fetch_sub_explicit(&future->references, 1, memory_order_acq_rel) != 1)
        return;
    yb_concurrent_future_destroy(future);
    future->class->free(future);
}

bool yibu_concurrent_future_done(const yibu_concurrent_future *future)
{
    return atomic_load_explicit(&future->state, memory_order_acquire) == YB_CONCURRENT_DONE;
}

bool yb_concurrent_future_forked(const yibu_concurrent_future *future)
{
    return future->forks != yb_forks();
}

static void tell(yibu_concurrent_future *future, yb_list *endings)
{
    while (!yb_list_empty(endings)) {
        yb_ending *ending = YB_CONTAINER_OF(yb_list_pop_front(endings), yb_ending, links);
        ending->ended(ending, future);
    }
}

static void move_list(yb_list *from, yb_list *to)
{
    yb_list_init(to);
    for (yb_list *item; (item = yb_list_pop_front(from));)
        yb_list_push_back(to, item);
}

void yb_concurrent_future_complete(yibu_concurrent_future *future, intptr_t result)
{
    yb_list endings;
    future->result = result;
    pthread_mutex_lock(&future->lock);
    /* Release: pairs with …_done. */
    uint32_t before =
        atomic_exchange_explicit(&future->state, YB_CONCURRENT_DONE, memory_order_acq_rel);
    move_list(&future->endings, &endings);
    pthread_mutex_unlock(&future->lock);
    if (before == YB_CONCURRENT_AWAITED)
        yb_futex_wake_all(&future->state);
    tell(future, &endings);
    yibu_concurrent_future_unref(future);
}

bool yb_concurrent_future_attend(yibu_concurrent_future *future, yb_ending *ending)
{
    if (yibu_concurrent_future_done(future))
        return false;
    pthread_mutex_lock(&future->lock);
    bool pending = !yibu_concurrent_future_done(future);
    if (pending)
        yb_list_push_back(&future->endings, &ending->links);
    pthread_mutex_unlock(&future->lock);
    return pending;
}

bool yb_concurrent_future_leave(yibu_concurrent_future *future, yb_ending *ending)
{
    pthread_mutex_lock(&future->lock);
    bool pending = !yibu_concurrent_future_done(future);
    if (pending)
        yb_list_unlink(&ending->links);
    pthread_mutex_unlock(&future->lock);
    return pending;
}

/* In a forked child somebody who is not here may hold the lock. */
bool yibu_concurrent_future_cancel(yibu_concurrent_future *future)
{
    if (yb_concurrent_future_forked(future))
        return false;
    pthread_mutex_lock(&future->lock);
    bool pending = !yibu_concurrent_future_done(future);
    bool goes_on = pending && future->class->request_cancel(future);
    pthread_mutex_unlock(&future->lock);
    if (goes_on && future->class->cancel)
        future->class->cancel(future);
    return pending;
}

/* Done callbacks. */

typedef struct done_callback {
    yb_ending ending;
    yibu_concurrent_callback *callback;
    void *arg;
} done_callback;

static void call(yb_ending *ending, yibu_concurrent_future *future)
{
    done_callback *item = YB_CONTAINER_OF(ending, done_callback, ending);
    item->callback(future, item->arg);
    yb_free(item);
}

int yibu_concurrent_future_add_done_callback(yibu_concurrent_future *future,
                                             yibu_concurrent_callback *callback, void *arg)
{
    if (!future || !callback)
        return -EINVAL;
    if (yb_concurrent_future_forked(future) && !yibu_concurrent_future_done(future))
        return YIBU_EFORKED;
    done_callback *item = yb_malloc(sizeof(*item));
    if (!item)
        return -ENOMEM;
    *item = (done_callback){.ending = {.ended = call}, .callback = callback, .arg = arg};
    if (!yb_concurrent_future_attend(future, &item->ending))
        call(&item->ending, future);
    return 0;
}
