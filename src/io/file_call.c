/* Calls on files.
 *
 * The backend has the first say: it makes the call at once, takes it, or answers -ENOTSUP.  Then it
 * is work for a thread of a pool that does nothing else: functions of the program's that block, and
 * files, do not delay each other.  In a simulation there is one executor, which runs everything.
 *
 * A pipe, socket or terminal may keep a read or write for ever, and a thread could not be called
 * back from that: such a call is never given to one. */
#include "io/file_call.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "exec/executor.h"

/* The work lies in the operation, whose custom_data is the call. */
_Static_assert(sizeof(yb_work) <= sizeof(((yb_op *)0)->custom_room), "an operation has room");

static int executor_of(yibu_loop *loop, yb_executor **ret_executor)
{
    enum { THREADS = 16 }; /* disks want several requests at a time, however few processors */
    if (loop->backend->class->network)
        return yb_executor_of(loop, ret_executor);
    return yb_executor_of_part(loop, YB_PART_FILES, THREADS, ret_executor);
}

static yb_work *work_of(yb_op *op)
{
    return (yb_work *)(void *)op->custom_room;
}

static intptr_t perform(void *arg)
{
    return yb_file_perform(arg);
}

static void done(yb_work *work)
{
    yb_op *op = YB_CONTAINER_OF(work, yb_op, custom_room);
    yb_op_complete(op, work->result);
}

/* What has begun is waited for: its memory is the thread's. */
static bool withdraw(yb_op *op)
{
    yb_executor *executor;
    return executor_of(op->loop, &executor) == 0 && executor->class->cancel(executor, work_of(op));
}

static int start_on_thread(yibu_loop *loop, yb_op *op, yb_file_call *call)
{
    static const yb_work_class class = {.done = done};
    yb_executor *executor;
    int r = executor_of(loop, &executor);
    if (r < 0)
        return r;
    yb_work *work = work_of(op);
    work->fn = perform;
    work->arg = call;
    work->class = &class;
    r = executor->class->submit(executor, work);
    if (r == 0)
        yb_op_begin_custom(loop, op, withdraw, call);
    return r;
}

bool yb_fd_can_wait(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && !S_ISREG(about.st_mode) && !S_ISBLK(about.st_mode) &&
           !S_ISDIR(about.st_mode);
}

static bool transfers(const yb_file_call *call)
{
    return call->verb == YB_FILE_READ || call->verb == YB_FILE_WRITE ||
           call->verb == YB_FILE_READV || call->verb == YB_FILE_WRITEV;
}

/* As yb_op_start. */
static int start(yibu_loop *loop, yb_op *op, yb_file_call *call)
{
    op->file = call;
    int r = yb_op_start(loop, op);
    if (r != -ENOTSUP)
        return r;
    if (transfers(call) && yb_fd_can_wait(call->fd))
        return -EAGAIN;
    return start_on_thread(loop, op, call);
}

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    const yb_op *op = &task->wait.op;
    const yb_file_call *call = op->kind == YB_OP_FILE ? op->file : op->custom_data;
    if (call->path)
        snprintf(ret_text, size, "%s of %s", yb_file_verb_name(call), call->path);
    else
        snprintf(ret_text, size, "%s of descriptor %d", yb_file_verb_name(call), call->fd);
}

static ssize_t make(yb_task *task, yb_file_call *call, const yb_wait_class *class)
{
    int fd = yb_file_has_descriptor(call) ? call->fd : -1;
    yb_op *op = yb_task_prepare_op(task, YB_OP_FILE, fd);
    int r = start(task->future.loop, op, call);
    if (r != 0)
        return yb_task_finish_op(task, r);
    yb_task_suspend(task, class);
    return task->wait.op.result;
}

ssize_t yb_file_call_make(yb_file_call *call)
{
    static const yb_wait_class class = {"file", yb_task_interrupt_op, NULL, describe};
    int r;
    yb_task *task = yb_task_enter(&r);
    return task ? make(task, call, &class) : r;
}

ssize_t yb_file_call_finish(yb_file_call *call)
{
    static const yb_wait_class class = {"file", NULL, NULL, describe};
    int r;
    yb_task *task = yb_task_require(&r);
    return task ? make(task, call, &class) : r;
}

void yb_file_close_read(int fd)
{
    yb_file_call call = {.verb = YB_FILE_CLOSE, .fd = fd, .flags = 1};
    (void)yb_file_call_finish(&call);
}
