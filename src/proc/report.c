/* What a caller is told of a call beside its result: the report, and what the job wrote. */
#include <errno.h>
#include <sys/wait.h>

#include "base/options.h"
#include "proc/death.h"
#include "proc/pool.h"

/* The job's worker is alive, or its lane still there: the note is the worker's, and only a word. */
static yibu_job_reason reason_of(const yb_call *call, const yb_process *process,
                                 const yb_process_end *end)
{
    uint32_t note = YB_DEATH_PLAIN;
    if (call->verdict)
        return call->verdict == -ETIMEDOUT ? YIBU_JOB_REASON_TIME_LIMIT : YIBU_JOB_REASON_CANCELLED;
    if (process)
        note = atomic_load_explicit(&process->lane.shared->death_note, memory_order_relaxed);
    if (note == YB_DEATH_STACK)
        return YIBU_JOB_REASON_STACK_OVERFLOW;
    if (end->out_of_memory || note == YB_DEATH_MEMORY)
        return YIBU_JOB_REASON_OUT_OF_MEMORY;
    return WIFSIGNALED(end->status) ? YIBU_JOB_REASON_SIGNAL : YIBU_JOB_REASON_EXIT;
}

static void describe_end(yibu_job_report *report, const yb_call *call, const yb_process *process,
                         const yb_process_end *end)
{
    report->signal = WIFSIGNALED(end->status) ? WTERMSIG(end->status) : 0;
    report->exit_status = WIFEXITED(end->status) ? WEXITSTATUS(end->status) : -1;
    report->peak_memory_bytes = end->peak_memory_bytes;
    report->user_ns = end->user_ns;
    report->system_ns = end->system_ns;
    report->reason = reason_of(call, process, end);
    if (process)
        report->run_ns = yb_call_running_ns(call);
}

static void describe_answer(yibu_job_report *report, const yb_process *process,
                            const yb_answer *answer)
{
    yb_used used = yb_lane_usage(&process->lane);
    report->run_ns = answer->run_ns;
    report->user_ns = used.user_ns > 0 ? used.user_ns : 0;
    report->system_ns = used.system_ns > 0 ? used.system_ns : 0;
    report->peak_memory_bytes = used.peak_memory_bytes;
}

/* Returns whether it may not be all. */
static bool take_text(yb_call *call, yb_process *process)
{
    const yb_settings *settings = call->settings;
    bool truncated = false;
    for (int i = 0; i < 2; i++) {
        yibu_buffer *text = call->ret_text[i];
        if (settings->stdio[i] != YIBU_JOB_STDIO_CAPTURE)
            continue;
        if (text)
            text->size -= call->text_size[i];
        size_t before = text ? text->size : 0;
        truncated |= yb_text_take(&process->text, i, settings->text_limit, text);
        call->text_size[i] = text ? text->size - before : 0;
    }
    return truncated;
}

void yb_call_report(yb_call *call, yb_process *process, const yb_process_end *end,
                    const yb_answer *answer)
{
    yibu_job_report report = {.exit_status = -1, .attempts = call->attempts};
    if (process && yb_settings_capture(call->settings))
        report.truncated = take_text(call, process);
    if (!call->report)
        return;
    if (process)
        report.worker = process->pid;
    if (answer)
        describe_answer(&report, process, answer);
    else if (end)
        describe_end(&report, call, process, end);
    yb_options_give(call->report, &report, sizeof(report));
}
