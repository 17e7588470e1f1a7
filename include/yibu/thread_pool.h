/* Blocking calls that have no asynchronous form: on a thread of the loop's pool. */
#ifndef YIBU_THREAD_POOL_H
#define YIBU_THREAD_POOL_H

#include <yibu/base.h>
#include <yibu/op.h>
#include <yibu/task.h>

YIBU_BEGIN_DECLS

/* Runs fn(arg) on a thread, while the calling task waits and the loop goes on.  Threads start when
 * they are needed, up to the loop's max_threads; more calls wait in line, first come, first served.
 * fn may block; it must not call what suspends a task.
 * Checkpoint.  Cancel: a function that has not started is withdrawn; one that runs is waited for,
 * since its argument may be on the caller's stack, and its result is returned.
 * Returns fn's result, -ECANCELED, -ENOMEM, or -EAGAIN where no thread could be started. */
YIBU_API intptr_t yibu_to_thread(yibu_coroutine *fn, void *arg);

/* The callback form: the callback's result is fn's.  yibu_op_cancel withdraws a function that has
 * not started. */
YIBU_API int yibu_op_to_thread(yibu_loop *loop, yibu_op *op, yibu_coroutine *fn, void *arg);

YIBU_END_DECLS

#endif
