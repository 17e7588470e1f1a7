/* A submission: a call of an executor, and the future that tells of its end, in one allocation.
 *
 * Phases, under the executor's lock:
 *
 *     LINE ──begin──▶ RUNNING ──▶ OVER
 *      │▲──── return ────┘         ▲
 *      └─────── taken back ────────┘
 *
 * The future is complete with OVER; that of a running function that was given up is complete
 * before, and the function's return is OVER for the executor alone.
 *
 * Who may call the engine about it (`handing`): whoever submits, until it is HANDED; then whoever
 * is TAKING it back to run it himself; then the one that first ASKED for a cancel.  A cancel asked
 * for while it is not his turn is left to the one before him, with the asker's hold and reference.
 *
 * References: the owners'; the engine's, until the future is complete; that of a function that may
 * be given up, until its argument is released; that of a cancel under way.  Each but the owners'
 * comes with a hold of the executor. */
#ifndef YB_EXEC_SUBMISSION_H
#define YB_EXEC_SUBMISSION_H

#include "exec/engine.h"
#include "task/concurrent_future.h"

/* Bits of `handing`. */
enum { YB_HANDED = 1, YB_TAKING = 2, YB_ASKED = 4 };

enum { YB_PHASE_LINE, YB_PHASE_RUNNING, YB_PHASE_OVER };

typedef struct yb_submission yb_submission;

/* A kind of call.  Static. */
typedef struct yb_submission_class {
    yb_concurrent_class future; /* first: of its future */
    /* Goes through with a cancel, once, and drops the asker's hold and reference. */
    void (*cancel)(yb_submission *self);
    /* What it runs, for reports. */
    void (*name)(const yb_submission *self, char *ret_text, size_t size);
} yb_submission_class;

struct yb_submission {
    yibu_concurrent_future future; /* first */
    yibu_executor *executor;
    yb_list links;       /* among the executor's calls */
    yb_submission *next; /* among those that are cancelled together */
    int64_t since_ns;    /* when its phase began */
    _Atomic(uint8_t) handing;
    uint8_t phase;
    bool unheard; /* nobody asks for the result: a failure is reported */
    int refusal;  /* under the executor's lock: why that cancelled it; 0: it did not */
    /* Under the same lock, nested.c's. */
    yibu_loop *nested;
    unsigned nested_waits; /* of that loop's tasks */
    bool sent;             /* to that loop */
    yb_runnable run_nested;
};

static inline const yb_submission_class *yb_submission_class_of(const yb_submission *self)
{
    return (const yb_submission_class *)(const void *)self->future.class;
}

/* Makes the common part, with the references of an owner and of the engine. */
void yb_submission_init(yb_submission *self, yibu_executor *executor,
                        const yb_submission_class *class);

/* Enlists it, which has entered the line, and hands it over by `submit`.
 * Returns 0, or why the engine refused it: then it is gone. */
int yb_submission_hand(yb_submission *self, int (*submit)(yb_submission *self));
/* Enlists it, and has it run and ended by `run` at once, on this thread. */
void yb_submission_run_here(yb_submission *self, void (*run)(yb_submission *self));

/* LINE to RUNNING; false: it was taken back.  Any thread, as all that follows. */
bool yb_submission_begin(yb_submission *self);
/* RUNNING to LINE: it waits to begin once more; false: the executor has dropped its line. */
bool yb_submission_return(yb_submission *self);
/* To OVER; completes the future with result, and drops the engine's hold and reference. */
void yb_submission_end(yb_submission *self, intptr_t result);
/* The same, but that a running function, which goes on, is not over. */
void yb_submission_give_up(yb_submission *self, intptr_t result);
/* To OVER for the executor alone: a function that was given up has returned, or never began. */
void yb_submission_leave(yb_submission *self);

/* A reference and a hold, while the future is not complete; and both dropped. */
void yb_submission_hold(yb_submission *self);
void yb_submission_release(yb_submission *self);

/* Names what runs of the executor's calls, one after the other, as far as there is room.  Any
 * thread, without the lock. */
void yb_submissions_name_running(yibu_executor *executor, char *ret_text, size_t size);

/* What it ends with where it is taken back: -ECANCELED, or why the executor refuses. */
int yb_submission_refusal(yb_submission *self);

/* The call that a future is of; NULL: it is none. */
yb_submission *yb_submission_of(yibu_concurrent_future *future);

/* The two steps of a cancel, for yb_concurrent_class. */
bool yb_submission_request_cancel(yibu_concurrent_future *future);
void yb_submission_cancel(yibu_concurrent_future *future);

/* The same for all that are in line, which end with code: the first step under the executor's lock,
 * answering the chain for the second, without it. */
yb_submission *yb_submissions_request(yibu_executor *executor, int code);
void yb_submissions_cancel(yb_submission *chain);

#endif
