/* as_completed: futures in the order in which they end, as an iterator.
 *
 * A future whose end has come, or was there before, stands in the queue of those to hand out.  The
 * iterator holds a reference to every future, so what it hands out lives until it is closed.
 * yibu_iterator_next sees to it that there is one consumer, a task whose cancel is not pending. */
#include <errno.h>

#include "base/memory.h"
#include "task/many.h"
#include <yibu/iterator.h>

typedef struct completion {
    yibu_iterator iterator;
    yb_many many;
    yb_list ended;     /* yb_member.waiter.links: to hand out */
    yb_task *consumer; /* that waits for the next one; NULL: nobody does */
    yb_timer limit;
    int failure;    /* what every call answers, 0: none */
    size_t handed;  /* how many were handed out */
    bool has_limit; /* the timer is armed */
    bool late;      /* the time is over */
} completion;

static completion *of_iterator(yibu_iterator *iterator)
{
    return YB_CONTAINER_OF(iterator, completion, iterator);
}

static completion *of_task(const yb_task *task)
{
    return task->wait.waiter.object;
}

static void wake(completion *c)
{
    yb_task *consumer = c->consumer;
    c->consumer = NULL;
    if (consumer)
        yb_task_wake(consumer);
}

static void one_ended(yb_many *many, yb_member *member)
{
    completion *c = YB_CONTAINER_OF(many, completion, many);
    yb_list_push_back(&c->ended, &member->waiter.links);
    wake(c);
}

static void expire(yb_timer *timer)
{
    completion *c = YB_CONTAINER_OF(timer, completion, limit);
    c->has_limit = false;
    c->late = true;
    wake(c);
}

static void interrupt(yb_task *task)
{
    wake(of_task(task));
}

/* The task that alone can end the wait. */
static yb_task *owner(const yb_task *task)
{
    const completion *c = of_task(task);
    return c->many.left > 1 || c->has_limit ? NULL : yb_many_task(&c->many);
}

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    yb_many_describe(&of_task(task)->many, ret_text, size);
}

static const yb_wait_class completing = {"as_completed", interrupt, owner, describe};

static void wait_for_next(completion *c, yb_task *task)
{
    c->consumer = task;
    task->wait.waiter.object = c;
    yb_task_suspend(task, &completing);
}

static int hand_out(completion *c, void **ret_item)
{
    yb_list *first = yb_list_pop_front(&c->ended);
    c->handed++;
    *ret_item = YB_CONTAINER_OF(first, yb_member, waiter.links)->waiter.object;
    return 1;
}

static int next(yibu_iterator *iterator, void **ret_item)
{
    completion *c = of_iterator(iterator);
    if (c->failure || c->handed == c->many.count)
        return c->failure;
    if (yb_list_empty(&c->ended) && !c->late)
        wait_for_next(c, yb_task_current);
    if (!yb_list_empty(&c->ended))
        return hand_out(c, ret_item);
    return c->late ? -ETIMEDOUT : -ECANCELED;
}

static int leave(yibu_iterator *iterator)
{
    completion *c = of_iterator(iterator);
    yb_many_leave(&c->many);
    if (c->has_limit)
        yb_loop_timer_remove(yb_loop_current, &c->limit);
    for (size_t i = 0; i < c->many.count; i++)
        yibu_future_unref(c->many.members[i].waiter.object);
    return 0;
}

static void release(yibu_iterator *iterator)
{
    yb_free(of_iterator(iterator));
}

static const yibu_iterator_class class = {
    .size = sizeof(class), .name = "as_completed", .next = next, .close = leave, .free = release};

static void arm(completion *c, int64_t timeout_ns)
{
    if (timeout_ns == YIBU_FOREVER)
        return;
    c->limit.deadline_ns = yb_loop_deadline(yb_loop_current, timeout_ns);
    c->limit.fire = expire;
    yb_loop_timer_add(yb_loop_current, &c->limit);
    c->has_limit = true;
}

static void begin(completion *c, yibu_future *const *futures, size_t n)
{
    yb_many_join(&c->many, (yb_member *)(c + 1), futures, n, one_ended);
    for (size_t i = 0; i < n; i++) {
        yb_member *member = &c->many.members[i];
        (void)yibu_future_ref(futures[i]);
        if (!yb_member_pending(member))
            yb_list_push_back(&c->ended, &member->waiter.links);
    }
}

/* Why the futures cannot be waited for, 0: they can. */
static int check(yibu_future *const *futures, size_t n)
{
    int r = yb_many_check(futures, n, NULL);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = futures[i] ? 0 : -ENOMEM;
    return r;
}

yibu_iterator *yibu_as_completed(yibu_future *const *futures, size_t n, int64_t timeout_ns)
{
    completion *c = yb_loop_current ? yb_many_allocate(sizeof(*c), n) : NULL;
    if (!c)
        return NULL;
    *c = (completion){.failure = check(futures, n)};
    yibu_iterator_init(&c->iterator, &class);
    yb_list_init(&c->ended);
    if (c->failure == 0) {
        begin(c, futures, n);
        arm(c, timeout_ns);
    }
    return &c->iterator;
}
