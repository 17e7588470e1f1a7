/* Callbacks instead of tasks: each operation starts the next one from its callback. */
#ifndef BENCH_CALLBACKS_H
#define BENCH_CALLBACKS_H

#include <yibu.h>

struct callbacks {
    const yibu_job *job;
    yibu_bytes input;
    long to_start, to_end;
    intptr_t failure;
    yibu_event done;
};

struct callback_call {
    yibu_op op;
    struct callbacks *all;
    yibu_buffer output;
};

static void callback_start(struct callback_call *call);

static void callback_end(yibu_op *op, ssize_t result)
{
    struct callback_call *call = op->arg;
    struct callbacks *all = call->all;

    if (result < 0 || call->output.size != all->input.size)
        all->failure = result < 0 ? result : -EBADMSG;
    if (--all->to_end == 0)
        yibu_event_set(&all->done);
    if (all->to_start > 0)
        callback_start(call);
}

static void callback_start(struct callback_call *call)
{
    struct callbacks *all = call->all;
    int result;

    all->to_start--;
    call->output.size = 0;
    call->op = (yibu_op){.callback = callback_end, .arg = call};
    result = yibu_op_to_process(yibu_get_running_loop(), &call->op, all->job, all->input,
                                &call->output, NULL);
    if (result < 0)
        bench_fail("yibu_op_to_process", result);
}

/* n jobs, so many of them under way at once.  In a task. */
static intptr_t callbacks_run(const yibu_job *job, yibu_bytes input, long in_flight, long n)
{
    struct callback_call *calls = calloc((size_t)in_flight, sizeof(*calls));
    struct callbacks all = {.job = job, .input = input, .to_start = n, .to_end = n};

    for (long i = 0; i < in_flight; i++) {
        calls[i].all = &all;
        callback_start(&calls[i]);
    }
    yibu_event_wait(&all.done);
    for (long i = 0; i < in_flight; i++)
        yibu_buffer_free(&calls[i].output);
    free(calls);
    return all.failure;
}

#endif
