/* What the watchdog says.  Nothing here takes memory or a lock of the C library's, both of which
 * the thread that stands still may hold. */
#include "loop/stall_report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "platform/thread_state.h"

/* How long the thread may take to answer: enough for a signal on a busy machine. */
enum { PATIENCE_NS = 200000000 };

__attribute__((format(printf, 2, 3))) static void put(yb_stall_report *report, const char *format,
                                                      ...)
{
    size_t room = sizeof(report->text) - report->length;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(report->text + report->length, room, format, args);
    va_end(args);
    if (n > 0)
        report->length += (size_t)n < room ? (size_t)n : room - 1;
}

static long long milliseconds(int64_t duration_ns)
{
    return duration_ns / 1000000;
}

typedef struct inquiry {
    const yb_stall_watch *watch;
    yb_subject subject;
} inquiry;

/* Runs in the loop's thread: whether it still is the run that was seen, and whose. */
static bool consent(void *arg)
{
    inquiry *about = arg;
    yb_run_mark now = yb_stall_mark(about->watch->loop);
    if (!yb_run_same(&now, &about->watch->mark))
        return false;
    yb_stall_identify(about->watch->loop, &about->subject);
    return true;
}

/* The same from here, for a thread that does not answer. */
static void identify_from_outside(yb_stall_watch *watch)
{
    inquiry about = {.watch = watch};
    yb_run_mark after;
    yb_stall_identify(watch->loop, &about.subject);
    after = yb_stall_mark(watch->loop);
    if (yb_run_same(&after, &watch->mark))
        watch->subject = about.subject;
}

/* Of where a call returns to, the call is what counts. */
static void name_stack(yb_stall_report *report, yb_function *callback)
{
    const yb_backtrace *stack = &report->stack;
    for (unsigned i = 0; i < stack->count; i++)
        report->names[i].address = (uintptr_t)stack->frames[i] - !(i == 0 && stack->exact);
    report->names[stack->count].address = (uintptr_t)callback;
    yb_symbols_open(&report->symbols, report->names, stack->count + 1);
    for (unsigned i = 0; i < stack->count; i++) {
        const yb_symbol *name = &report->names[i];
        report->frames[i] = (yibu_stall_frame){
            .address = stack->frames[i],
            .function = name->function,
            .function_offset = name->function_offset,
            .module = name->module,
            .module_offset = name->module_offset,
        };
    }
}

static void name_callback(yb_stall_report *report)
{
    const yb_symbol *name = &report->names[report->stack.count];
    const size_t size = sizeof(report->callback);
    if (name->function)
        snprintf(report->callback, size, "%s", name->function);
    else if (name->module)
        snprintf(report->callback, size, "%s+0x%zx", name->module, name->module_offset);
    else
        snprintf(report->callback, size, "0x%zx", (size_t)name->address);
    report->stall.callback = report->callback;
}

static void put_subject(yb_stall_report *report)
{
    const yibu_stall *stall = &report->stall;
    if (stall->task_name)
        put(report, "task \"%s\", created at %s,", stall->task_name, stall->task_place);
    else if (stall->callback)
        put(report, "the callback %s", stall->callback);
    else
        put(report, "something");
}

static void put_frames(yb_stall_report *report)
{
    for (size_t i = 0; i < report->stall.frame_count; i++) {
        const yibu_stall_frame *frame = &report->frames[i];
        put(report, "\n  #%-2zu ", i);
        if (frame->function)
            put(report, "%s+0x%zx", frame->function, frame->function_offset);
        else
            put(report, "0x%zx", (size_t)frame->address);
        if (frame->module)
            put(report, " in %s+0x%zx", frame->module, frame->module_offset);
    }
}

static const char *why_no_stack(int failure)
{
    switch (failure) {
    case -EPERM:
        return "its thread blocks SIGURG";
    case -ETIMEDOUT:
        return "its thread waits uninterruptibly";
    case -EBUSY:
        return "the program has a handler of SIGURG of its own";
    case -ESRCH:
        return "its thread is gone";
    default:
        return "no signal can be sent to its thread";
    }
}

/* What computes wants a processor of its own; what waits, a thread. */
static void put_advice(yb_stall_report *report, bool computes)
{
    if (computes)
        put(report, "\n  yibu_to_process lets another process compute, yibu_to_thread a thread");
    else
        put(report, "\n  yibu_to_thread lets a thread wait; most calls that block have a form in "
                    "Yibu that suspends");
}

static void begin(yb_stall_report *report, const yb_stall_watch *watch, int64_t now_ns)
{
    const yb_subject *subject = &watch->subject;
    report->length = 0;
    report->text[0] = '\0';
    report->stall = (yibu_stall){
        .size = sizeof(yibu_stall),
        .loop = watch->loop,
        .loop_place = watch->loop->place,
        .task_name = subject->place ? subject->name : NULL,
        .task_place = subject->place,
        .held_ns = now_ns - watch->since_ns,
        .cpu_ns = watch->cpu_ns - watch->cpu_since_ns,
        .frames = report->frames,
        .frame_count = report->stack.count,
        .text = report->text,
    };
    name_stack(report, subject->callback);
    if (subject->callback)
        name_callback(report);
}

bool yb_stall_describe(yb_stall_report *report, yb_stall_watch *watch, int64_t now_ns)
{
    inquiry about = {.watch = watch};
    report->stack.count = 0;
    bool computes = yb_thread_look(watch->thread).doing == YB_THREAD_RUNS ||
                    watch->cpu_ns - watch->cpu_since_ns > (now_ns - watch->first_ns) / 2;
    int r = yb_backtrace_take(watch->thread, consent, &about, PATIENCE_NS, &report->stack);
    if (r == -ECANCELED)
        return false;
    if (r == 0)
        watch->subject = about.subject;
    else if (r != -ESRCH)
        identify_from_outside(watch);
    begin(report, watch, now_ns);
    put_subject(report);
    put(report, " has held the loop made at %s for %lld ms, computing for %lld ms of them",
        watch->loop->place, milliseconds(report->stall.held_ns),
        milliseconds(report->stall.cpu_ns));
    if (r < 0)
        put(report, "\n  there is no stack: %s", why_no_stack(r));
    put_frames(report);
    put_advice(report, computes);
    return true;
}

void yb_stall_describe_end(yb_stall_report *report, const yb_stall_watch *watch, int64_t end_ns)
{
    report->stack.count = 0;
    begin(report, watch, end_ns);
    report->stall.ended = true;
    report->stall.told = atomic_load(&watch->loop->debug);
    put_subject(report);
    put(report, " held the loop made at %s for %lld ms in all", watch->loop->place,
        milliseconds(report->stall.held_ns));
}

void yb_stall_forget(yb_stall_report *report)
{
    yb_symbols_close(&report->symbols);
}
