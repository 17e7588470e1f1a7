/* See line.h.
 *
 * An entrant's `status` is -EINPROGRESS while it stands in line, under the lock.  Who takes it out
 * sets the status and calls wake, once, still under the lock: then the entrant's memory is its own
 * again.  A cancelled task takes itself out, unless it was let in first: then it has entered. */
#include "exec/line.h"

#include <errno.h>

#include "exec/function.h"
#include "exec/waits.h"
#include "platform/futex.h"
#include "task/task.h"

typedef struct entrant {
    yb_list links;
    void (*wake)(struct entrant *self);
    int status;
    bool of_function; /* that keeps another executor's worker from others */
} entrant;

static bool room(const yibu_executor *e)
{
    size_t free_workers = e->running < e->max_workers ? e->max_workers - e->running : 0;
    return e->max_queue == 0 || e->queued < free_workers + e->max_queue;
}

void yb_line_push_in(yibu_executor *e)
{
    e->queued++;
    e->holds++;
}

static void take_out(yibu_executor *e, int status)
{
    entrant *first = YB_CONTAINER_OF(yb_list_pop_front(&e->entrants), entrant, links);
    first->status = status;
    first->wake(first);
}

void yb_line_left(yibu_executor *e)
{
    while (!yb_list_empty(&e->entrants) && room(e)) {
        yb_line_push_in(e);
        take_out(e, 0);
    }
}

void yb_line_let_functions_in(yibu_executor *e)
{
    pthread_mutex_lock(&e->lock);
    for (yb_list *at = e->entrants.next, *next; at != &e->entrants; at = next) {
        next = at->next;
        entrant *self = YB_CONTAINER_OF(at, entrant, links);
        if (!self->of_function)
            continue;
        yb_list_unlink(at);
        yb_line_push_in(e);
        self->status = 0;
        self->wake(self);
    }
    pthread_mutex_unlock(&e->lock);
}

void yb_line_dismiss(yibu_executor *e, int code)
{
    while (!yb_list_empty(&e->entrants))
        take_out(e, code);
}

/* Under the lock. */
static int try_enter(yibu_executor *e)
{
    if (e->state != YB_ENGINE_OPEN)
        return e->refusal;
    if (!room(e))
        return -EAGAIN;
    yb_line_push_in(e);
    return 0;
}

int yb_line_try_enter(yibu_executor *e)
{
    pthread_mutex_lock(&e->lock);
    int r = try_enter(e);
    pthread_mutex_unlock(&e->lock);
    return r;
}

/* Enters, or joins the entrants: -EAGAIN. */
static int line_up(yibu_executor *e, entrant *self)
{
    pthread_mutex_lock(&e->lock);
    int r = try_enter(e);
    if (r == -EAGAIN) {
        self->status = -EINPROGRESS;
        yb_list_push_back(&e->entrants, &self->links);
    }
    pthread_mutex_unlock(&e->lock);
    return r;
}

/* A task waits by the operation in its header. */

typedef struct task_entrant {
    entrant entrant;
    yb_runnable posted;
} task_entrant;

_Static_assert(sizeof(task_entrant) <= sizeof(((yb_op *)0)->custom_room), "an operation has room");

static yb_op *op_of(task_entrant *self)
{
    return YB_CONTAINER_OF(self, yb_op, custom_room);
}

static void arrive(yb_runnable *item)
{
    task_entrant *self = YB_CONTAINER_OF(item, task_entrant, posted);
    yb_op_complete(op_of(self), self->entrant.status);
}

static void post(entrant *self)
{
    task_entrant *t = YB_CONTAINER_OF(self, task_entrant, entrant);
    yb_loop_post(op_of(t)->loop, &t->posted);
}

static bool leave(yb_op *op)
{
    yibu_executor *e = op->custom_data;
    task_entrant *self = (task_entrant *)(void *)op->custom_room;
    pthread_mutex_lock(&e->lock);
    bool waits = self->entrant.status == -EINPROGRESS;
    if (waits)
        yb_list_unlink(&self->entrant.links);
    pthread_mutex_unlock(&e->lock);
    return waits;
}

static int enter_in_task(yibu_executor *e, yb_task *task)
{
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    task_entrant *self = (task_entrant *)(void *)op->custom_room;
    self->entrant.wake = post;
    self->posted.run = arrive;
    yb_op_begin_custom(task->future.loop, op, leave, e);
    int r = line_up(e, &self->entrant);
    if (r == -EAGAIN)
        return (int)yb_task_wait_op(task);
    yb_op_unbegin_custom(op);
    return r;
}

/* A thread waits by a futex. */

typedef struct thread_entrant {
    entrant entrant;
    _Atomic(uint32_t) woken;
} thread_entrant;

static void wake_thread(entrant *self)
{
    _Atomic(uint32_t) *woken = &YB_CONTAINER_OF(self, thread_entrant, entrant)->woken;
    atomic_store_explicit(woken, 1, memory_order_release); /* pairs with the load below */
    yb_futex_wake(woken);
}

static int enter_in_thread(yibu_executor *e)
{
    thread_entrant self = {
        .entrant = {.wake = wake_thread, .of_function = yb_function_current != NULL}};
    int r = line_up(e, &self.entrant);
    if (r != -EAGAIN)
        return r;
    if (self.entrant.of_function && yb_wait_for_room_is_over())
        yb_line_let_functions_in(e); /* this one was too late for it */
    while (!atomic_load_explicit(&self.woken, memory_order_acquire))
        yb_futex_wait(&self.woken, 0);
    return self.entrant.status;
}

/* One that waits for room where that may need its own worker's place. */
static int enter_in_function(yibu_executor *e)
{
    yb_wait_for_room_begins(e);
    int r = enter_in_thread(e);
    yb_wait_for_room_ends();
    return r;
}

int yb_line_enter(yibu_executor *e)
{
    int r = yb_line_try_enter(e);
    if (r != -EAGAIN)
        return r;
    if (yb_task_current)
        return enter_in_task(e, yb_task_current);
    if (yb_forked() || (yb_loop_current && yb_loop_current->running))
        return yb_task_missing();
    if (yb_loop_current && yb_loop_current == atomic_load(&e->home))
        return -EDEADLK;
    return yb_function_current ? enter_in_function(e) : enter_in_thread(e);
}
