/* A capacity limiter.
 *
 * Invariant: while somebody waits, no token is free (borrowed >= total).  A token that comes back
 * goes to the first waiter at once; a waiter brings its entry in the set of borrowers along. */
#include <stdio.h>
#include <yibu/limiter.h>

#include "base/memory.h"
#include "sync/borrowers.h"
#include "task/wait.h"

struct yibu_limiter {
    size_t total, borrowed;
    yb_waiters waiters;
    yb_borrowers borrowers;
};

yibu_limiter *yibu_limiter_new(size_t total)
{
    yibu_limiter *l = yb_calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->total = total;
    yb_borrowers_init(&l->borrowers);
    return l;
}

void yibu_limiter_free(yibu_limiter *l)
{
    if (!l)
        return;
    if (!yb_waiters_empty(&l->waiters))
        yb_abort("a limiter was freed while %zu task(s) wait for it",
                 yb_waiters_count(&l->waiters));
    yb_borrowers_destroy(&l->borrowers);
    yb_free(l);
}

static void lend(yibu_limiter *l, yb_borrower *borrower)
{
    l->borrowed++;
    yb_borrowers_hold(&l->borrowers, borrower);
}

/* Lends what is free to those who wait. */
static void serve(yibu_limiter *l)
{
    while (l->borrowed < l->total && !yb_waiters_empty(&l->waiters)) {
        yb_waiter *first = yb_waiters_first(&l->waiters);
        lend(l, (yb_borrower *)first->value);
        yb_waiter_end(first, first->value, 0);
    }
}

static void give_back(yibu_limiter *l, yb_borrower *borrower)
{
    yb_borrowers_remove(&l->borrowers, borrower);
    l->borrowed--;
    serve(l);
}

void yibu_limiter_set_total(yibu_limiter *l, size_t total)
{
    l->total = total;
    serve(l);
}

/* Waiting. */

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    const yibu_limiter *l = task->wait.waiter.object;
    snprintf(ret_text, size, "a limiter with %zu of %zu tokens borrowed", l->borrowed, l->total);
}

static yb_waiters *waiters_of(void *object)
{
    yibu_limiter *l = object;
    return &l->waiters;
}

static const yb_waitable_class limiter_class = {
    .wait = {.name = "limiter", .interrupt = yb_waiter_interrupt, .describe = describe},
    .waiters = waiters_of,
};

/* Adds the borrower to the set; a failure where it is there already, or where there is no
 * memory. */
static int enlist(yibu_limiter *l, const void *key, yb_borrower **ret_borrower)
{
    if (!key)
        return -EINVAL;
    if (yb_borrowers_find(&l->borrowers, key))
        return -EALREADY;
    *ret_borrower = yb_borrowers_add(&l->borrowers, key);
    return *ret_borrower ? 0 : -ENOMEM;
}

/* Somebody else may have given the borrower's token back meanwhile, and even borrowed it anew. */
static void pass_on(yibu_limiter *l, const void *key, uint64_t serial)
{
    yb_borrower *borrower = yb_borrowers_find(&l->borrowers, key);
    if (borrower && borrower->serial == serial)
        give_back(l, borrower);
}

static int wait_for_token(yibu_limiter *l, yb_task *task, yb_borrower *borrower)
{
    const void *key = borrower->key;
    uint64_t serial = borrower->serial;
    intptr_t value = (intptr_t)borrower;
    int r = yb_wait_on(&limiter_class, l, task, &value);
    if (r < 0) {
        yb_borrowers_remove(&l->borrowers, borrower);
        return r;
    }
    if (!yb_task_cancel_pending(task))
        return 0;
    pass_on(l, key, serial);
    return -ECANCELED;
}

int yibu_limiter_acquire_on_behalf_of(yibu_limiter *l, const void *key)
{
    int r;
    yb_borrower *borrower;
    yb_task *task = yb_task_enter(&r);
    if (!task || (r = enlist(l, key, &borrower)) < 0)
        return r;
    if (l->borrowed >= l->total)
        return wait_for_token(l, task, borrower);
    lend(l, borrower);
    return 0;
}

int yibu_limiter_try_acquire_on_behalf_of(yibu_limiter *l, const void *key)
{
    yb_borrower *borrower;
    int r = enlist(l, key, &borrower);
    if (r < 0)
        return r;
    if (l->borrowed >= l->total) {
        yb_borrowers_remove(&l->borrowers, borrower);
        return -EAGAIN;
    }
    lend(l, borrower);
    return 0;
}

int yibu_limiter_release_on_behalf_of(yibu_limiter *l, const void *key)
{
    yb_borrower *borrower = yb_borrowers_find(&l->borrowers, key);
    if (!borrower || !borrower->has_token)
        return -EPERM;
    give_back(l, borrower);
    return 0;
}

/* The same for the calling task. */

int yibu_limiter_acquire(yibu_limiter *l)
{
    return yibu_limiter_acquire_on_behalf_of(l, yb_task_current);
}

int yibu_limiter_try_acquire(yibu_limiter *l)
{
    return yb_task_current ? yibu_limiter_try_acquire_on_behalf_of(l, yb_task_current)
                           : yb_task_missing();
}

int yibu_limiter_release(yibu_limiter *l)
{
    return yb_task_current ? yibu_limiter_release_on_behalf_of(l, yb_task_current)
                           : yb_task_missing();
}

/* Reading. */

void yibu_limiter_statistics(const yibu_limiter *l, yibu_limiter_stats *ret_stats)
{
    *ret_stats = (yibu_limiter_stats){
        .total = l->total,
        .borrowed = l->borrowed,
        .waiting = yb_waiters_count(&l->waiters),
    };
}

size_t yibu_limiter_borrowers(const yibu_limiter *l, const void **ret_borrowers, size_t max)
{
    size_t written = 0;
    const yb_list *holders = &l->borrowers.holders;
    for (yb_list *at = holders->next; at != holders && written < max; at = at->next)
        ret_borrowers[written++] = YB_CONTAINER_OF(at, yb_borrower, links)->key;
    return l->borrowed;
}
