/* Generators: a coroutine that yields its items, as an iterator.
 *
 * The coroutine is a task of its own, so the scopes that it has open while it yields are its own
 * too, and cannot get mixed up with its consumer's.  It finds its generator through its task's
 * argument.  States of the coroutine:
 *   no task    nothing ran yet; closing needs nothing
 *   at work    the consumer waits for it in next, or it was cancelled from outside
 *   offering   it waits in yibu_generator_yield with an item that nobody took
 *   parked     it waits there, its item has been taken; next or close wakes it
 *   ended      the task's result is there
 * The loop's thread alone touches a generator. */
#include <errno.h>
#include <stdio.h>

#include "base/memory.h"
#include "task/task.h"
#include "task/wait.h"
#include <yibu/iterator.h>

typedef struct generator {
    yibu_iterator iterator; /* first: an iterator's pointer is the generator's */
    yibu_coroutine *fn;
    void *arg;
    const char *place;
    yb_task *task;     /* a reference; NULL until the first call of next */
    yb_task *consumer; /* while it waits for the task to yield or to end */
    void *item;
    bool offering;
    bool parked;
    bool closing; /* nothing is yielded any more */
} generator;

static intptr_t generate(void *arg)
{
    generator *g = arg;
    return g->fn(g->arg);
}

static generator *generator_of(const yb_task *task)
{
    return task->fn == generate ? task->arg : NULL;
}

/* The consumer's waits. */

static generator *awaited_by(const yb_task *consumer)
{
    return consumer->wait.waiter.object;
}

static yb_task *source(const yb_task *consumer)
{
    return awaited_by(consumer)->task;
}

static void describe_source(const yb_task *consumer, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "the generator created at %s", awaited_by(consumer)->place);
}

/* Wakes the consumer, which then cancels the coroutine: were that done here, a chain of generators
 * would be walked on one stack. */
static void interrupt_next(yb_task *consumer)
{
    awaited_by(consumer)->consumer = NULL;
    yb_waiter_interrupt(consumer);
}

static const yb_wait_class awaiting_item = {"generator", interrupt_next, source, describe_source};
static const yb_wait_class awaiting_end = {"generator", NULL, source, describe_source};

/* The coroutine's wait for its consumer. */

static void interrupt_yield(yb_task *task)
{
    generator *g = generator_of(task);
    g->offering = g->parked = false;
    yb_task_wake(task);
}

static const yb_wait_class yielding = {"consumer", interrupt_yield, NULL, NULL};

/* Suspends the consumer until the coroutine yields, where it may still do so, or ends. */
static void await(generator *g, const yb_wait_class *class)
{
    yb_task *consumer = yb_task_current;
    g->consumer = consumer;
    yb_task_begin_wait(consumer, &g->task->future.waiters, g, 0);
    yb_task_suspend(consumer, class);
    g->consumer = NULL;
}

static bool ended(const generator *g)
{
    return g->task->future.state == YB_FUTURE_ENDED;
}

/* The consumer's turn is over: nothing interrupts this wait for the coroutine's. */
static void cancel_and_await(generator *g)
{
    (void)yibu_task_cancel(&g->task->future);
    if (!ended(g) && !g->offering)
        await(g, &awaiting_end);
}

/* What a coroutine that has ended says to its consumer.  One that was cancelled has not come to
 * its end, even where it claims so. */
static int verdict(generator *g)
{
    intptr_t result = yibu_task_result(&g->task->future);
    if (yibu_failed(result))
        return (int)result;
    return g->task->future.cancels > 0 ? -ECANCELED : 0;
}

static int begin(generator *g)
{
    yibu_task *task = yibu_create_task_at(generate, g, NULL, g->place);
    if (!task)
        return -ENOMEM;
    g->task = yb_task_of(task);
    return 0;
}

static void unpark(generator *g)
{
    if (g->parked)
        yb_task_wake(g->task);
    g->parked = false;
}

static int next(yibu_iterator *iterator, void **ret_item)
{
    generator *g = (generator *)iterator;
    if (!g->task && begin(g) < 0)
        return -ENOMEM;
    unpark(g);
    if (!g->offering && !ended(g))
        await(g, &awaiting_item);
    if (!g->offering && !ended(g))
        cancel_and_await(g);
    if (!g->offering)
        return verdict(g);
    g->offering = false;
    g->parked = true;
    *ret_item = g->item;
    return 1;
}

static int close(yibu_iterator *iterator)
{
    generator *g = (generator *)iterator;
    g->closing = true;
    if (!g->task || ended(g))
        return 0;
    if (g->task == yb_task_current)
        yb_abort("the generator created at %s closes itself", g->place);
    (void)yibu_task_cancel(&g->task->future);
    if (g->offering || g->parked)
        interrupt_yield(g->task); /* which a shield kept the cancel from */
    await(g, &awaiting_end);
    int r = verdict(g);
    return r == -ECANCELED ? 0 : r;
}

static void release(yibu_iterator *iterator)
{
    generator *g = (generator *)iterator;
    if (g->task)
        yibu_task_unref(&g->task->future);
    yb_free(g);
}

static const yibu_iterator_class generators = {
    .size = sizeof(generators),
    .name = "generator",
    .next = next,
    .close = close,
    .free = release,
};

yibu_iterator *yibu_generator_new_at(yibu_coroutine *fn, void *arg, const char *place)
{
    if (!fn || !yb_loop_current)
        return NULL;
    generator *g = yb_calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    yibu_iterator_init(&g->iterator, &generators);
    g->fn = fn;
    g->arg = arg;
    g->place = place;
    return &g->iterator;
}

static void offer(generator *g, void *item)
{
    g->item = item;
    g->offering = true;
    if (g->consumer)
        yb_waiter_end(&g->consumer->wait.waiter, 0, 0);
    yb_task_suspend(g->task, &yielding);
}

/* Checked on entry, as at any checkpoint; to one that is being closed nothing else happens. */
static int checkpoint(const generator *g, yb_task *task)
{
    if (!g->closing)
        return yb_task_checkpoint(task);
    yb_task_yield(task);
    return -ECANCELED;
}

int yibu_generator_yield(void *item)
{
    int r = 0;
    yb_task *task = yb_task_require(&r);
    if (!task)
        return r;
    generator *g = generator_of(task);
    if (!g)
        return -EINVAL;
    r = checkpoint(g, task);
    if (r < 0)
        return r;
    offer(g, item);
    return g->closing || yb_task_cancel_pending(task) ? -ECANCELED : 0;
}
