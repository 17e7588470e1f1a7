/* Who worked when: spans of time, for a timeline. */
#include "trace.h"

#include <stdlib.h>

void trace_add(struct trace *trace, trace_kind kind, int64_t worker, int64_t start_ns,
               int64_t end_ns)
{
    if (!trace)
        return;
    if (trace->count == trace->capacity) {
        size_t capacity = trace->capacity ? 2 * trace->capacity : 1024;
        struct trace_span *spans = reallocarray(trace->spans, capacity, sizeof(*spans));
        if (!spans)
            return;
        trace->spans = spans;
        trace->capacity = capacity;
    }
    trace->spans[trace->count++] = (struct trace_span){kind, worker, start_ns, end_ns};
}

void trace_free(struct trace *trace)
{
    free(trace->spans);
    *trace = (struct trace){0};
}
