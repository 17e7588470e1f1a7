/* Watches a process and all that it starts: CPU time as it goes by, and memory.
 *
 * The kernel keeps each process's CPU clock and the peak of its memory (VmHWM); its children are in
 * /proc/PID/task/TID/children.  Looking at them all costs some microseconds a process. */
#include "meter.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "child.h"

#define LOOK_EVERY 5 /* samples, at memory and new processes */

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void add_process(struct meter *meter, pid_t pid)
{
    for (size_t i = 0; i < meter->process_count; i++)
        if (meter->processes[i].pid == pid)
            return;
    if (meter->process_count < METER_MAX_PROCESSES)
        meter->processes[meter->process_count++] = (struct meter_process){.pid = pid};
}

static void add_children_of_task(struct meter *meter, pid_t pid, const char *task)
{
    char name[300];
    snprintf(name, sizeof(name), "/proc/%d/task/%s/children", (int)pid, task);
    FILE *file = fopen(name, "re");
    int child;
    if (!file)
        return;
    while (fscanf(file, "%d", &child) == 1)
        add_process(meter, child);
    fclose(file);
}

static void add_children(struct meter *meter, pid_t pid)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/task", (int)pid);
    DIR *folder = opendir(name);
    const struct dirent *entry;
    if (!folder)
        return;
    while ((entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            add_children_of_task(meter, pid, entry->d_name);
    closedir(folder);
}

static uint64_t peak_bytes(pid_t pid)
{
    char line[256];
    unsigned long long kib = 0;
    snprintf(line, sizeof(line), "/proc/%d/status", (int)pid);
    FILE *file = fopen(line, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file))
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}

static void look(struct meter *meter)
{
    for (size_t i = 0; i < meter->process_count; i++) {
        struct meter_process *process = &meter->processes[i];
        uint64_t peak = peak_bytes(process->pid);
        if (peak > process->peak_bytes)
            process->peak_bytes = peak;
        add_children(meter, process->pid);
    }
}

/* What a process has used since it was last looked at. */
static int64_t progress(struct meter_process *process)
{
    int64_t used = process->pid ? child_cpu_ns(process->pid) : 0;
    int64_t since = used > process->cpu_ns ? used - process->cpu_ns : 0;
    process->cpu_ns += since;
    return since;
}

void meter_start(struct meter *meter, pid_t pid, pid_t server)
{
    *meter = (struct meter){.server.pid = server};
    meter->server.cpu_ns = server ? child_cpu_ns(server) : 0;
    add_process(meter, pid);
}

void meter_sample(struct meter *meter)
{
    if (meter->count == meter->capacity) {
        size_t capacity = meter->capacity ? 2 * meter->capacity : 256;
        struct meter_sample *samples = reallocarray(meter->samples, capacity, sizeof(*samples));
        if (!samples)
            return;
        meter->samples = samples;
        meter->capacity = capacity;
    }
    if (meter->count % LOOK_EVERY == 0)
        look(meter);
    int64_t used = progress(&meter->server);
    for (size_t i = 0; i < meter->process_count; i++)
        used += progress(&meter->processes[i]);
    meter->samples[meter->count++] = (struct meter_sample){monotonic_now(), used};
}

uint64_t meter_peak_bytes(const struct meter *meter)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < meter->process_count; i++)
        sum += meter->processes[i].peak_bytes;
    return sum;
}

void meter_free(struct meter *meter)
{
    free(meter->samples);
    *meter = (struct meter){0};
}
