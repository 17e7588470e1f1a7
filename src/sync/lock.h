/* Locks from the inside: for select, and for conditions, which give them up and take them back. */
#ifndef YB_SYNC_LOCK_H
#define YB_SYNC_LOCK_H

#include <yibu/lock.h>

#include "task/wait.h"

/* A waiter brings the id of its task along, or 0: then the owner is not known. */
extern const yb_waitable_class yb_lock_class;

/* Whether the running task, or where none runs a callback, may have acquired the lock. */
bool yb_lock_is_mine(const yibu_lock *lock);

/* Takes the lock for a task that is suspended with its own waiter in no list: at once, where it is
 * free, or in line for it.  The task is woken once it has it. */
void yb_lock_acquire_for(yibu_lock *lock, yb_task *task);

/* The owner of the lock that is the object of a suspended task's waiter, and words for it. */
yb_task *yb_lock_owner_of_wait(const yb_task *waiting);
void yb_lock_describe_wait(const yb_task *waiting, char *ret_text, size_t size);

#endif
