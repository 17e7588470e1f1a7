/* Groups: children that end before the part of a task that started them does.
 *
 * A group is a scope of its owner's, and the outermost scope of each child: a child's end finds the
 * group through it, and one flag cancels them all.  Children stand side by side in the list of the
 * loop's tasks, from `first` to `last`, so that a child needs no memory beyond its task.
 *
 * States of a group: OPEN; CANCELLED (scope.cancelled: by its first failure, by yibu_group_cancel,
 * or by a cancel from outside; no child can be added); ENDED (freed; the handle keeps the verdict).
 * States of a child beside a task's: IN LINE (suspended before its first turn, its place is in
 * wait.in_line), WITHDRAWN (cancelled there: it has no function any more, and ends in its turn).
 *
 * Invariant: somebody stands in line only while max_running others do not.
 * The loop's thread alone touches a group. */
#include "task/group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yibu/group.h>

#include "base/memory.h"
#include "task/scheduler.h"
#include "task/scope.h"
#include <yibu/error.h>

typedef struct group {
    yb_scope scope;
    yb_task *first, *last; /* children; undefined while there are none */
    size_t children;       /* that have not ended */
    size_t running;        /* of them, those that do not stand in line */
    yb_list line;          /* yb_task.wait.in_line.links */
    yibu_group_options options;
    intptr_t failure; /* the first */
    size_t failures;
    bool ending;      /* the owner waits for the children */
    bool interrupted; /* by a cancel from outside */
    bool dismissed;   /* by yibu_group_cancel: the owner's own cancel is not a failure */
    bool waited;      /* its end had to wait for children */
} group;

static group *group_of_scope(yb_scope *scope)
{
    return YB_CONTAINER_OF(scope, group, scope);
}

/* Children in line. */

/* Takes a child out of the line, for good: a cancelled child that has not begun never does. */
static void withdraw(yb_task *child)
{
    yb_list_unlink(&child->wait.in_line.links);
    group_of_scope(child->scope)->running++;
    child->fn = NULL;
    child->future.flags &= (uint8_t)~YB_TASK_DEFAULT_STACK; /* it takes over no stack either */
    yb_task_wake(child);
}

static void describe_line(const yb_task *child, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "its turn in the group that began at %s", child->scope->place);
}

static const yb_wait_class standing_in_line = {"group", withdraw, NULL, describe_line};

static void stand_in_line(group *g, yb_task *child)
{
    child->future.state = YB_TASK_SUSPENDED;
    child->waits_for = &standing_in_line;
    yb_list_push_back(&g->line, &child->wait.in_line.links);
}

static void let_in(group *g)
{
    while (g->running < g->options.max_running && !yb_list_empty(&g->line)) {
        yb_list *head = yb_list_pop_front(&g->line);
        g->running++;
        yb_task_wake(YB_CONTAINER_OF(head, yb_task, wait.in_line.links));
    }
}

/* Cancelling. */

static void cancel(group *g)
{
    if (g->scope.cancelled)
        return;
    yb_scope_cancel(&g->scope);
    yb_task *child = g->first;
    for (size_t left = g->children; left > 0; left--) {
        yb_task *next = YB_CONTAINER_OF(child->all.next, yb_task, all);
        yb_task_refresh_cancel(child);
        child = next;
    }
}

/* Failures. */

/* Notes a failure; the first one decides.  Returns whether there is room to tell of it. */
static bool note(group *g, intptr_t code, uint64_t task_id, yb_task *task, const char *place)
{
    size_t index = g->failures++;
    if (index == 0)
        g->failure = code;
    if (index < g->options.max_failures) {
        yibu_group_failure *failure = &g->options.failures[index];
        *failure = (yibu_group_failure){.code = code, .task_id = task_id, .place = place};
        if (task)
            snprintf(failure->task, sizeof(failure->task), "%s", yibu_task_get_name(&task->future));
    }
    cancel(g);
    return index == 0 || index < g->options.max_failures;
}

static void note_child(group *g, yb_task *child)
{
    if (note(g, child->future.result, child->id, child, child->place))
        child->future.flags |= YB_FUTURE_RESULT_SEEN;
}

static void note_body(group *g, intptr_t code)
{
    if (!note(g, code, 0, g->scope.task, g->scope.place))
        yb_loop_report(g->scope.task->future.loop, code,
                       "the body of the group that began at %s failed too", g->scope.place);
}

/* A child's life. */

static void join(group *g, yb_task *child)
{
    yb_scheduler *s = yb_scheduler_of(child->future.loop);
    child->scope = &g->scope;
    yb_task_enlist(s, child, g->children > 0 ? &g->last->all : s->tasks.previous);
    g->first = g->children > 0 ? g->first : child;
    g->last = child;
    g->children++;
}

static void leave(group *g, yb_task *child)
{
    if (g->first == child)
        g->first = YB_CONTAINER_OF(child->all.next, yb_task, all);
    if (g->last == child)
        g->last = YB_CONTAINER_OF(child->all.previous, yb_task, all);
    g->children--;
    g->running--;
}

/* Adds a child that was made.  An eager one may have ended, and be gone, when this returns. */
static void begin_child(group *g, yb_task *child, const yibu_task_options *options)
{
    join(g, child);
    if (g->running >= g->options.max_running) {
        stand_in_line(g, child);
        return;
    }
    g->running++;
    yb_task_begin(yb_scheduler_of(child->future.loop), child, options);
}

static bool awaited_by_starter(yb_task *child);

void yb_group_child_ended(yb_task *child)
{
    group *g = group_of_scope(child->scope);
    leave(g, child);
    child->scope = NULL;
    intptr_t result = child->future.result;
    if (YB_UNLIKELY(yibu_failed(result)) && result != -ECANCELED && !awaited_by_starter(child))
        note_child(g, child);
    if (!child->fn && g->options.discard && !(child->future.flags & YB_TASK_OWNS_FRAME))
        g->options.discard(child->arg);
    let_in(g);
    if (g->children == 0 && g->ending)
        yb_task_wake(g->scope.task);
}

/* Opening. */

static void take_options(group *g, const yibu_group_options *options)
{
    if (options) {
        size_t size = options->size < sizeof(*options) ? options->size : sizeof(*options);
        memcpy(&g->options, options, size);
    }
    if (g->options.max_running == 0)
        g->options.max_running = SIZE_MAX;
    if (!g->options.failures)
        g->options.max_failures = 0;
}

/* Frees the group of a task that will never run again; its children will not either. */
static void abandon(yb_scope *scope)
{
    group *g = group_of_scope(scope);
    yb_task *child = g->first;
    for (size_t left = g->children; left > 0; left--) {
        yb_scope **outermost = &child->scope;
        while (*outermost != scope)
            outermost = &(*outermost)->outer;
        *outermost = NULL;
        child = YB_CONTAINER_OF(child->all.next, yb_task, all);
    }
    yb_free(g);
}

static int begin(yibu_group *handle, const yibu_group_options *options, const char *place)
{
    int error = 0;
    yb_task *task = yb_task_require(&error);
    if (!task)
        return error;
    if (options && options->size < sizeof(size_t))
        return -EINVAL;
    group *g = yb_calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    g->scope.place = place;
    g->scope.abandon = abandon;
    yb_list_init(&g->line);
    take_options(g, options);
    yb_scope_enter(&g->scope, task);
    handle->state = g;
    return 0;
}

int yibu_group_begin_at(yibu_group *handle, const yibu_group_options *options, const char *place)
{
    if (handle->state)
        return -EBUSY;
    bool cancelled = handle->cancelled && handle->closed == 0;
    handle->failures = 0;
    handle->cancelled = false;
    handle->closed = begin(handle, options, place);
    if (handle->closed == 0 && cancelled)
        (void)yibu_group_cancel(handle);
    return handle->closed;
}

/* Adding. */

/* The group that children may be added to; NULL: *ret_error. */
static group *open_group(const yibu_group *handle, int *ret_error)
{
    group *g = handle->state;
    if (!g) {
        *ret_error = handle->closed < 0 ? handle->closed : -EINVAL;
        return NULL;
    }
    yb_task_check_thread(g->scope.task, "a child was added to its group");
    *ret_error = g->scope.cancelled ? YIBU_ESHUTDOWN : 0;
    return g->scope.cancelled ? NULL : g;
}

/* A child that there is no memory for. */
static int fail(group *g, const char *place)
{
    if (!note(g, -ENOMEM, 0, NULL, place))
        yb_loop_report(g->scope.task->future.loop, -ENOMEM,
                       "no child was added at %s to the group that began at %s", place,
                       g->scope.place);
    return -ENOMEM;
}

int yb_group_lacks_memory(yibu_group *handle, const char *place)
{
    int r = 0;
    group *g = open_group(handle, &r);
    return g ? fail(g, place) : r;
}

/* Makes a child, begun with begin_child; NULL: *ret_error. */
static yb_task *make(group *g, yibu_coroutine *fn, void *arg, const yibu_task_options *options,
                     const char *place, int *ret_error)
{
    yb_task *child =
        options ? yb_task_make_with(fn, arg, options, place) : yb_task_make(fn, arg, 0, place);
    if (YB_UNLIKELY(!child))
        *ret_error = fail(g, place);
    return child;
}

int yibu_group_spawn_at(yibu_group *handle, yibu_coroutine *fn, void *arg, const char *place)
{
    return yibu_group_create_task_at(handle, fn, arg, NULL, NULL, place);
}

int yibu_group_create_task_at(yibu_group *handle, yibu_coroutine *fn, void *arg,
                              const yibu_task_options *options, yibu_task **ret_task,
                              const char *place)
{
    int r = 0;
    if (!fn)
        return -EINVAL;
    group *g = open_group(handle, &r);
    yb_task *child = g ? make(g, fn, arg, options, place, &r) : NULL;
    if (YB_UNLIKELY(!child))
        return r;
    if (ret_task)
        *ret_task = yibu_task_ref(&child->future);
    begin_child(g, child, options);
    return 0;
}

bool yibu_group_cancel(yibu_group *handle)
{
    group *g = handle->state;
    if (!g) {
        handle->cancelled |= handle->closed == 0;
        return handle->closed == 0;
    }
    yb_task_check_thread(g->scope.task, "its group was cancelled");
    if (!g->scope.cancelled)
        g->dismissed = true;
    cancel(g);
    return true;
}

bool yibu_group_cancelled(const yibu_group *handle)
{
    const group *g = handle->state;
    return g ? g->scope.cancelled : handle->cancelled;
}

size_t yibu_group_children(const yibu_group *handle)
{
    const group *g = handle->state;
    return g ? g->children : 0;
}

size_t yibu_group_failures(const yibu_group *handle)
{
    const group *g = handle->state;
    return g ? g->failures : handle->failures;
}

/* Ending. */

static group *group_awaited_by(const yb_task *owner)
{
    return group_of_scope(owner->scope);
}

/* Wakes the owner, which then cancels its children: were that done here, a tree of groups would be
 * walked on one stack. */
static void interrupt_end(yb_task *owner)
{
    group *g = group_awaited_by(owner);
    if (g->scope.cancelled)
        return;
    g->interrupted = true;
    g->ending = false;
    yb_task_wake(owner);
}

static yb_task *only_child(const yb_task *owner)
{
    const group *g = group_awaited_by(owner);
    return g->children == 1 ? g->first : NULL;
}

static void describe_end(const yb_task *owner, char *ret_text, size_t size)
{
    const group *g = group_awaited_by(owner);
    snprintf(ret_text, size, "%zu %s of the group that began at %s", g->children,
             g->children == 1 ? "child" : "children", g->scope.place);
}

static const yb_wait_class ending = {"group", interrupt_end, only_child, describe_end};

static void await_children(group *g)
{
    yb_task *owner = g->scope.task;
    while (g->children > 0) {
        g->ending = g->waited = true;
        yb_task_suspend_checked(owner, &ending);
        g->ending = false;
        if (g->interrupted)
            cancel(g);
    }
}

/* What the group comes to, once it is no scope any more. */
static intptr_t judge(const group *g, intptr_t result)
{
    if (g->failures > 0)
        return g->failure;
    bool outside = yb_task_cancel_pending(yb_task_current);
    if (result == -ECANCELED)
        return g->dismissed && !outside ? 0 : -ECANCELED;
    /* A group that was cancelled hears of no further cancel while it waits. */
    bool late = g->dismissed && g->waited && outside;
    return g->interrupted || late ? -ECANCELED : result;
}

intptr_t yibu_group_end(yibu_group *handle, intptr_t result)
{
    group *g = handle->state;
    if (!g)
        return handle->closed < 0 && handle->closed != YIBU_ESHUTDOWN ? handle->closed : result;
    yb_scope_check_leave(&g->scope);
    if (result == -ECANCELED)
        cancel(g);
    else if (yibu_failed(result))
        note_body(g, result);
    await_children(g);
    yb_scope_leave(&g->scope);
    handle->state = NULL;
    handle->closed = YIBU_ESHUTDOWN;
    handle->failures = g->failures;
    handle->cancelled = g->scope.cancelled;
    result = judge(g, result);
    yb_free(g);
    return result;
}

/* Starting: the starter's own waiter is among those for the child's end.  Its status is PENDING
 * until it ends, with READY where the child said so, or with the child.  A starter that a cancel
 * woke stays enlisted, so the child's failure is its affair all the while. */

enum { READY = 1, PENDING = 2 };

static void wake_starter(yb_waiter *waiter)
{
    yb_task *starter = YB_CONTAINER_OF(waiter, yb_task, wait.waiter);
    if (starter->future.state == YB_TASK_SUSPENDED)
        yb_task_wake(starter);
}

/* The waiter of the task that waits until child is ready, or NULL. */
static yb_waiter *starter_of(const yb_task *child)
{
    const yb_list *list = &child->future.waiters.list;
    for (yb_list *at = list->next; at && at != list; at = at->next) {
        yb_waiter *waiter = YB_CONTAINER_OF(at, yb_waiter, links);
        if (waiter->end == wake_starter)
            return waiter;
    }
    return NULL;
}

static bool awaited_by_starter(yb_task *child)
{
    return starter_of(child) != NULL;
}

static yb_task *started_child(const yb_task *starter)
{
    return starter->wait.waiter.object;
}

static void describe_start(const yb_task *starter, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "task \"%s\" to be ready",
             yibu_task_get_name(&started_child(starter)->future));
}

static const yb_wait_class starting = {"start", yb_task_wake, started_child, describe_start};
static const yb_wait_class unstarting = {"start", NULL, started_child, describe_start};

/* Waits until the child is ready or has ended; a cancel of the starter cancels the child. */
static int wait_until_started(yb_task *starter, yb_task *child, intptr_t *ret_value)
{
    yb_waiter *waiter = &starter->wait.waiter;
    yb_task_begin_wait(starter, &child->future.waiters, child, 0);
    waiter->end = wake_starter;
    waiter->status = PENDING;
    yb_task_suspend(starter, &starting);
    bool interrupted = waiter->status == PENDING;
    if (interrupted) {
        (void)yibu_task_cancel(&child->future);
        yb_task_suspend(starter, &unstarting);
    }
    intptr_t value = waiter->value;
    if (waiter->status == READY) {
        if (ret_value)
            *ret_value = value;
        return 0;
    }
    if (yibu_failed(value) && value != -ECANCELED)
        return (int)value;
    return interrupted ? -ECANCELED : -ECHILD;
}

int yibu_group_start_at(yibu_group *handle, yibu_coroutine *fn, void *arg, intptr_t *ret_value,
                        const char *place)
{
    int r = 0;
    yibu_task *child;
    yb_task *starter = yb_task_enter(&r);
    if (!starter)
        return r;
    r = yibu_group_create_task_at(handle, fn, arg, NULL, &child, place);
    if (r < 0)
        return r;
    r = wait_until_started(starter, yb_task_of(child), ret_value);
    yibu_task_unref(child);
    return r;
}

int yibu_group_started(intptr_t value)
{
    int r = 0;
    yb_task *child = yb_task_require(&r);
    if (!child)
        return r;
    if (child->future.flags & YB_TASK_STARTED)
        return -EALREADY;
    yb_waiter *starter = starter_of(child);
    if (starter && yb_task_cancel_pending(child))
        return -ECANCELED;
    child->future.flags |= YB_TASK_STARTED;
    if (starter)
        yb_waiter_end(starter, value, READY);
    return 0;
}
