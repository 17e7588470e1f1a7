/* Watches a process and all that it starts: CPU time as it goes by, and memory. */
#ifndef DEMO_METER_H
#define DEMO_METER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define METER_PERIOD_NS 20000000LL
#define METER_MAX_PROCESSES 64

struct meter_sample {
    int64_t when_ns; /* monotonic */
    int64_t cpu_ns;  /* of the crawler, its workers and the server, used since the last sample */
};

struct meter_process {
    pid_t pid;
    int64_t cpu_ns; /* when last looked at */
    uint64_t peak_bytes;
};

struct meter {
    struct meter_process processes[METER_MAX_PROCESSES]; /* the first is the crawler */
    size_t process_count;
    struct meter_process server; /* pid 0: none */
    struct meter_sample *samples;
    size_t count;
    size_t capacity;
};

/* Begins to watch a process; server: another whose CPU time counts, 0: none. */
void meter_start(struct meter *meter, pid_t pid, pid_t server);

/* Takes a sample; to be called every METER_PERIOD_NS. */
void meter_sample(struct meter *meter);

/* The sum of the peaks of the crawler and of all that it started. */
uint64_t meter_peak_bytes(const struct meter *meter);

void meter_free(struct meter *meter);

#endif
