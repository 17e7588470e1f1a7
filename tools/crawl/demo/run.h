/* One way of crawling, run and measured. */
#ifndef DEMO_RUN_H
#define DEMO_RUN_H

#include <jansson.h>

#include "meter.h"
#include "way.h"

struct run_settings {
    struct way_settings way;
    const char *tree; /* that is served; NULL: the starts are real sites */
    size_t max_files;
    int64_t latency_ns;
};

struct run {
    way_kind way;
    json_t *result; /* way_main's */
    struct meter meter;
    int64_t start_ns; /* of the process, monotonic */
    double wall_s;    /* from its start to its end */
    double cpu_s;     /* of the crawler, its workers and the server */
};

/* Runs one way in a process of its own, against a server of its own where settings name a tree.
 * Says on standard error what went wrong.  Returns 0, or the exit status to end with. */
int run_way(struct run *run, way_kind way, const struct run_settings *settings);

double run_number(const struct run *run, const char *key);
void run_free(struct run *run);

#endif
