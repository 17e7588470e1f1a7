/* Time limits and shields: scopes around a part of a task.
 *
 *     yibu_timeout t;
 *     yibu_timeout_begin(&t, YIBU_SECONDS(5));
 *     ssize_t n = yibu_recv(fd, buffer, sizeof(buffer));
 *     n = yibu_timeout_end(&t, n);        // -ETIMEDOUT if the limit was the cause
 *
 * Scopes nest and end in reverse order.  A task that ends with a scope open aborts the program,
 * naming the place where the scope began. */
#ifndef YIBU_TIMEOUT_H
#define YIBU_TIMEOUT_H

#include <yibu/base.h>
#include <yibu/task.h>

typedef struct yibu_timeout {
    void *scope; /* the runtime's */
    int64_t when_ns;
    bool expired;
    uintptr_t reserved;
} yibu_timeout;

YIBU_BEGIN_DECLS

/* Opens a scope whose checkpoints return -ECANCELED once delay_ns has passed (YIBU_FOREVER: no
 * limit yet).  Never suspends.  Context: a task.  Returns 0, -ENOMEM, or YIBU_ENOTASK; after a
 * failure, yibu_timeout_end passes its result through. */
YIBU_API int yibu_timeout_begin_at(yibu_timeout *timeout, int64_t delay_ns, const char *place);
#define yibu_timeout_begin(timeout, delay_ns) \
    yibu_timeout_begin_at((timeout), (delay_ns), YIBU_HERE)

/* The same with a deadline on the clock of yibu_loop_time (asyncio: timeout_at).  One that has
 * passed expires in the loop's next turn. */
YIBU_API int yibu_timeout_at_begin_at(yibu_timeout *timeout, int64_t when_ns, const char *place);
#define yibu_timeout_at_begin(timeout, when_ns) \
    yibu_timeout_at_begin_at((timeout), (when_ns), YIBU_HERE)

/* Closes the scope and judges the result of its body: -ECANCELED becomes -ETIMEDOUT only if this
 * scope's own expiry was the cause; a cancel from outside and any other result pass through.
 * Never suspends. */
YIBU_API intptr_t yibu_timeout_end(yibu_timeout *timeout, intptr_t result);

/* Moves the deadline to delay_ns from now, or to a time of yibu_loop_time; earlier, later, or none
 * any more (YIBU_FOREVER).  Never suspends.  Context: the loop's thread.
 * Returns 0, -ETIMEDOUT where it has expired, or -EINVAL where the scope is not open. */
YIBU_API int yibu_timeout_reschedule(yibu_timeout *timeout, int64_t delay_ns);
YIBU_API int yibu_timeout_reschedule_at(yibu_timeout *timeout, int64_t when_ns);

/* The deadline on the clock of yibu_loop_time, or YIBU_FOREVER; also after the end. */
YIBU_API int64_t yibu_timeout_when(const yibu_timeout *timeout);

/* Whether the scope expired: its deadline passed while it was open; also after the end. */
YIBU_API bool yibu_timeout_expired(const yibu_timeout *timeout);

/* Awaits a future for at most delay_ns: on expiry cancels it and waits until it has ended.  Where
 * delay_ns <= 0, one that has not ended is cancelled at once.
 * Checkpoint, unless it has ended: then that is answered at once.  Cancel: as yibu_await.
 * Returns the future's result, also a late one; -ETIMEDOUT where it was cancelled for being late;
 * -ECANCELED; otherwise as yibu_await, and -ENOMEM before anything began. */
YIBU_API intptr_t yibu_wait_for(yibu_future *future, int64_t delay_ns);

/* Opens a scope in which cancels and outer time limits wait, so that clean-up may suspend; after
 * delay_ns (YIBU_FOREVER: no limit) checkpoints in it return -ECANCELED all the same.
 * Never suspends.  Returns 0, -ENOMEM, or YIBU_ENOTASK. */
YIBU_API int yibu_shield_begin_at(yibu_timeout *shield, int64_t delay_ns, const char *place);
#define yibu_shield_begin(shield, delay_ns) yibu_shield_begin_at((shield), (delay_ns), YIBU_HERE)
YIBU_API void yibu_shield_end(yibu_timeout *shield);

/* The storage of YIBU_TIMEOUT's scope, ended on every way out of the block. */
static inline void yibu_timeout_leave_(yibu_timeout *timeout)
{
    if (timeout->scope)
        (void)yibu_timeout_end(timeout, 0);
}

#if defined(__GNUC__)
/* A time limit named NAME for the rest of the enclosing block, ended on every way out of it.
 * `return yibu_timeout_end(&NAME, r)` ends it early and judges r. */
#define YIBU_TIMEOUT(NAME, delay_ns)                                                       \
    __attribute__((cleanup(yibu_timeout_leave_))) yibu_timeout NAME = {NULL, 0, false, 0}; \
    (void)yibu_timeout_begin(&(NAME), (delay_ns))
#endif

YIBU_END_DECLS

#endif
