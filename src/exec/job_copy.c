/* What a call of a job says, checked, and copied: it outlives the call that submits it. */
#include <errno.h>
#include <string.h>
#include <yibu/error.h>

#include "exec/job_call.h"

enum { NAME_MAX_BYTES = 255, ALIGNMENT = 16 };

static size_t aligned(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

int yb_job_call_check(const yibu_job *job, yibu_bytes input, const yibu_job_options *options)
{
    if (!job || !job->name || !job->name[0] ||
        strnlen(job->name, NAME_MAX_BYTES + 1) > NAME_MAX_BYTES)
        return -EINVAL;
    if ((input.size > 0 && !input.data) || (options->cpu_count > 0 && !options->cpus))
        return -EINVAL;
    return options->report && options->report->size < sizeof(size_t) ? -EINVAL : 0;
}

/* Whether it asks for what only a process of its own can give. */
static bool needs_process(const yibu_job_options *o)
{
    return o->timeout_ns > 0 || o->grace_ns > 0 || o->max_attempts > 1 || o->priority != 0 ||
           o->memory_bytes > 0 || o->cpu_count > 0 || o->env_changes || o->cwd ||
           o->out != YIBU_JOB_STDIO_PASS || o->err != YIBU_JOB_STDIO_PASS;
}

int yb_job_function_check(const yibu_job *job, const yibu_job_options *options)
{
    if (needs_process(options))
        return -ENOTSUP;
    return job->function ? 0 : YIBU_ENOJOB;
}

/* What options point to. */

static size_t count_changes(const char *const *changes)
{
    size_t count = 0;
    while (changes && changes[count])
        count++;
    return count;
}

static size_t changes_bytes(const char *const *changes)
{
    size_t count = count_changes(changes), bytes = aligned((count + 1) * sizeof(*changes));
    for (size_t i = 0; i < count; i++)
        bytes += aligned(strlen(changes[i]) + 1);
    return changes ? bytes : 0;
}

size_t yb_job_copy_bytes(const yibu_job *job, yibu_bytes input, const yibu_job_options *o)
{
    size_t bytes = aligned(strlen(job->name) + 1) + aligned(o->cpu_count * sizeof(*o->cpus)) +
                   changes_bytes(o->env_changes) + (o->cwd ? aligned(strlen(o->cwd) + 1) : 0);
    return input.size > SIZE_MAX / 2 ? SIZE_MAX / 2 : bytes + aligned(input.size);
}

static void *copy(char **memory, const void *bytes, size_t size)
{
    void *place = *memory;
    if (size > 0)
        memcpy(place, bytes, size);
    *memory += aligned(size);
    return place;
}

static char *copy_text(char **memory, const char *text)
{
    return text ? copy(memory, text, strlen(text) + 1) : NULL;
}

static const char *const *copy_changes(char **memory, const char *const *changes)
{
    if (!changes)
        return NULL;
    size_t count = count_changes(changes);
    const char **place = copy(memory, changes, (count + 1) * sizeof(*changes));
    for (size_t i = 0; i < count; i++)
        place[i] = copy_text(memory, changes[i]);
    return place;
}

void yb_job_copy(yb_job_request_copy *ret_copy, char *memory, const yibu_job *job, yibu_bytes input,
                 const yibu_job_options *options)
{
    memory = (char *)aligned((uintptr_t)memory);
    ret_copy->job = (yibu_job){copy_text(&memory, job->name), job->function};
    ret_copy->options = *options;
    ret_copy->options.cpus =
        copy(&memory, options->cpus, options->cpu_count * sizeof(*options->cpus));
    ret_copy->options.env_changes = copy_changes(&memory, options->env_changes);
    ret_copy->options.cwd = copy_text(&memory, options->cwd);
    ret_copy->input =
        (yibu_bytes){input.size ? copy(&memory, input.data, input.size) : NULL, input.size};
}
