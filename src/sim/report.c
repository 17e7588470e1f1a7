/* The report of a run.  Its text is written when the run fails, and again lines are added while it
 * is torn down. */
#include "sim/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/options.h"
#include "sim/trace.h"
#include "task/deadlock.h"
#include <yibu/error.h>

/* The end of the text, and the room behind it. */
static char *end_of(yb_sim *sim, size_t *ret_room)
{
    size_t length = strlen(sim->report.text);
    *ret_room = sizeof(sim->report.text) - length;
    return sim->report.text + length;
}

__attribute__((format(printf, 2, 0))) static void add(yb_sim *sim, const char *format, va_list args)
{
    size_t room;
    char *at = end_of(sim, &room);
    vsnprintf(at, room, format, args);
    at = end_of(sim, &room);
    if (at > sim->report.text && at[-1] != '\n')
        snprintf(at, room, "\n");
}

/* Each line of the text, as lines of the trace. */
static void trace_text(yb_sim *sim)
{
    char text[sizeof(sim->report.text)], *rest = NULL;
    if (!yb_sim_traces(sim))
        return;
    snprintf(text, sizeof(text), "%s", sim->report.text);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        yb_sim_trace(sim, "FAILED", "%s", line);
}

void yb_sim_fail(yb_sim *sim, intptr_t code, const char *format, ...)
{
    if (sim->failure)
        return;
    sim->failure = code;
    va_list args;
    va_start(args, format);
    add(sim, format, args);
    va_end(args);
    trace_text(sim);
}

void yb_sim_fail_deadlocked(yb_sim *sim)
{
    char text[sizeof(sim->report.text) / 2]; /* leaves room for what is left in the end */
    bool outside = sim->loop->holds > 0;     /* by a channel, for instance */
    (void)yb_deadlock_describe(sim->loop, text, sizeof(text));
    yb_sim_fail(sim, -EDEADLK, "%s%s", text,
                outside ? "\n  (another thread could, but threads are not simulated)" : "");
}

__attribute__((format(printf, 2, 3))) static void add_line(yb_sim *sim, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(sim, format, args);
    va_end(args);
}

void yb_sim_fail_at_limit(yb_sim *sim, intptr_t code, const char *format, ...)
{
    char text[sizeof(sim->report.text) / 2], limit[128];
    va_list args;
    va_start(args, format);
    vsnprintf(limit, sizeof(limit), format, args);
    va_end(args);
    (void)yb_deadlock_describe(sim->loop, text, sizeof(text));
    const char *waiting = strchr(text, '\n'); /* behind the line that speaks of a deadlock */
    yb_sim_fail(sim, code, "%s%s", limit, waiting ? waiting : "");
}

void yb_sim_report_stranded(yb_sim *sim)
{
    char name[YB_SIM_NAME];
    yb_list *tasks = &yb_scheduler_of(sim->loop)->tasks;
    for (yb_list *at = tasks->next; at != tasks; at = at->next) {
        const yb_task *task = YB_CONTAINER_OF(at, yb_task, all);
        add_line(sim, "\"%s\" (created at %s) did not end when it was cancelled",
                 yb_sim_name(task, name), task->place);
        sim->stranded++;
    }
}

static void tell(yb_sim *sim)
{
    size_t length = strlen(sim->report.text);
    if (length > 0)
        sim->report.text[length - 1] = '\0'; /* the handler ends the line */
    yb_loop_report(sim->loop, 0, "the simulation of seed %llu failed: %s",
                   (unsigned long long)sim->seed, sim->report.text);
}

void yb_sim_report(yb_sim *sim)
{
    yibu_sim_report *report = &sim->report;
    report->seed = sim->seed;
    report->steps = sim->steps;
    report->choices = sim->choices.count;
    report->faults = sim->faults;
    report->digest = sim->choices.digest;
    report->time_ns = sim->now_ns - YB_SIM_START_NS;
    report->failure = sim->failure;
    report->stranded = sim->stranded;
    if (sim->failure)
        tell(sim);
    if (sim->options.report)
        yb_options_give(sim->options.report, report, sizeof(*report));
}
