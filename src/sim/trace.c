/* Trace lines.  They hold nothing that differs between two runs of a seed: no address, no
 * descriptor of the kernel's, no real time.  Each is written out at once, for the program may die
 * of the next step. */
#include "sim/trace.h"

#include <stdarg.h>
#include <string.h>

enum { LINE = 512 };

static void emit(yb_sim *sim, const char *line)
{
    if (sim->trace_file)
        fprintf(sim->trace_file, "%s\n", line);
    if (sim->options.trace)
        sim->options.trace(line, sim->options.trace_arg);
}

__attribute__((format(printf, 3, 0))) static void trace(yb_sim *sim, const char *who,
                                                        const char *format, va_list args)
{
    char line[LINE];
    int64_t since_ns = sim->now_ns - YB_SIM_START_NS;
    int length =
        snprintf(line, sizeof(line), "%5lld.%09lld  %-10.48s  ", (long long)(since_ns / 1000000000),
                 (long long)(since_ns % 1000000000), who);
    vsnprintf(line + length, sizeof(line) - (size_t)length, format, args);
    emit(sim, line);
}

void yb_sim_trace(yb_sim *sim, const char *who, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    trace(sim, who, format, args);
    va_end(args);
}

const char *yb_sim_name(const yb_task *task, char ret_name[YB_SIM_NAME])
{
    if (task->name)
        snprintf(ret_name, YB_SIM_NAME, "%s", task->name);
    else
        snprintf(ret_name, YB_SIM_NAME, "task-%llu", (unsigned long long)task->id);
    return ret_name;
}

void yibu_sim_trace(const char *format, ...)
{
    yb_sim *sim = yb_sim_current;
    if (!sim || !yb_sim_traces(sim))
        return;
    char name[YB_SIM_NAME];
    va_list args;
    va_start(args, format);
    trace(sim, sim->running ? yb_sim_name(sim->running, name) : "callback", format, args);
    va_end(args);
}
