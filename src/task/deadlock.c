/* Deadlock: tasks wait, and nothing that the loop knows of can ever wake one.
 *
 * Nothing is ready, no timer is armed, no operation is under way (watched descriptors are such), no
 * other thread or process holds the loop, no signal handler of the user's is there, and no other
 * thread has called in so far.  A plain thread that is about to call in for the first time cannot
 * be known: hence the patience of options.deadlock_after_ns.  A loop that somebody else drives turn
 * by turn is left alone: what wakes it may be its driver's.
 *
 * A spell is a time in which nothing ran.  It begins when the loop goes to wait after something
 * ran, and is reported once: by an item in the ready queue, so that the exception handler may do
 * whatever a callback may. */
#include "task/deadlock.h"

#include <stdarg.h>
#include <stdio.h>

#include <yibu/error.h>

/* Text that is cut off where there is no more room. */
typedef struct text {
    char *at;
    size_t left;
} text;

__attribute__((format(printf, 2, 3))) static void add(text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(t->at, t->left, format, args);
    va_end(args);
    size_t written = length < 0 ? 0 : (size_t)length;
    if (written >= t->left)
        written = t->left > 0 ? t->left - 1 : 0;
    t->at += written;
    t->left -= written;
}

static void add_name(text *t, const yb_task *task)
{
    if (task->name)
        add(t, "\"%s\"", task->name);
    else
        add(t, "\"task-%llu\"", (unsigned long long)task->id);
}

/* "task "name" (created at place)" */
static void add_identity(text *t, const yb_task *task)
{
    add(t, "task ");
    add_name(t, task);
    add(t, " (created at %s)", task->place);
}

static bool waits(const yb_task *task)
{
    return task->future.state == YB_TASK_SUSPENDED;
}

/* The task that alone can end the wait; NULL where there is no such one. */
static const yb_task *owner_of(const yb_task *task)
{
    return waits(task) && task->waits_for->owner ? task->waits_for->owner(task) : NULL;
}

static void add_owner(text *t, const yb_task *owner)
{
    add(t, " held by ");
    add_identity(t, owner);
    if (owner->future.state == YB_FUTURE_ENDED)
        add(t, ", which has ended");
}

static void add_wait(text *t, const yb_task *task)
{
    char wanted[256] = "";
    add(t, "\n  ");
    add_identity(t, task);
    if (task->waits_for->describe) {
        task->waits_for->describe(task, wanted, sizeof(wanted));
        add(t, " waits for %s", wanted);
        return;
    }
    add(t, " waits for %s", task->waits_for->name);
    if (owner_of(task))
        add_owner(t, owner_of(task));
}

/* The owner, which the budget pays for: finding one may mean to walk through all tasks. */
static const yb_task *buy_owner(const yb_task *task, size_t *budget)
{
    if (!waits(task) || !task->waits_for->owner || *budget == 0)
        return NULL;
    --*budget;
    return task->waits_for->owner(task);
}

/* How many tasks a cycle has that begins and ends with first, its oldest one; 0: there is none.
 * A walk into a cycle of others meets the mark, which moves at every power of two (Brent, 1980). */
static size_t cycle_from(const yb_task *first, size_t *budget)
{
    const yb_task *mark = NULL, *at = buy_owner(first, budget);
    size_t length = 1;
    for (; at != first; at = buy_owner(at, budget), length++) {
        if (!at || at->id < first->id || at == mark)
            return 0;
        if ((length & (length - 1)) == 0)
            mark = at;
    }
    return length;
}

static void add_cycle(text *t, const yb_task *first, size_t length)
{
    add(t, "\n  cycle: ");
    add_name(t, first);
    const yb_task *at = first;
    for (size_t i = 0; i < length; i++) {
        at = owner_of(at);
        add(t, " -> ");
        add_name(t, at);
    }
}

static const yb_task *task_at(yb_list *at)
{
    return YB_CONTAINER_OF(at, yb_task, all);
}

/* The budget keeps the whole within a fraction of a second, at the price that among very many tasks
 * a cycle of young ones is not found. */
static void add_cycles(text *t, const yb_scheduler *s)
{
    enum { STEPS = 5000000 };
    size_t budget = STEPS / (s->loop->task_count + 1);
    for (yb_list *at = s->tasks.next; at != &s->tasks && t->left > 1 && budget > 0; at = at->next) {
        size_t length = cycle_from(task_at(at), &budget);
        if (length > 0)
            add_cycle(t, task_at(at), length);
    }
}

static size_t count_waiting(const yb_scheduler *s)
{
    size_t count = 0;
    for (yb_list *at = s->tasks.next; at != &s->tasks; at = at->next)
        count += waits(task_at(at));
    return count;
}

size_t yb_deadlock_describe(const yibu_loop *loop, char *ret_text, size_t size)
{
    enum { LISTED = 40 };
    const yb_scheduler *s = yb_scheduler_of(loop);
    size_t count = s ? count_waiting(s) : 0;
    text t = {ret_text, size};
    add(&t, "%s", "");
    if (count == 0)
        return 0;
    add(&t, "deadlock: nothing the loop knows of can wake the %zu task%s that wait%s", count,
        count == 1 ? "" : "s", count == 1 ? "s" : "");
    size_t listed = 0;
    for (yb_list *at = s->tasks.next; at != &s->tasks && listed < LISTED; at = at->next)
        if (waits(task_at(at))) {
            add_wait(&t, task_at(at));
            listed++;
        }
    if (listed < count)
        add(&t, "\n  and %zu more", count - listed);
    add_cycles(&t, s);
    return count;
}

/* Whether anything could still happen that the loop knows of. */
static bool may_wake(const yibu_loop *loop)
{
    return loop->ready.head || loop->after_io.head || loop->timers.count > 0 || loop->pending > 0 ||
           loop->holds > 0 || loop->user_signals > 0 || loop->driven || !loop->running ||
           atomic_load_explicit(&loop->called_in, memory_order_relaxed) ||
           atomic_load(&loop->inbox) || atomic_load(&loop->signalled);
}

static void report(yb_runnable *item)
{
    char message[YB_DEADLOCK_TEXT_BYTES];
    yb_scheduler *s = YB_CONTAINER_OF(item, yb_scheduler, deadlock_report);
    yibu_loop *loop = s->loop;
    if (may_wake(loop) || yb_deadlock_describe(loop, message, sizeof(message)) == 0)
        return;
    yb_loop_report_text(loop, -EDEADLK, message);
    if (!loop->ready.head)
        loop->active = false; /* the spell goes on, and has been reported */
}

int64_t yb_deadlock_watch(yb_scheduler *s)
{
    yibu_loop *loop = s->loop;
    int64_t patience_ns = loop->options.deadlock_after_ns;
    if (loop->task_count == 0 || patience_ns == YIBU_FOREVER || may_wake(loop))
        return INT64_MAX;
    if (loop->active) {
        loop->active = false;
        s->deadlock_ns = yb_loop_deadline(loop, patience_ns);
    }
    if (s->deadlock_ns == INT64_MAX || loop->now_ns < s->deadlock_ns)
        return s->deadlock_ns;
    s->deadlock_ns = INT64_MAX;
    s->deadlock_report.run = report;
    yb_loop_ready(loop, &s->deadlock_report);
    return INT64_MAX;
}
