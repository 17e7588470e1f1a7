/* Who worked when: spans of time, for a timeline. */
#ifndef CRAWL_TRACE_H
#define CRAWL_TRACE_H

#include <stddef.h>
#include <stdint.h>

typedef enum trace_kind {
    TRACE_LOOP,    /* a turn of the loop */
    TRACE_FETCH,   /* a blocking fetch: the thread waits */
    TRACE_WORK,    /* a thread computes */
    TRACE_PROCESS, /* a worker process computes */
    TRACE_KINDS
} trace_kind;

struct trace_span {
    trace_kind kind;
    int64_t worker; /* thread or process */
    int64_t start_ns;
    int64_t end_ns;
};

struct trace {
    struct trace_span *spans;
    size_t count;
    size_t capacity;
};

/* Notes a span.  One that does not fit in memory is lost.  NULL: nobody asks. */
void trace_add(struct trace *trace, trace_kind kind, int64_t worker, int64_t start_ns,
               int64_t end_ns);

void trace_free(struct trace *trace);

#endif
