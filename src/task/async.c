/* Calls of typed coroutines that are tasks, or will be.
 *
 * A call is one allocation: the frame, whose fields only the program knows, behind a header that
 * tells whose frame it is.  It belongs to whoever starts it and then to the task, whose argument
 * the frame is; the last reference to the task frees it, so that a result outlives the run. */
#include "task/async.h"

#include <errno.h>
#include <limits.h>

#include "base/memory.h"
#include "task/group.h"
#include "task/task.h"
#include <yibu/async_macros.h>

typedef struct header {
    const yibu_async_type_ *type;
    void *allocation;
} header;

enum { ALIGNMENT = _Alignof(max_align_t) }; /* of allocations, and of frames that want no more */

_Static_assert(sizeof(header) % ALIGNMENT == 0, "the frame follows the header");

static header *header_of(void *frame)
{
    return (header *)frame - 1;
}

void *yibu_async_new_(const yibu_async_type_ *type)
{
    size_t alignment = type->frame_alignment > ALIGNMENT ? type->frame_alignment : ALIGNMENT;
    char *memory = yb_malloc(sizeof(header) + (alignment - ALIGNMENT) + type->frame_size);
    if (!memory)
        return NULL;
    uintptr_t begin = (uintptr_t)memory + sizeof(header);
    void *frame = memory + sizeof(header) + (-begin & (alignment - 1));
    *header_of(frame) = (header){type, memory};
    return frame;
}

void yb_async_free(void *frame)
{
    header *h = header_of(frame);
    if (h->type->destroy)
        h->type->destroy(frame);
    yb_free(h->allocation);
}

yibu_task *yibu_async_start_(yibu_async_frame *frame, const yibu_task_options *options,
                             const char *place)
{
    if (!frame)
        return NULL;
    yibu_task *task = yibu_create_task_at(header_of(frame)->type->coroutine, frame, options, place);
    if (task)
        task->flags |= YB_TASK_OWNS_FRAME;
    else
        yb_async_free(frame);
    return task;
}

int yibu_async_go_(yibu_async_frame *frame, const char *place)
{
    if (!yb_loop_current) {
        if (frame)
            yb_async_free(frame);
        return yb_task_missing();
    }
    yibu_task *task = yibu_async_start_(frame, NULL, place);
    yibu_task_unref(task);
    return task ? 0 : -ENOMEM;
}

static int add(yibu_group *group, yibu_async_frame *frame, yibu_task **ret_task, const char *place)
{
    if (!frame)
        return yb_group_lacks_memory(group, place);
    int r = yibu_group_create_task_at(group, header_of(frame)->type->coroutine, frame, NULL,
                                      ret_task, place);
    if (r == 0)
        (*ret_task)->flags |= YB_TASK_OWNS_FRAME;
    else
        yb_async_free(frame);
    return r;
}

yibu_task *yibu_async_start_in_(yibu_group *group, yibu_async_frame *frame, const char *place)
{
    yibu_task *task = NULL;
    return add(group, frame, &task, place) == 0 ? task : NULL;
}

int yibu_async_go_in_(yibu_group *group, yibu_async_frame *frame, const char *place)
{
    yibu_task *task = NULL;
    int r = add(group, frame, &task, place);
    if (r == 0)
        yibu_task_unref(task);
    return r;
}

/* The frame of a task of that coroutine, else NULL. */
static void *frame_of(yibu_task *task, yibu_async_function_ *function)
{
    if (!(task->flags & YB_TASK_OWNS_FRAME))
        return NULL;
    void *frame = yb_task_of(task)->arg;
    return header_of(frame)->type->function == function ? frame : NULL;
}

/* A status is an int that is 0 or more, or a failure: the program's compiler relies on it. */
static int status_of(intptr_t result)
{
    return result > INT_MAX || (result < 0 && !yibu_failed(result)) ? -ERANGE : (int)result;
}

static int get(yibu_task *task, yibu_async_function_ *function, intptr_t (*result)(yibu_task *),
               void **ret_frame)
{
    if (!task)
        return -ENOMEM;
    void *frame = frame_of(task, function);
    if (!frame)
        return -EINVAL;
    int status = status_of(result(task));
    if (status >= 0)
        *ret_frame = frame;
    return status;
}

int yibu_async_await_(yibu_task *task, yibu_async_function_ *function, void **ret_frame)
{
    return get(task, function, yibu_await, ret_frame);
}

int yibu_async_result_(yibu_task *task, yibu_async_function_ *function, void **ret_frame)
{
    return get(task, function, yibu_task_result, ret_frame);
}

int yibu_async_run_(yibu_coroutine *coroutine, void *frame, const yibu_loop_options *options)
{
    return status_of(yibu_run(coroutine, frame, options));
}
