/* Signals, as a part of everything.h. */
#ifndef EVERYTHING_SIGNALS_H
#define EVERYTHING_SIGNALS_H

#include <errno.h>
#include <signal.h>

#include "test.h"

static inline intptr_t everything_wait_for_signal(void *arg)
{
    static const int wanted[] = {SIGUSR1, SIGUSR2};
    return arg ? yibu_signal_wait(SIGUSR1, NULL) : yibu_signal_wait_any(wanted, 2, NULL);
}

/* Raised only where somebody listens: else it would end the program. */
static inline intptr_t everything_signal_once(void *how)
{
    struct sigaction action;
    yibu_task *task = yibu_create_task(everything_wait_for_signal, how, NULL);
    int r = yibu_sleep(0);
    if (sigaction(SIGUSR1, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO))
        raise(SIGUSR1);
    else
        (void)yibu_task_cancel(task);
    intptr_t came = yibu_await(task);
    yibu_task_unref(task);
    return r < 0 ? r : came < 0 ? came : 0;
}

static inline void everything_ignore(void *arg)
{
    (void)arg;
}

/* A source that several tasks could take from, and that one does. */
static inline intptr_t everything_signal_source(void)
{
    static const int wanted[] = {SIGUSR1, SIGUSR2};
    yibu_signal_source *source;
    int r = yibu_signal_source_new(wanted, 2, NULL, &source);
    if (r < 0)
        return r;
    raise(SIGUSR2);
    r = yibu_signal_source_next(source, NULL);
    int none = yibu_signal_source_try_next(source, NULL);
    yibu_signal_source_free(source);
    return r < 0 ? r : r == SIGUSR2 && none == -EAGAIN ? 0 : -EPROTO;
}

static inline intptr_t everything_signals(void)
{
    static const int wanted[] = {SIGUSR1, SIGUSR2};
    yibu_loop *loop = yibu_get_running_loop();
    int r = yibu_add_signal_handler(loop, SIGUSR2, everything_ignore, NULL);
    if (r < 0)
        return r;
    yibu_iterator *signals = yibu_signals(wanted, 2);
    if (signals)
        raise(SIGUSR1);
    YIBU_ASYNC_FOR (yibu_signal_info *, info, signals, &r)
        if (info->signal == SIGUSR1)
            break;
    (void)yibu_remove_signal_handler(loop, SIGUSR2);
    intptr_t once = r < 0 ? r : everything_signal_once(NULL);
    if (once == 0)
        once = everything_signal_once("one");
    return once < 0 ? once : everything_signal_source();
}

#endif
