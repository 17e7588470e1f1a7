/* Submitted functions. */
#ifndef YB_EXEC_FUNCTION_H
#define YB_EXEC_FUNCTION_H

#include "exec/submission.h"
#include "exec/waits.h"
#include "task/local.h"

typedef struct yb_function_call yb_function_call;
struct yb_function_call {
    yb_submission submission; /* first */
    yibu_coroutine *fn;
    void *arg;
    void (*abandon)(void *arg); /* NULL: it is waited for */
    yb_function_call *around;   /* that this thread ran when it began this one */
    yb_locals *locals;          /* of the task that submitted it */
    yb_returns *asker;          /* the way to the loop that did; NULL: none */
    yb_wait wait;               /* of tasks of a loop that it runs, */
    unsigned suspended;         /* of which so many wait for other executors; its thread's */
    yb_work work;
};

/* The one that this thread runs, NULL: none. */
extern YB_THREAD_LOCAL yb_function_call *yb_function_current;

/* Whether this thread runs a function of the executor. */
bool yb_function_within(const yibu_executor *executor);

/* What futures of functions are; others that are run as functions have a class with the same. */
extern const yb_submission_class yb_function_class;

/* A class of futures that are functions, but for free. */
#define YB_FUNCTION_FUTURE                                                          \
    .request_cancel = yb_submission_request_cancel, .cancel = yb_submission_cancel, \
    .before_blocking = yb_function_before_blocking,                                 \
    .before_suspending = yb_function_before_suspending,                             \
    .after_suspending = yb_function_after_suspending, .outlasts_cancel = true

/* Makes a call, which has entered the executor's line, in memory of the caller's. */
void yb_function_init(yb_function_call *self, yibu_executor *executor,
                      const yb_submission_class *class, yibu_coroutine *fn, void *arg,
                      void (*abandon)(void *arg));
/* Frees what it holds, at its end. */
void yb_function_destroy(yb_function_call *self);
/* Hands it to the engine; 0, or why that refused it: then it is gone. */
int yb_function_hand(yb_function_call *self);
/* Runs it at once, on this thread, without the engine. */
void yb_function_run_here(yb_function_call *self);

/* Takes back a call that was handed over, where it has not begun, and runs it here. */
void yb_function_help(yb_function_call *self);

/* For yb_submission_class. */
void yb_function_cancel(yb_submission *submission);
int yb_function_before_blocking(yibu_concurrent_future *future);
void yb_function_before_suspending(yibu_concurrent_future *future);
void yb_function_after_suspending(yibu_concurrent_future *future);

#endif
