/* A report as a line of text for people. */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include <yibu/job.h>

typedef struct line {
    char *bytes;
    size_t size, length;
} line;

__attribute__((format(printf, 2, 3))) static void say(line *to, const char *format, ...)
{
    va_list arguments;
    size_t left = to->length < to->size ? to->size - to->length : 0;
    va_start(arguments, format);
    int n = vsnprintf(left > 0 ? to->bytes + to->length : NULL, left, format, arguments);
    va_end(arguments);
    if (n > 0)
        to->length += (size_t)n;
}

const char *yibu_job_reason_name(yibu_job_reason reason)
{
    static const char *const names[] = {
        [YIBU_JOB_REASON_NONE] = "none",
        [YIBU_JOB_REASON_SIGNAL] = "signal",
        [YIBU_JOB_REASON_EXIT] = "exit",
        [YIBU_JOB_REASON_OUT_OF_MEMORY] = "out of memory",
        [YIBU_JOB_REASON_STACK_OVERFLOW] = "stack overflow",
        [YIBU_JOB_REASON_TIME_LIMIT] = "time limit",
        [YIBU_JOB_REASON_CANCELLED] = "cancelled",
    };
    bool known = (unsigned)reason < sizeof(names) / sizeof(names[0]);
    return known ? names[reason] : "unknown";
}

static void say_signal(line *to, int number)
{
    const char *name = sigabbrev_np(number);
    if (name)
        say(to, "SIG%s", name);
    else
        say(to, "signal %d", number);
}

static void say_end(line *to, const yibu_job_report *report)
{
    bool by_itself = report->reason == YIBU_JOB_REASON_SIGNAL ||
                     report->reason == YIBU_JOB_REASON_EXIT ||
                     report->reason == YIBU_JOB_REASON_NONE;
    if (report->signal) {
        say(to, " was killed by ");
        say_signal(to, report->signal);
    } else {
        say(to, " exited with status %d", report->exit_status);
    }
    if (!by_itself)
        say(to, " (%s)", yibu_job_reason_name(report->reason));
}

static void say_time(line *to, int64_t ns)
{
    if (ns < 1000000)
        say(to, "%.3g us", (double)ns / 1e3);
    else if (ns < 1000000000)
        say(to, "%.3g ms", (double)ns / 1e6);
    else
        say(to, "%.1f s", (double)ns / 1e9);
}

static void say_memory(line *to, uint64_t bytes)
{
    if (bytes < (uint64_t)1 << 20)
        say(to, "%llu KiB", (unsigned long long)(bytes >> 10));
    else if (bytes < (uint64_t)10 << 30)
        say(to, "%llu MiB", (unsigned long long)(bytes >> 20));
    else
        say(to, "%.1f GiB", (double)bytes / (double)((uint64_t)1 << 30));
}

int yibu_job_report_describe(const yibu_job_report *theirs, char *buffer, size_t size)
{
    line to = {buffer, size, 0};
    yibu_job_report report;
    if (size > 0)
        buffer[0] = '\0';
    if (yb_options_take(&report, sizeof(report), theirs) < 0)
        return -EINVAL;
    bool died = report.signal || report.exit_status >= 0;
    if (report.worker > 0)
        say(&to, "worker %d", (int)report.worker);
    else
        say(&to, died ? "the worker" : "no worker ran the job");
    if (died)
        say_end(&to, &report);
    else if (report.worker > 0)
        say(&to, " answered");
    if (report.worker > 0) {
        say(&to, " after ");
        say_time(&to, report.run_ns);
    }
    if (report.peak_memory_bytes > 0) {
        say(&to, ", peak memory ");
        say_memory(&to, report.peak_memory_bytes);
    }
    if (report.attempts > 1)
        say(&to, ", attempt %u", report.attempts);
    return (int)to.length;
}
