/* Waiting for many futures at once: see many.h.
 *
 * A future that is given more than once has a member for each; all of them are enlisted in one go,
 * so they stand next to each other among its waiters. */
#include "task/many.h"

#include <stdio.h>

#include "base/memory.h"
#include "task/wait.h"

void *yb_many_allocate(size_t owner_bytes, size_t count)
{
    if (count > (PTRDIFF_MAX - owner_bytes) / sizeof(yb_member))
        return NULL;
    return yb_malloc(owner_bytes + count * sizeof(yb_member));
}

int yb_many_check(yibu_future *const *futures, size_t count, const yb_task *task)
{
    if (!futures && count > 0)
        return -EINVAL;
    int r = 0;
    for (size_t i = 0; r == 0 && i < count; i++)
        if (!yibu_future_done(futures[i]))
            r = yb_future_check_wait(futures[i], task);
    return r;
}

static void end_member(yb_waiter *waiter)
{
    yb_member *member = YB_CONTAINER_OF(waiter, yb_member, waiter);
    yb_many *many = member->many;
    many->left--;
    many->ended(many, member);
}

static void join(yb_many *many, yb_member *member, yibu_future *future)
{
    bool done = yibu_future_done(future);
    member->many = many;
    member->waiter.object = future;
    member->waiter.value = !done ? 0 : future ? future->result : -ENOMEM;
    member->waiter.end = end_member;
    member->waiter.status = done ? 0 : -EINPROGRESS;
    member->waiter.interest = YB_ATTENDS;
    if (done)
        return;
    many->left++;
    yb_waiters_add(&future->waiters, &member->waiter);
}

void yb_many_join(yb_many *many, yb_member *members, yibu_future *const *futures, size_t count,
                  void (*ended)(yb_many *, yb_member *))
{
    *many = (yb_many){.members = members, .count = count, .ended = ended};
    for (size_t i = 0; i < count; i++)
        join(many, &members[i], futures[i]);
}

void yb_many_leave(yb_many *many)
{
    for (size_t i = 0; many->left > 0 && i < many->count; i++) {
        if (!yb_member_pending(&many->members[i]))
            continue;
        yb_list_unlink(&many->members[i].waiter.links);
        many->left--;
    }
}

/* Whether the waiter before it in the future's list is another member for the same future. */
static bool is_repeated(const yb_member *member)
{
    const yibu_future *future = member->waiter.object;
    yb_list *before = member->waiter.links.previous;
    if (before == &future->waiters.list)
        return false;
    yb_waiter *waiter = YB_CONTAINER_OF(before, yb_waiter, links);
    return waiter->end == end_member &&
           YB_CONTAINER_OF(waiter, yb_member, waiter)->many == member->many;
}

/* Returns whether the future is a task that waits for the canceller. */
static bool cancel(yibu_future *future, const yb_task *canceller)
{
    if (!yb_is_task(future)) {
        (void)yibu_future_cancel(future);
        return false;
    }
    yb_task *task = yb_task_of(future);
    yb_task_pass_cancel_message(canceller, task);
    if (!yb_task_request_cancel(task))
        return yb_waits_for(task, canceller);
    yb_task_interrupt(task);
    return false;
}

bool yb_many_cancel(yb_many *many, const yb_task *canceller)
{
    bool in_turn = false;
    for (size_t i = 0; i < many->count; i++) {
        yb_member *member = &many->members[i];
        if (yb_member_pending(member) && !is_repeated(member))
            in_turn |= cancel(member->waiter.object, canceller);
    }
    return in_turn;
}

/* The member's future, where that has not ended and is a task. */
static yb_task *pending_task(const yb_member *member)
{
    yibu_future *future = member->waiter.object;
    return yb_member_pending(member) && yb_is_task(future) ? yb_task_of(future) : NULL;
}

yb_task *yb_many_task(const yb_many *many)
{
    yb_task *task = NULL;
    for (size_t i = 0; !task && i < many->count; i++)
        task = pending_task(&many->members[i]);
    return task;
}

void yb_many_describe(const yb_many *many, char *ret_text, size_t size)
{
    char first[192] = "";
    for (size_t i = 0; !first[0] && i < many->count; i++)
        if (yb_member_pending(&many->members[i]))
            yb_future_describe(many->members[i].waiter.object, first, sizeof(first));
    snprintf(ret_text, size, "%zu of %zu futures, %s first", many->left, many->count, first);
}
