/* Signals that tasks wait for.
 *
 *     yibu_signal_wait(SIGTERM, NULL);              // one, once
 *
 *     static const int wanted[] = {SIGHUP, SIGTERM};
 *     int r;
 *     YIBU_ASYNC_FOR (yibu_signal_info *, info, yibu_signals(wanted, 2), &r)
 *         if (info->signal == SIGTERM)
 *             break;
 *         else
 *             reload();
 *
 * While somebody listens to a signal, the process does not do what it did on it before; afterwards
 * it does again.  Whichever thread the kernel hands a signal to, every listener of the process gets
 * it: any number of tasks, on any number of loops.  Callbacks: yibu_add_signal_handler
 * (<yibu/loop.h>).
 *
 * A wait for one signal listens only while it lasts: what comes between two waits does what it did
 * before, and SIGTERM ends the process.  Who wants all of them makes a source, or iterates.
 *
 * yibu_run's own meaning of SIGINT steps back while anybody listens to SIGINT.  SIGKILL and SIGSTOP
 * cannot be caught; and a loop cannot answer the faults of its own process: SIGSEGV, SIGBUS, SIGILL
 * and SIGFPE are refused as well.  A handler for SIGCHLD that was there before is still called. */
#ifndef YIBU_SIGNAL_H
#define YIBU_SIGNAL_H

#include <sys/types.h>

#include <yibu/base.h>
#include <yibu/iterator.h>

typedef struct yibu_signal_source yibu_signal_source;

/* What is known of a delivery (sigaction(2)).  Set size to sizeof. */
typedef struct yibu_signal_info {
    size_t size;
    int signal;
    int code;       /* si_code: SI_USER, SI_QUEUE, SI_KERNEL, CLD_EXITED … */
    pid_t pid;      /* who sent it; of SIGCHLD, the child.  0: nobody */
    uid_t uid;      /* whose that is */
    int status;     /* of SIGCHLD: the exit status, or the signal that ended or stopped the child */
    intptr_t value; /* of sigqueue(3) and timers */
    size_t missed;  /* how many the source had no room for since the last one was taken */
} yibu_signal_info;

/* Options of a source.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_signal_options {
    size_t size;
    size_t capacity; /* signals that wait to be taken, at most; default 64, then they are missed */
} yibu_signal_options;

YIBU_BEGIN_DECLS

/* Waits for a signal, once.  *ret_info, which may be NULL, says what is known of it.
 * Checkpoint.  Cancel: no signal had come.  Further ones that come before it returns are dropped.
 * Returns the signal; -ECANCELED; -EINVAL for one that cannot be waited for; or -ENOMEM. */
YIBU_API int yibu_signal_wait(int signal, yibu_signal_info *ret_info);

/* The same for one of several. */
YIBU_API int yibu_signal_wait_any(const int *signals, size_t count, yibu_signal_info *ret_info);

/* Begins to listen: from now on no delivery is lost but those that the kernel itself merges, and
 * those beyond the capacity, which are counted.  options may be NULL.  Never suspends.  Context:
 * the loop's thread.
 * Returns 0; -EINVAL; -ENOMEM; or YIBU_ENOTASK (no loop). */
YIBU_API int yibu_signal_source_new(const int *signals, size_t count,
                                    const yibu_signal_options *options,
                                    yibu_signal_source **ret_source);

/* Takes the next one, suspending until it comes.  Several tasks may wait: first come, first served,
 * each delivery goes to one of them.  ret_info may be NULL.
 * Checkpoint.  Cancel: nothing is taken.  Returns the signal, or -ECANCELED. */
YIBU_API int yibu_signal_source_next(yibu_signal_source *source, yibu_signal_info *ret_info);

/* The same without waiting: -EAGAIN where there is none.  Never suspends. */
YIBU_API int yibu_signal_source_try_next(yibu_signal_source *source, yibu_signal_info *ret_info);

/* Stops listening and frees the source, dropping what was not taken.  NULL is fine.  May be called
 * after the loop has ended.  No task may be waiting for it: that aborts the program. */
YIBU_API void yibu_signal_source_free(yibu_signal_source *source);

/* A source as an iterator of yibu_signal_info (*), each valid until the next.  It listens from this
 * call until it is closed.  Where the signals cannot be waited for, its first answer is -EINVAL.
 * Never suspends.  Returns NULL without memory or loop. */
YIBU_API yibu_iterator *yibu_signals(const int *signals, size_t count);

YIBU_END_DECLS

#endif
