/* Groups: children that end before the part of a task that started them does.
 *
 * A group is a scope of its owner's, and the outermost scope of each child: a child's end finds the
 * group through it, and one flag cancels them all.  Children stand side by side in the list of the
 * loop's tasks, from `first` to `last`, so that a child needs no memory beyond its task.
 *
 * States of a group: OPEN; CANCELLED (scope.cancelled: by its first failure, by yibu_group_cancel,
 * or by a cancel from outside; no child can be added); ENDED (freed; the handle keeps the verdict).
 * The loop's thread alone touches a group.  Its children's side is in group_child.c. */
#include "task/group.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/options.h"
#include "task/scheduler.h"
#include <yibu/error.h>

/* Opening. */

static void set_options(yb_group *g, const yibu_group_options *options)
{
    g->options = *options;
    if (g->options.max_running == 0)
        g->options.max_running = SIZE_MAX;
    if (!g->options.failures)
        g->options.max_failures = 0;
}

/* Frees the group of a task that will never run again; its children will not either. */
static void abandon(yb_scope *scope)
{
    yb_group *g = yb_group_of_scope(scope);
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
    yibu_group_options taken;
    error = yb_options_take(&taken, sizeof(taken), options);
    if (error < 0)
        return error;
    yb_group *g = yb_calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    g->scope.place = place;
    g->scope.abandon = abandon;
    yb_list_init(&g->line);
    set_options(g, &taken);
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
static yb_group *open_group(const yibu_group *handle, int *ret_error)
{
    yb_group *g = handle->state;
    if (!g) {
        *ret_error = handle->closed < 0 ? handle->closed : -EINVAL;
        return NULL;
    }
    yb_task_check_thread(g->scope.task, "a child was added to its group");
    *ret_error = g->scope.cancelled ? YIBU_ESHUTDOWN : 0;
    return g->scope.cancelled ? NULL : g;
}

int yb_group_lacks_memory(yibu_group *handle, const char *place)
{
    int r = 0;
    yb_group *g = open_group(handle, &r);
    return g ? yb_group_note_lack(g, place) : r;
}

/* Makes a child, begun with yb_group_add; NULL: *ret_error. */
static yb_task *make(yb_group *g, yibu_coroutine *fn, void *arg, const yibu_task_options *options,
                     const char *place, int *ret_error)
{
    yb_task *child =
        options ? yb_task_make_with(fn, arg, options, place) : yb_task_make(fn, arg, 0, place);
    if (YB_UNLIKELY(!child))
        *ret_error = yb_group_note_lack(g, place);
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
    yb_group *g = open_group(handle, &r);
    yb_task *child = g ? make(g, fn, arg, options, place, &r) : NULL;
    if (YB_UNLIKELY(!child))
        return r;
    if (ret_task)
        *ret_task = yibu_task_ref(&child->future);
    yb_group_add(g, child, options);
    return 0;
}

bool yibu_group_cancel(yibu_group *handle)
{
    yb_group *g = handle->state;
    if (!g) {
        handle->cancelled |= handle->closed == 0;
        return handle->closed == 0;
    }
    yb_task_check_thread(g->scope.task, "its group was cancelled");
    if (!g->scope.cancelled)
        g->dismissed = true;
    yb_group_cancel(g);
    return true;
}

bool yibu_group_cancelled(const yibu_group *handle)
{
    const yb_group *g = handle->state;
    return g ? g->scope.cancelled : handle->cancelled;
}

size_t yibu_group_children(const yibu_group *handle)
{
    const yb_group *g = handle->state;
    return g ? g->children : 0;
}

size_t yibu_group_failures(const yibu_group *handle)
{
    const yb_group *g = handle->state;
    return g ? g->failures : handle->failures;
}

/* Ending. */

static yb_group *group_awaited_by(const yb_task *owner)
{
    return yb_group_of_scope(owner->scope);
}

/* Wakes the owner, which then cancels its children: were that done here, a tree of groups would be
 * walked on one stack. */
static void interrupt_end(yb_task *owner)
{
    yb_group *g = group_awaited_by(owner);
    if (g->scope.cancelled)
        return;
    g->interrupted = true;
    g->ending = false;
    yb_task_wake(owner);
}

static yb_task *only_child(const yb_task *owner)
{
    const yb_group *g = group_awaited_by(owner);
    return g->children == 1 ? g->first : NULL;
}

static void describe_end(const yb_task *owner, char *ret_text, size_t size)
{
    const yb_group *g = group_awaited_by(owner);
    snprintf(ret_text, size, "%zu %s of the group that began at %s", g->children,
             g->children == 1 ? "child" : "children", g->scope.place);
}

static const yb_wait_class ending = {"group", interrupt_end, only_child, describe_end};

static void await_children(yb_group *g)
{
    yb_task *owner = g->scope.task;
    while (g->children > 0) {
        g->ending = g->waited = true;
        yb_task_suspend_checked(owner, &ending);
        g->ending = false;
        if (g->interrupted)
            yb_group_cancel(g);
    }
}

/* What the group comes to, once it is no scope any more. */
static intptr_t judge(const yb_group *g, intptr_t result)
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
    yb_group *g = handle->state;
    if (!g)
        return handle->closed < 0 && handle->closed != YIBU_ESHUTDOWN ? handle->closed : result;
    yb_scope_check_leave(&g->scope);
    if (result == -ECANCELED)
        yb_group_cancel(g);
    else if (yibu_failed(result))
        yb_group_note_body(g, result);
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
