/* A stall's report: the stack of the loop's thread with names, and the text. */
#ifndef YB_LOOP_STALL_REPORT_H
#define YB_LOOP_STALL_REPORT_H

#include "base/symbols.h"
#include "loop/stall.h"
#include "platform/backtrace.h"

enum { YB_STALL_TEXT = 16384 };

/* All the memory that a report needs, the watchdog's: it allocates none. */
typedef struct yb_stall_report {
    yibu_stall stall;
    yb_backtrace stack;
    yb_symbols symbols;
    yb_symbol names[YB_BACKTRACE_FRAMES + 1]; /* the last is the callback's */
    yibu_stall_frame frames[YB_BACKTRACE_FRAMES];
    char callback[256];
    char text[YB_STALL_TEXT];
    size_t length;
} yb_stall_report;

/* Takes the stack of the loop that is held, and writes the report for now_ns.
 * Returns false where the run is over. */
bool yb_stall_describe(yb_stall_report *report, yb_stall_watch *watch, int64_t now_ns);

/* Writes the report of the end of a run that was reported. */
void yb_stall_describe_end(yb_stall_report *report, const yb_stall_watch *watch, int64_t end_ns);

/* Gives back what either took, once the handler has returned. */
void yb_stall_forget(yb_stall_report *report);

#endif
