/* The ways of doing the same work, each in a process of its own. */
#ifndef DEMO_WAY_H
#define DEMO_WAY_H

#include <stdbool.h>
#include <stddef.h>

#include "string_list.h"

typedef enum way_kind {
    WAY_ONE_BY_ONE,
    WAY_THREADS,
    WAY_COROUTINES,
    WAY_RIGHT_WORKER,
    WAYS
} way_kind;

extern const char *const way_names[WAYS];

struct way_settings {
    unsigned concurrency;
    unsigned level; /* of compression */
    bool direct;    /* no proxy: the server is ours */
    struct string_list starts;
};

/* Does the work in the calling process and writes what came of it to standard output, as JSON:
 *   pages, bytes, elapsed_s, start_ns (monotonic), stall_ms, backend,
 *   findings {broken, duplicates, near_duplicates, forbidden}, report (text),
 *   spans [kind, worker, start_ns, end_ns, …].
 * Returns the process's exit status. */
int way_main(way_kind way, const struct way_settings *settings);

#endif
