/* Bare coroutines for these tests: contexts on stacks, without a loop.  Also for C++. */
#ifndef COROUTINE_H
#define COROUTINE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct coroutine coroutine;
typedef void coroutine_function(void *arg);

/* Makes one; fn begins with the first resume.  The name is what an overflow report says. */
coroutine *coroutine_new(coroutine_function *fn, void *arg, const char *name);
coroutine *coroutine_new_sized(coroutine_function *fn, void *arg, const char *name, size_t size);
void coroutine_free(coroutine *which); /* suspended or ended */

void coroutine_resume(coroutine *which); /* until it yields or ends */
void coroutine_yield(void);
bool coroutine_ended(const coroutine *which);

struct yb_stack;
const struct yb_stack *coroutine_stack(const coroutine *which);

/* The pool is made with the first coroutine of the thread; this frees it, once all are freed. */
void coroutine_thread_end(void);

/* For yb_overflow_watch_start. */
void coroutine_describe(void *owner, char *ret_text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
