/* The children of a group: their line, their failures, their cancel, their end.
 *
 * States of a child beside a task's: IN LINE (suspended before its first turn, its place is in
 * wait.in_line), WITHDRAWN (cancelled there: it has no function any more, and ends in its turn).
 *
 * Invariant: somebody stands in line only while max_running others do not. */
#include <errno.h>
#include <stdio.h>

#include "task/group.h"
#include "task/scheduler.h"

/* Children in line. */

/* Takes a child out of the line, for good: a cancelled child that has not begun never does. */
static void withdraw(yb_task *child)
{
    yb_list_unlink(&child->wait.in_line.links);
    yb_group_of_scope(child->scope)->running++;
    child->fn = NULL;
    child->future.flags &= (uint8_t)~YB_TASK_DEFAULT_STACK; /* it takes over no stack either */
    yb_task_wake(child);
}

static void describe_line(const yb_task *child, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "its turn in the group that began at %s", child->scope->place);
}

static const yb_wait_class standing_in_line = {"group", withdraw, NULL, describe_line};

static void stand_in_line(yb_group *g, yb_task *child)
{
    child->future.state = YB_TASK_SUSPENDED;
    child->waits_for = &standing_in_line;
    yb_list_push_back(&g->line, &child->wait.in_line.links);
}

static void let_in(yb_group *g)
{
    while (g->running < g->options.max_running && !yb_list_empty(&g->line)) {
        yb_list *head = yb_list_pop_front(&g->line);
        g->running++;
        yb_task_wake(YB_CONTAINER_OF(head, yb_task, wait.in_line.links));
    }
}

void yb_group_cancel(yb_group *g)
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
static bool note(yb_group *g, intptr_t code, uint64_t task_id, yb_task *task, const char *place)
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
    yb_group_cancel(g);
    return index == 0 || index < g->options.max_failures;
}

static void note_child(yb_group *g, yb_task *child)
{
    if (note(g, child->future.result, child->id, child, child->place))
        child->future.flags |= YB_FUTURE_RESULT_SEEN;
}

void yb_group_note_body(yb_group *g, intptr_t code)
{
    if (!note(g, code, 0, g->scope.task, g->scope.place))
        yb_loop_report(g->scope.task->future.loop, code,
                       "the body of the group that began at %s failed too", g->scope.place);
}

int yb_group_note_lack(yb_group *g, const char *place)
{
    if (!note(g, -ENOMEM, 0, NULL, place))
        yb_loop_report(g->scope.task->future.loop, -ENOMEM,
                       "no child was added at %s to the group that began at %s", place,
                       g->scope.place);
    return -ENOMEM;
}

/* A child's life. */

static void join(yb_group *g, yb_task *child)
{
    yb_scheduler *s = yb_scheduler_of(child->future.loop);
    child->scope = &g->scope;
    yb_task_enlist(s, child, g->children > 0 ? &g->last->all : s->tasks.previous);
    g->first = g->children > 0 ? g->first : child;
    g->last = child;
    g->children++;
}

static void leave(yb_group *g, yb_task *child)
{
    if (g->first == child)
        g->first = YB_CONTAINER_OF(child->all.next, yb_task, all);
    if (g->last == child)
        g->last = YB_CONTAINER_OF(child->all.previous, yb_task, all);
    g->children--;
    g->running--;
}

void yb_group_add(yb_group *g, yb_task *child, const yibu_task_options *options)
{
    join(g, child);
    if (g->running >= g->options.max_running) {
        stand_in_line(g, child);
        return;
    }
    g->running++;
    yb_task_begin(yb_scheduler_of(child->future.loop), child, options);
}

void yb_group_child_ended(yb_task *child)
{
    yb_group *g = yb_group_of_scope(child->scope);
    leave(g, child);
    child->scope = NULL;
    intptr_t result = child->future.result;
    if (YB_UNLIKELY(yibu_failed(result)) && result != -ECANCELED &&
        !yb_group_awaited_by_starter(child))
        note_child(g, child);
    if (!child->fn && g->options.discard && !(child->future.flags & YB_TASK_OWNS_FRAME))
        g->options.discard(child->arg);
    let_in(g);
    if (g->children == 0 && g->ending)
        yb_task_wake(g->scope.task);
}
