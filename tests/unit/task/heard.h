/* What tests of the deadlock report have in common: a handler that keeps what it hears. */
#ifndef HEARD_H
#define HEARD_H

#include "loop.h"

/* What the exception handler heard, and what lets a program that stands still end. */
typedef struct heard {
    int count;
    intptr_t code;
    char message[8192];
    yibu_task *to_cancel;
} heard;

static inline void hear(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    heard *h = arg;
    __atomic_fetch_add(&h->count, 1, __ATOMIC_SEQ_CST); /* other threads may look */
    h->code = code;
    snprintf(h->message, sizeof(h->message), "%s", message);
    if (h->to_cancel)
        yibu_task_cancel(h->to_cancel);
}

static inline intptr_t run_with(yibu_coroutine *main, heard *h, int64_t deadlock_after_ns)
{
    yibu_loop_options options = {
        .size = sizeof(options),
        .exception_handler = hear,
        .exception_handler_arg = h,
        .deadlock_after_ns = deadlock_after_ns,
    };
    return yibu_run(main, h, &options);
}

static inline intptr_t wait_for_nothing(void *arg)
{
    heard *h = arg;
    yibu_event never = YIBU_EVENT_INIT;
    h->to_cancel = yibu_current_task();
    return yibu_event_wait(&never);
}

static inline void set_event(void *arg)
{
    yibu_event_set(arg);
}

#endif
