/* Futures: results that will be there later (asyncio.Future), and waiting for many of them.
 *
 * A task is a future that a coroutine completes; the two are one type, so whatever takes a future
 * takes a task, and yibu_task_… is another name of yibu_future_… where the behaviour is one.
 *
 * A result in [-65535, -1] is a failure (<yibu/base.h>).  NULL, the answer of whoever had no memory
 * for a future, is a future that has failed with -ENOMEM, so one check after waiting is enough.
 *
 * Futures belong to their loop's thread: another thread completes one through
 * yibu_call_soon_threadsafe.  Using one from a wrong thread aborts the program, and says so. */
#ifndef YIBU_FUTURE_H
#define YIBU_FUTURE_H

#include <yibu/base.h>

typedef struct yibu_loop yibu_loop;
typedef struct yibu_iterator yibu_iterator;
typedef struct yibu_future yibu_future;
typedef struct yibu_future yibu_task;

/* Called by the loop once the future has ended; must not suspend. */
typedef void yibu_done_callback(yibu_future *future, void *arg);

/* Flags of yibu_gather. */
enum {
    YIBU_RETURN_EXCEPTIONS = 1u << 0, /* failures are results like any other */
};

/* When yibu_wait returns. */
enum {
    YIBU_ALL_COMPLETED,   /* once all are done */
    YIBU_FIRST_COMPLETED, /* once one is done */
    YIBU_FIRST_EXCEPTION, /* once one has failed, which a cancel is not, or all are done */
};

YIBU_BEGIN_DECLS

/* A future that yibu_future_set_result or yibu_future_set_exception completes.  loop NULL: this
 * thread's.  Never suspends.  Context: the loop's thread.
 * Returns it, with a reference that the caller drops with yibu_future_unref; NULL where there is no
 * memory, or where the loop is not this thread's. */
YIBU_API yibu_future *yibu_create_future_at(yibu_loop *loop, const char *place);
#define yibu_create_future(loop) yibu_create_future_at((loop), YIBU_HERE)

/* Completes a future and makes those ready that wait for it.  set_exception takes a failure's code;
 * a result that is a failure is the same.  Never suspend.  Context: the loop's thread.
 * Return 0; -EALREADY where it has ended, cancelled or not (asyncio: InvalidStateError); -EINVAL
 * for a task, for NULL, and for a code that is no failure. */
YIBU_API int yibu_future_set_result(yibu_future *future, intptr_t result);
YIBU_API int yibu_future_set_exception(yibu_future *future, int code);

/* Ends a future at once with -ECANCELED; asks a task to end, see yibu_task_cancel.
 * Never suspends.  Context: the loop's thread.  Returns true, or false where it has ended. */
YIBU_API bool yibu_future_cancel(yibu_future *future);

/* Whether it has ended; whether it has ended with -ECANCELED.  Never suspend. */
YIBU_API bool yibu_future_done(const yibu_future *future);
YIBU_API bool yibu_future_cancelled(const yibu_future *future);

/* Its result, a failure included; -EINPROGRESS until it has ended.  Asking retrieves it: a failure
 * that nobody has retrieved when the last reference is dropped is told to the loop's exception
 * handler, but for -ECANCELED.  Never suspends. */
YIBU_API intptr_t yibu_future_result(yibu_future *future);

/* The failure it has ended with, 0 after a success; -EINPROGRESS until it has ended.  Retrieves a
 * failure as yibu_future_result does.  Never suspends. */
YIBU_API int yibu_future_exception(yibu_future *future);

/* The loop it belongs to, which may be gone if the future has ended.  NULL for NULL. */
YIBU_API yibu_loop *yibu_future_get_loop(const yibu_future *future);

/* References.  NULL is fine.  Dropping the last one to a pending future drops its callbacks, and
 * aborts the program where somebody waits for it.  Never suspend.  Context: the loop's thread. */
YIBU_API yibu_future *yibu_future_ref(yibu_future *future);
YIBU_API void yibu_future_unref(yibu_future *future);

/* Calls callback(future, arg) in a turn of the loop once the future has ended, in the order of
 * registration; where it has ended already, in the next turn.  The future lives until the callback
 * has returned.  Callbacks that did not run when the loop is freed are dropped.
 * Never suspends.  Context: the loop's thread.  Returns 0, -ENOMEM, or -EINVAL without a
 * callback. */
YIBU_API int yibu_future_add_done_callback(yibu_future *future, yibu_done_callback *callback,
                                           void *arg);

/* Takes back every registration of the same callback and arg that has not run: it is not called
 * after this returns.  Never suspends.  Context: the loop's thread.  Returns how many there
 * were. */
YIBU_API int yibu_future_remove_done_callback(yibu_future *future, yibu_done_callback *callback,
                                              void *arg);

/* Waits until the future has ended.  Context: a task of the same loop; any where it has ended.
 * Checkpoint, unless it has ended: then that is answered at once.
 * Cancel: cancels the future and waits for its end, so the result is still the future's; where
 * others wait for it too, detaches with -ECANCELED.
 * Returns the future's result; -ENOMEM for NULL; -EDEADLK for the caller itself; -EINVAL for a
 * future of another loop. */
YIBU_API intptr_t yibu_await(yibu_future *future);

/* The same, but for a cancel of the caller, which leaves the future alone: returns -ECANCELED then,
 * as it does where the future itself was cancelled. */
YIBU_API intptr_t yibu_shield(yibu_future *future);

/* Waits for n futures.  ret_results (may be NULL) receives their results in order; -EINPROGRESS
 * for one that has not ended.  The same future may be given more than once.
 * The first failure, and a child that somebody else cancels has failed with -ECANCELED, is returned
 * at once, and the others go on.  With YIBU_RETURN_EXCEPTIONS all are waited for, and failures are
 * results.  Context: a task of the futures' loop.
 * Checkpoint, unless nothing is left to wait for.  Cancel: cancels all that have not ended, waits
 * for every one, and returns -ECANCELED, with all results in ret_results.
 * Returns 0, the first failure, -ECANCELED; -ENOMEM (the futures go on); -EDEADLK where the caller
 * is one of them; -EINVAL for unknown flags or a future of another loop. */
YIBU_API int yibu_gather(yibu_future *const *futures, size_t n, intptr_t *ret_results,
                         unsigned flags);

/* Waits until all n futures, or the first of them (return_when), have ended, or timeout_ns has
 * passed (YIBU_FOREVER: no limit; 0: looks after letting whatever is ready run once).  Neither
 * cancels the futures nor retrieves their results.  Context: a task of the futures' loop.
 * Checkpoint.  Cancel: leaves the futures alone.
 * Returns how many are done (ask them with yibu_future_done), 0 possible when the time is over;
 * -ECANCELED; -ENOMEM; -EDEADLK where the caller is one of them; -EINVAL for n == 0, an unknown
 * return_when or a future of another loop. */
YIBU_API ssize_t yibu_wait(yibu_future *const *futures, size_t n, int64_t timeout_ns,
                           unsigned return_when);

/* The futures as they end: an iterator (<yibu/iterator.h>) whose items are `yibu_future *`, those
 * first that have ended already.  It refers to the futures until it is closed, which leaves those
 * that go on alone.  Once timeout_ns (YIBU_FOREVER: no limit) has passed, next answers -ETIMEDOUT
 * in place of what has not ended.  A future given twice comes twice.
 * Never suspends; next is a checkpoint.  Context: the loop's thread.
 * Returns the iterator, NULL where there is no memory or no loop.  next fails with -ENOMEM where
 * one of the futures is NULL, with -EINVAL where one belongs to another loop. */
YIBU_API yibu_iterator *yibu_as_completed(yibu_future *const *futures, size_t n,
                                          int64_t timeout_ns);

YIBU_END_DECLS

#endif
