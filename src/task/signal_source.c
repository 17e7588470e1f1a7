/* Signals that tasks wait for: a ring that signal handlers fill, and a line of tasks.
 *
 * A task that is woken takes its delivery itself, when it runs: `promised` counts those on their
 * way, and there are always as many deliveries in the ring.  What is promised nobody else takes; a
 * task that is cancelled on its way gives its promise to the next in line.  So somebody waits only
 * while all that is in the ring is promised.
 *
 * The loop's thread alone touches a source, but for the ring's far end. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "loop/signal.h"
#include "task/signal_ring.h"
#include "task/wait.h"
#include <yibu/error.h>

enum { DEFAULT_CAPACITY = 64, CAPACITY_OF_ONE_WAIT = 2 };

struct yibu_signal_source {
    yb_signal_client client; /* its loop is NULL once that has ended */
    yb_signal_ring ring;
    size_t promised;
    yb_waiters waiters;
    size_t count;
    yb_signal_listener listeners[];
};

/* Being told. */

static yibu_signal_source *self(yb_signal_client *client)
{
    return YB_CONTAINER_OF(client, yibu_signal_source, client);
}

static void note(yb_signal_client *client, const siginfo_t *info)
{
    yb_signal_ring_put(&self(client)->ring, info);
}

static void promise(yibu_signal_source *source)
{
    while (yb_signal_ring_has_more_than(&source->ring, source->promised) &&
           yb_waiters_end_first(&source->waiters, 0))
        source->promised++;
}

static void deliver(yb_signal_client *client)
{
    promise(self(client));
}

static void stop_listening(yibu_signal_source *source)
{
    while (source->count > 0)
        yb_signal_unlisten(&source->listeners[--source->count]);
    if (source->client.loop)
        yb_signal_leave(&source->client);
    source->client.loop = NULL;
}

static void forget(yb_signal_client *client)
{
    stop_listening(self(client));
}

static const yb_signal_client_class source_class = {note, deliver, forget};

/* Making. */

static bool is_new(const int *signals, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (signals[i] == signals[index])
            return false;
    return true;
}

static int listen_to(yibu_signal_source *source, const int *signals, size_t count)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (!is_new(signals, i))
            continue;
        r = yb_signal_listen(&source->listeners[source->count], &source->client, signals[i]);
        source->count += r == 0;
    }
    return r;
}

static int make(const int *signals, size_t count, size_t capacity, yibu_signal_source **ret_source)
{
    if (!signals || count == 0 || count >= NSIG)
        return -EINVAL;
    yibu_signal_source *source = yb_calloc(1, sizeof(*source) + count * sizeof(yb_signal_listener));
    if (!source)
        return -ENOMEM;
    int r = yb_signal_ring_init(&source->ring, capacity);
    if (r == 0) {
        source->client.class = &source_class;
        yb_signal_join(&source->client, yb_loop_current);
        r = listen_to(source, signals, count);
    }
    if (r < 0)
        yibu_signal_source_free(source);
    else
        *ret_source = source;
    return r;
}

int yibu_signal_source_new(const int *signals, size_t count, const yibu_signal_options *options,
                           yibu_signal_source **ret_source)
{
    yibu_signal_options taken;
    if (!ret_source || yb_options_take(&taken, sizeof(taken), options) < 0)
        return -EINVAL;
    if (!yb_loop_current)
        return yb_forked() ? YIBU_EFORKED : YIBU_ENOTASK;
    return make(signals, count, taken.capacity ? taken.capacity : DEFAULT_CAPACITY, ret_source);
}

void yibu_signal_source_free(yibu_signal_source *source)
{
    if (!source)
        return;
    if (source->promised > 0 || !yb_waiters_empty(&source->waiters))
        yb_abort("a source of signals was freed while a task waits for it");
    stop_listening(source);
    yb_signal_ring_destroy(&source->ring);
    yb_free(source);
}

/* Taking. */

static bool is_report(const yibu_signal_info *info)
{
    return !info || info->size >= sizeof(info->size);
}

static int take(yibu_signal_source *source, yibu_signal_info *ret_info)
{
    yibu_signal_info info;
    if (!yb_signal_ring_take(&source->ring, &info))
        return -EAGAIN;
    if (ret_info)
        yb_options_give(ret_info, &info, sizeof(info));
    return info.signal;
}

int yibu_signal_source_try_next(yibu_signal_source *source, yibu_signal_info *ret_info)
{
    if (!source || !is_report(ret_info))
        return -EINVAL;
    if (!yb_signal_ring_has_more_than(&source->ring, source->promised))
        return -EAGAIN;
    return take(source, ret_info);
}

static yb_waiters *waiters_of(void *object)
{
    return &((yibu_signal_source *)object)->waiters;
}

static void undo(void *object, intptr_t value)
{
    yibu_signal_source *source = object;
    (void)value;
    source->promised--;
    promise(source);
}

static const yb_waitable_class signal_class = {
    .wait = {.name = "a signal", .interrupt = yb_waiter_interrupt},
    .waiters = waiters_of,
    .undo = undo,
};

int yibu_signal_source_next(yibu_signal_source *source, yibu_signal_info *ret_info)
{
    int r;
    intptr_t none = 0;
    if (!source || !is_report(ret_info))
        return -EINVAL;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    r = yibu_signal_source_try_next(source, ret_info);
    if (r != -EAGAIN) {
        yb_task_spend(task);
        return r;
    }
    r = yb_wait_on(&signal_class, source, task, &none);
    if (r < 0)
        return r;
    source->promised--;
    return take(source, ret_info);
}

/* Waiting once. */

int yibu_signal_wait_any(const int *signals, size_t count, yibu_signal_info *ret_info)
{
    int r;
    if (!is_report(ret_info))
        return -EINVAL;
    if (!yb_task_enter(&r))
        return r;
    yibu_signal_source *source;
    r = make(signals, count, CAPACITY_OF_ONE_WAIT, &source);
    if (r < 0)
        return r;
    r = yibu_signal_source_next(source, ret_info);
    stop_listening(source);
    if (r == -ECANCELED) { /* one that came nevertheless must not be lost */
        int came = yibu_signal_source_try_next(source, ret_info);
        r = came > 0 ? came : r;
    }
    yibu_signal_source_free(source);
    return r;
}

int yibu_signal_wait(int signal, yibu_signal_info *ret_info)
{
    return yibu_signal_wait_any(&signal, 1, ret_info);
}

/* Iterating. */

typedef struct signals {
    yibu_iterator iterator;
    yibu_signal_source *source; /* NULL where there is an error */
    int error;
    yibu_signal_info info;
} signals;

static int next(yibu_iterator *iterator, void **ret_item)
{
    signals *s = YB_CONTAINER_OF(iterator, signals, iterator);
    if (!s->source)
        return s->error;
    int r = yibu_signal_source_next(s->source, &s->info);
    if (r < 0)
        return r;
    *ret_item = &s->info;
    return 1;
}

static int close_signals(yibu_iterator *iterator)
{
    signals *s = YB_CONTAINER_OF(iterator, signals, iterator);
    yibu_signal_source_free(s->source);
    s->source = NULL;
    return 0;
}

static void free_signals(yibu_iterator *iterator)
{
    yb_free(YB_CONTAINER_OF(iterator, signals, iterator));
}

static const yibu_iterator_class signals_class = {
    .size = sizeof(signals_class),
    .name = "signals",
    .next = next,
    .close = close_signals,
    .free = free_signals,
};

yibu_iterator *yibu_signals(const int *wanted, size_t count)
{
    if (!yb_loop_current)
        return NULL;
    signals *s = yb_calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->error = yibu_signal_source_new(wanted, count, NULL, &s->source);
    if (s->error == -ENOMEM) {
        yb_free(s);
        return NULL;
    }
    s->info.size = sizeof(s->info);
    yibu_iterator_init(&s->iterator, &signals_class);
    return &s->iterator;
}
