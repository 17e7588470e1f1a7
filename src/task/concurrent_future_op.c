/* An operation in the callback form that ends with a future of no thread. */
#include "platform/backend.h"
#include "task/concurrent_future.h"
#include "task/task.h"

typedef struct following {
    yb_ending ending;
    yb_runnable posted;
    intptr_t (*arrived)(yibu_concurrent_future *future, void *arg);
    void *arg;
} following;

_Static_assert(sizeof(following) <= sizeof(((yb_op *)0)->custom_room), "an operation has room");

static following *following_of(yb_op *op)
{
    return (following *)(void *)op->custom_room;
}

static yb_op *op_of(following *f)
{
    return YB_CONTAINER_OF(f, yb_op, custom_room);
}

static void arrive(yb_runnable *item)
{
    following *f = YB_CONTAINER_OF(item, following, posted);
    yb_op *op = op_of(f);
    yibu_concurrent_future *future = op->custom_data;
    intptr_t result = f->arrived ? f->arrived(future, f->arg) : future->result;
    yibu_concurrent_future_unref(future);
    yb_op_complete(op, result);
}

static void post(yb_ending *ending, yibu_concurrent_future *future)
{
    (void)future;
    following *f = YB_CONTAINER_OF(ending, following, ending);
    yb_loop_post(op_of(f)->loop, &f->posted);
}

static bool cancel(yb_op *op)
{
    (void)yibu_concurrent_future_cancel(op->custom_data);
    return false;
}

void yb_concurrent_future_follow(yibu_concurrent_future *future, yibu_loop *loop, yb_op *op,
                                 intptr_t (*arrived)(yibu_concurrent_future *future, void *arg),
                                 void *arg)
{
    following *f = following_of(op);
    *f = (following){
        .ending = {.ended = post}, .posted = {.run = arrive}, .arrived = arrived, .arg = arg};
    yb_op_begin_custom(loop, op, cancel, future);
    if (!yb_concurrent_future_attend(future, &f->ending))
        yb_loop_ready(loop, &f->posted);
}
