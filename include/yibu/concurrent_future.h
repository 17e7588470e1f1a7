/* Coroutines started from other threads, and the futures that threads wait for
 * (asyncio.run_coroutine_threadsafe, concurrent.futures.Future), those of executors
 * (<yibu/executor.h>) too.
 *
 * A yibu_future belongs to the thread of its loop; a yibu_concurrent_future to nobody: every call
 * here may be made from any thread. */
#ifndef YIBU_CONCURRENT_FUTURE_H
#define YIBU_CONCURRENT_FUTURE_H

#include <yibu/base.h>
#include <yibu/future.h>
#include <yibu/loop.h>
#include <yibu/task.h>

typedef struct yibu_concurrent_future yibu_concurrent_future;

/* Called once the future is done: on the thread that did it, a loop's, a worker's or one that
 * cancelled it, where it must not block, or at once in the caller's where it is done already. */
typedef void yibu_concurrent_callback(yibu_concurrent_future *future, void *arg);

YIBU_BEGIN_DECLS

/* Runs fn(arg) as a task of loop, which must outlive the call; arg must live until the task has
 * used it.  Task-locals are not inherited.  Never suspends.  Context: any thread.
 * The caller owns a reference to the future.  A loop that ends before the task has begun ends the
 * future with YIBU_ESHUTDOWN; the task itself is cancelled as others are.
 * Returns 0, -EINVAL or -ENOMEM. */
YIBU_API int yibu_run_coroutine_threadsafe(yibu_loop *loop, yibu_coroutine *fn, void *arg,
                                           yibu_concurrent_future **ret_future);

/* Waits for the result for at most timeout_ns (YIBU_FOREVER: without limit; 0: not at all).  In a
 * task it suspends, in a thread without a running loop it blocks.
 * Checkpoint.  Cancel: cancels the coroutine, without waiting for its end; cancels the call of an
 * executor and waits for its end.
 * Returns the result; -ETIMEDOUT, and what it is waited for goes on; -ECANCELED; -ENOMEM;
 * YIBU_ENOTASK in a callback, -EDEADLK where this thread would wait for itself: in the thread of
 * the coroutine's loop while that does not run, in a function for its own end; YIBU_EFORKED. */
YIBU_API intptr_t yibu_concurrent_future_result(yibu_concurrent_future *future, int64_t timeout_ns);

/* Requests the cancel of the coroutine or call.  Never blocks.  Returns false where it is done
 * already, and in a forked child. */
YIBU_API bool yibu_concurrent_future_cancel(yibu_concurrent_future *future);

YIBU_API bool yibu_concurrent_future_done(const yibu_concurrent_future *future);

/* Calls callback(future, arg) once the future is done, in the order of registration.  Who waits for
 * the result may have it before the callback is called, as in Python.
 * Returns 0, -EINVAL or -ENOMEM. */
YIBU_API int yibu_concurrent_future_add_done_callback(yibu_concurrent_future *future,
                                                      yibu_concurrent_callback *callback,
                                                      void *arg);

/* References.  NULL is fine.  A coroutine goes on without any. */
YIBU_API yibu_concurrent_future *yibu_concurrent_future_ref(yibu_concurrent_future *future);
YIBU_API void yibu_concurrent_future_unref(yibu_concurrent_future *future);

/* A future of this thread's loop that ends as the other one does (asyncio.wrap_future), for await,
 * gather and their kin; its cancel cancels the other one, and where that is a call of an executor,
 * it ends when the call does.  The loop's end waits for the other one.
 * Never suspends.  Context: a loop's thread.  Returns it, with a reference of the caller's; NULL
 * where there is no memory or no loop. */
YIBU_API yibu_future *yibu_wrap_future_at(yibu_concurrent_future *future, const char *place);
#define yibu_wrap_future(future) yibu_wrap_future_at((future), YIBU_HERE)

YIBU_END_DECLS

#endif
