/* The watch over a loop: what the watchdog knows of it, and how it sees what the loop does. */
#ifndef YB_LOOP_STALL_H
#define YB_LOOP_STALL_H

#include <sys/types.h>
#include <time.h>

#include "loop/loop.h"

/* What tells one run (debug.c) from the next, without that the loop does anything for it: outside
 * debug mode these are the turn's time and the budget, which each switch to another task lowers. */
typedef struct yb_run_mark {
    int64_t time_ns; /* debug mode: when the run began; else when its turn did */
    int slice;
    unsigned callbacks;
    bool held;  /* false: the loop waits in the kernel, or is not running */
    bool exact; /* debug mode */
} yb_run_mark;

typedef struct yb_stall_watch {
    yb_list links; /* under the watchdog's lock, as all up to `mark` */
    yibu_loop *loop;
    pid_t thread;
    clockid_t cpu_clock; /* of the thread */
    bool leaving;        /* what it still has to tell comes now */
    int64_t limit_ns;
    yibu_stall_handler *handler;
    void *handler_arg;
    /* The watchdog's alone. */
    yb_run_mark mark;     /* as last seen */
    int64_t seen_ns;      /* when that was */
    int64_t first_ns;     /* when the run was first seen */
    int64_t since_ns;     /* when it began, about; in debug mode exactly */
    int64_t patient_ns;   /* for how long it has been seen, but for times without the watchdog */
    int64_t next_ns;      /* the patience that leads to the next report */
    int64_t cpu_since_ns; /* CPU time of the thread when the run was first seen, and last */
    int64_t cpu_ns;
    unsigned quiet;               /* looks in a row that found nothing held */
    bool told;                    /* the run was reported */
    yb_subject subject;           /* who it is, where that is known */
    _Atomic(int64_t) told_run_ns; /* debug mode: the last run that was reported */
} yb_stall_watch;

/* What the loop runs now.  Any thread: nothing is synchronised, and an answer may mix two runs,
 * which then is like neither. */
yb_run_mark yb_stall_mark(const yibu_loop *loop);

/* Whether two looks saw the same run. */
static inline bool yb_run_same(const yb_run_mark *a, const yb_run_mark *b)
{
    return a->held && b->held && a->time_ns == b->time_ns && a->slice == b->slice &&
           a->callbacks == b->callbacks;
}

/* Who runs now, into *ret_subject.  Context: the loop's thread, also in a signal handler; another
 * thread can rely on it where the mark is the same before and after. */
void yb_stall_identify(const yibu_loop *loop, yb_subject *ret_subject);

/* Starts, changes or ends the watch, as options, debug mode and the loop's state want it.
 * Returns 0, or why there is none: -ENOMEM, -EAGAIN. */
int yb_stall_refresh(yibu_loop *loop);

/* Debug mode: whether the present run was reported. */
bool yb_stall_told(const yibu_loop *loop);

#endif
