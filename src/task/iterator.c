/* Async iterators: the part of the protocol that every implementation would have to get right.
 *
 * An iterator is OPEN, or CLOSED with the status that every later call of next answers: the end is
 * told again, and so is a failure, so that ignoring it once cannot make it look like the end.
 * While a call is under way `busy` keeps other tasks out. */
#include <errno.h>
#include <yibu/iterator.h>

#include "task/scope.h"
#include "task/task.h"
#include <yibu/error.h>

/* Closes an open iterator; cancels wait meanwhile.  Returns what closing failed with. */
static int close_in_shield(yibu_iterator *iterator, yb_task *task)
{
    yb_scope shield = {.shield = true, .place = iterator->type->name};
    iterator->closed = true;
    if (!iterator->type->close)
        return 0;
    iterator->busy = true;
    yb_scope_enter(&shield, task);
    int r = iterator->type->close(iterator);
    yb_scope_leave(&shield);
    iterator->busy = false;
    return r < 0 ? r : 0;
}

static int take(yibu_iterator *iterator, yb_task *task, void **ret_item)
{
    iterator->busy = true;
    int r = yb_task_checkpoint(task);
    if (r == 0)
        r = iterator->type->next(iterator, ret_item);
    iterator->busy = false;
    return r;
}

int yibu_iterator_next(yibu_iterator *iterator, void **ret_item)
{
    int r = 0;
    if (!iterator)
        return -ENOMEM;
    if (iterator->busy)
        return -EBUSY;
    if (iterator->closed)
        return iterator->status;
    yb_task *task = yb_task_require(&r);
    if (!task)
        return r;
    r = take(iterator, task, ret_item);
    if (r > 0)
        return 1;
    int failure = close_in_shield(iterator, task);
    iterator->status = r < 0 ? r : failure;
    return iterator->status;
}

int yibu_iterator_close(yibu_iterator *iterator)
{
    int r = 0;
    if (!iterator)
        return 0;
    if (iterator->busy)
        return -EBUSY;
    yb_task *task = yb_task_require(&r);
    if (!task)
        return r;
    if (!iterator->closed)
        r = close_in_shield(iterator, task);
    if (iterator->type->free)
        iterator->type->free(iterator);
    return r;
}
