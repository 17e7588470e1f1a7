/* The event loop: one a thread.  Most programs call yibu_run (<yibu/task.h>) and never see it. */
#ifndef YIBU_LOOP_H
#define YIBU_LOOP_H

#include <yibu/base.h>
#include <yibu/op.h>
#include <yibu/stall.h>

typedef struct yibu_handle yibu_handle;
typedef void yibu_callback(void *arg);

/* A callback at a time, in storage of the caller's that stays where it is while it is armed.
 * Zeroed it is idle. */
typedef struct yibu_timer {
    uintptr_t reserved[8]; /* the runtime's */
} yibu_timer;

#define YIBU_TIMER_INIT \
    {                   \
        {               \
            0           \
        }               \
    }

/* One turn of the loop, for whoever measures how long the loop was held. */
typedef struct yibu_turn {
    int64_t start_ns; /* when the loop stopped waiting, on the loop's clock */
    int64_t end_ns;   /* when it was ready to wait again */
    int64_t cpu_ns;   /* CPU time of the loop's thread in between */
} yibu_turn;

typedef void yibu_turn_observer(const yibu_turn *turn, void *arg);

/* Hears what nobody else does: a failure nobody retrieved, a deadlock (code -EDEADLK), in debug
 * mode also what held the loop too long.  message is a whole sentence, of several lines where there
 * is more to say; code the failure, or 0.
 * Context: the loop's thread, in a task or not; must not suspend. */
typedef void yibu_exception_handler(yibu_loop *loop, const char *message, intptr_t code, void *arg);

/* Options of a loop.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_loop_options {
    size_t size;
    const char *backend;    /* "io_uring" or "epoll"; default: $YIBU_BACKEND, else the faster */
    bool debug;             /* see yibu_loop_set_debug; also $YIBU_DEBUG=1 */
    unsigned ring_entries;  /* io_uring's submission queue, default 256 */
    unsigned max_threads;   /* of the thread pool, default min(32, cores + 4) */
    unsigned max_processes; /* of the process pool, default the number of cores */
    int process_nice;       /* nice value added in the pool's worker processes, default 0 */
    yibu_turn_observer *on_turn; /* called after every turn; costs two clock readings a turn */
    void *on_turn_arg;
    yibu_exception_handler *exception_handler; /* default: one line on standard error */
    void *exception_handler_arg;
    int64_t deadlock_after_ns; /* how long nothing that could wake a waiting task may be in sight
                                * before that is reported; default 1 s, YIBU_FOREVER: never */
    int64_t slow_callback_duration_ns; /* debug mode reports what takes longer; default 100 ms */
    int64_t stall_limit_ns; /* what holds the loop longer is reported meanwhile, see <yibu/stall.h>;
                             * default: in debug mode 100 ms, else YIBU_FOREVER, never */
    yibu_stall_handler *stall_handler; /* default: lines on standard error */
    void *stall_handler_arg;
    /* How long the ends of the loop and of the program wait for functions that run on the loop's
     * threads before they name them; default 10 s; negative: not at all. */
    int64_t exit_wait_ns;
} yibu_loop_options;

YIBU_BEGIN_DECLS

/* A loop for the calling thread, which alone may use it afterwards.  options may be NULL.
 * Where io_uring is refused (seccomp, kernel.io_uring_disabled, memory), the loop uses epoll.
 * Returns 0, -ENOMEM, -EMFILE, -EINVAL for an unknown backend, or -EBUSY: one loop a thread. */
YIBU_API int yibu_loop_new_at(const yibu_loop_options *options, yibu_loop **ret_loop,
                              const char *place);
#define yibu_loop_new(options, ret_loop) yibu_loop_new_at((options), (ret_loop), YIBU_HERE)

/* Ends the pools, waiting for functions that the default executor runs, however long they take,
 * since they use what they were given: after exit_wait_ns the exception handler is told which.
 * Drops callbacks that did not run, frees the loop.  Tasks and operations on descriptors and timers
 * must have ended.  Context: the loop's thread, not from inside the loop.
 * Returns 0, or YIBU_EBUSY while tasks or operations are left or the loop is running. */
YIBU_API int yibu_loop_free(yibu_loop *loop);

/* The loop of this thread, or NULL (asyncio: get_running_loop). */
YIBU_API yibu_loop *yibu_get_running_loop(void);

/* "io_uring" or "epoll". */
YIBU_API const char *yibu_loop_backend(const yibu_loop *loop);

/* The loop's monotonic clock in nanoseconds.  Context: the loop's thread. */
YIBU_API int64_t yibu_loop_time(yibu_loop *loop);

/* One turn: waits up to timeout_ns (0: not at all, YIBU_FOREVER) where nothing is ready, then runs
 * what is; may return early.  This is how another loop drives this one: wait until yibu_loop_fd is
 * readable, then call it with 0.  Context: the loop's thread, not from inside the loop.
 * Returns 1 while something is left that could still happen, 0 when nothing is. */
YIBU_API int yibu_loop_run_once(yibu_loop *loop, int64_t timeout_ns);

/* Runs until yibu_loop_stop.  Returns 0, or YIBU_EBUSY when it is running already. */
YIBU_API int yibu_run_forever(yibu_loop *loop);

/* Makes yibu_run_forever return once what is ready now has run; what that makes ready in turn waits
 * for the next run.  Called before it: once it has looked at I/O without waiting and run what is
 * ready then.  Context: the loop's thread. */
YIBU_API void yibu_loop_stop(yibu_loop *loop);

/* Whether a turn of the loop is under way on this thread's stack. */
YIBU_API bool yibu_loop_is_running(const yibu_loop *loop);

/* Debug mode: what holds the loop longer than the slow duration (a task that does not suspend, a
 * callback) is reported to the exception handler, with the task's name and the place of its
 * creation or the callback's address; a call for the loop on another thread, otherwise -EINVAL,
 * aborts and names the loop's place.  Tasks no longer hand over to each other directly, so it is
 * slower.
 * Context: the loop's thread; at any time.  Returns 0, -EINVAL or YIBU_EFORKED. */
YIBU_API int yibu_loop_set_debug(yibu_loop *loop, bool enabled);
YIBU_API bool yibu_loop_get_debug(const yibu_loop *loop);
YIBU_API int yibu_loop_set_slow_callback_duration(yibu_loop *loop, int64_t duration_ns);
YIBU_API int64_t yibu_loop_get_slow_callback_duration(const yibu_loop *loop);

/* The exception handler from now on; NULL is the default, which prints a line to standard error.
 * Context: the loop's thread.  Returns 0, -EINVAL or YIBU_EFORKED. */
YIBU_API int yibu_loop_set_exception_handler(yibu_loop *loop, yibu_exception_handler *handler,
                                             void *arg);
YIBU_API yibu_exception_handler *yibu_loop_get_exception_handler(const yibu_loop *loop,
                                                                 void **ret_arg);

/* Tells the handler.  For programs that have something to say the way the loop does.
 * Context: the loop's thread.  Returns 0, -EINVAL or YIBU_EFORKED. */
YIBU_API int yibu_loop_call_exception_handler(yibu_loop *loop, const char *message, intptr_t code);

/* What the default handler does, for handlers that leave some of it to that. */
YIBU_API void yibu_loop_default_exception_handler(yibu_loop *loop, const char *message,
                                                  intptr_t code, void *arg);

/* A descriptor that polls readable whenever yibu_loop_run_once(loop, 0) has something to do,
 * timers included.  It belongs to the loop and stays the same; ask for it again after starting
 * something (a call, a task, an operation) while the loop does not run, so that it tells of that.
 * poll(2) and its kin may return EINTR without a signal.
 * Context: the loop's thread, the first time not from inside the loop.
 * Returns it, YIBU_EBUSY from inside, or a negative errno. */
YIBU_API int yibu_loop_fd(yibu_loop *loop);

/* Calls callback(arg) in the loop's next turn, after what is already due (asyncio: call_soon).
 * ret_handle may be NULL; else the caller receives a reference, dropped with yibu_handle_unref.
 * Never suspends.  Returns 0 or -ENOMEM. */
YIBU_API int yibu_call_soon(yibu_loop *loop, yibu_callback *callback, void *arg,
                            yibu_handle **ret_handle);

/* The same after delay_ns, and at a time of yibu_loop_time. */
YIBU_API int yibu_call_later(yibu_loop *loop, int64_t delay_ns, yibu_callback *callback, void *arg,
                             yibu_handle **ret_handle);
YIBU_API int yibu_call_at(yibu_loop *loop, int64_t when_ns, yibu_callback *callback, void *arg,
                          yibu_handle **ret_handle);

/* The same from any thread; wakes the loop.  The loop must outlive the call. */
YIBU_API int yibu_call_soon_threadsafe(yibu_loop *loop, yibu_callback *callback, void *arg);

/* Prevents the callback.  No effect once it has run.  Context: the loop's thread. */
YIBU_API void yibu_handle_cancel(yibu_handle *handle);
YIBU_API bool yibu_handle_cancelled(const yibu_handle *handle);
YIBU_API void yibu_handle_unref(yibu_handle *handle); /* NULL is fine */

/* When the callback is due, on the loop's clock; 0 for a call of yibu_call_soon. */
YIBU_API int64_t yibu_handle_when(const yibu_handle *handle);

/* Calls callback(arg) once, delay_ns from now, exact to the clock and never early; a timer that is
 * armed is armed anew.  The callback runs outside any task, and may start its own timer again,
 * which then fires in a later turn.  Armed timers are disarmed when their loop ends.  Allocates
 * nothing.  Never suspends.  Context: the loop's thread.  Returns 0, -EINVAL or YIBU_EFORKED. */
YIBU_API int yibu_timer_start(yibu_loop *loop, yibu_timer *timer, int64_t delay_ns,
                              yibu_callback *callback, void *arg);

/* The same at a time of yibu_loop_time; the past means the next turn. */
YIBU_API int yibu_timer_start_at(yibu_loop *loop, yibu_timer *timer, int64_t when_ns,
                                 yibu_callback *callback, void *arg);

/* Disarms: the callback is not called after this returns.  Context: the loop's thread, also from
 * the callback of another timer that is due at the same time.
 * Returns whether the timer was armed; it is not while its callback runs.  NULL is fine. */
YIBU_API bool yibu_timer_stop(yibu_timer *timer);

/* Whether the callback is still to come, and when; YIBU_FOREVER where it is not. */
YIBU_API bool yibu_timer_armed(const yibu_timer *timer);
YIBU_API int64_t yibu_timer_when(const yibu_timer *timer);

/* Calls callback(arg) in every turn in which fd is readable (writable), level-triggered, until it
 * is removed; a second call for the same fd replaces the callback.  Remove before closing fd.
 * Returns 0, -EBADF, -ENOMEM or another negative errno. */
YIBU_API int yibu_add_reader(yibu_loop *loop, int fd, yibu_callback *callback, void *arg);
YIBU_API int yibu_add_writer(yibu_loop *loop, int fd, yibu_callback *callback, void *arg);

/* Returns 1 where there was a callback, else 0.  It is not called again after this returns. */
YIBU_API int yibu_remove_reader(yibu_loop *loop, int fd);
YIBU_API int yibu_remove_writer(yibu_loop *loop, int fd);

/* Calls callback(arg) in the loop whenever the process received the signal, on any thread, once for
 * what came since the last turn; replaces what the process did on it, and this loop's earlier
 * handler.  Each loop may have one.  Tasks: yibu_signal_wait (<yibu/signal.h>).
 * Returns 0; -EINVAL (SIGKILL, SIGSTOP, a fault: SIGSEGV, SIGBUS, SIGILL, SIGFPE; no signal);
 * -ENOMEM; or YIBU_EFORKED. */
YIBU_API int yibu_add_signal_handler(yibu_loop *loop, int signal, yibu_callback *callback,
                                     void *arg);
/* Removes it.  When the last listener of the signal is gone, the process does again what it did
 * before.  Returns 1 where there was a handler, else 0. */
YIBU_API int yibu_remove_signal_handler(yibu_loop *loop, int signal);

YIBU_END_DECLS

#endif
