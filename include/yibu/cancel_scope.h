/* Cancel scopes: a part of a task that can be cancelled, after which the task goes on.
 *
 *     static yibu_cancel_scope search = YIBU_CANCEL_SCOPE_INIT;  // somebody calls _cancel(&search)
 *
 *     yibu_cancel_scope_begin(&search);
 *     intptr_t found = look_everywhere();
 *     found = yibu_cancel_scope_end(&search, found);     // 0 where the scope was cancelled
 *
 * Like a time limit (<yibu/timeout.h>), with somebody's decision in place of the clock. */
#ifndef YIBU_CANCEL_SCOPE_H
#define YIBU_CANCEL_SCOPE_H

#include <yibu/base.h>
#include <yibu/task.h>

/* In the caller's storage; begin with YIBU_CANCEL_SCOPE_INIT. */
typedef struct yibu_cancel_scope {
    void *scope; /* the runtime's, while it is open */
    bool cancelled;
    bool ended;
    uintptr_t reserved[2];
} yibu_cancel_scope;

#define YIBU_CANCEL_SCOPE_INIT \
    {                          \
        NULL, false, false,    \
        {                      \
            0, 0               \
        }                      \
    }

YIBU_BEGIN_DECLS

/* Opens the scope: once it is cancelled, its checkpoints return -ECANCELED until its end.
 * Never suspends.  Context: a task.  Returns 0, -ENOMEM, -EBUSY where it is open already, or
 * YIBU_ENOTASK; after a failure, yibu_cancel_scope_end passes its result through. */
YIBU_API int yibu_cancel_scope_begin_at(yibu_cancel_scope *scope, const char *place);
#define yibu_cancel_scope_begin(scope) yibu_cancel_scope_begin_at((scope), YIBU_HERE)

/* Closes the scope and judges the result of its body: -ECANCELED becomes 0 only if this scope was
 * cancelled; a cancel from further out and any other result pass through.  Never suspends. */
YIBU_API intptr_t yibu_cancel_scope_end(yibu_cancel_scope *scope, intptr_t result);

/* Cancels the scope.  Before its beginning: it will begin cancelled.  After its end: no effect.
 * Never suspends.  Context: the loop's thread, a callback too.
 * Returns true, or false where it has ended. */
YIBU_API bool yibu_cancel_scope_cancel(yibu_cancel_scope *scope);

/* Whether it was cancelled; also after its end, until it begins anew. */
YIBU_API bool yibu_cancel_scope_cancelled(const yibu_cancel_scope *scope);

YIBU_END_DECLS

#endif
