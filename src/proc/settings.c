/* The parent's side of settings: options checked, and laid out as one block. */
#define _GNU_SOURCE
#include "proc/settings.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/memory.h"

enum { PROCESSORS_MOST = 8192, TEXT_DEFAULT = 1 << 20, LONG_BITS = 8 * sizeof(unsigned long) };

static bool asks_for_nothing(const yibu_job_options *o)
{
    return o->memory_bytes == 0 && o->cpu_count == 0 && !o->env_changes && !o->cwd &&
           o->out == YIBU_JOB_STDIO_PASS && o->err == YIBU_JOB_STDIO_PASS;
}

static bool stdio_valid(yibu_job_stdio stdio, const yibu_buffer *ret_text)
{
    return (unsigned)stdio <= YIBU_JOB_STDIO_DEVNULL &&
           (!ret_text || stdio == YIBU_JOB_STDIO_CAPTURE);
}

static bool cpus_valid(const yibu_job_options *o)
{
    if (o->cpu_count > 0 && !o->cpus)
        return false;
    for (size_t i = 0; i < o->cpu_count; i++)
        if (o->cpus[i] < 0 || o->cpus[i] >= PROCESSORS_MOST)
            return false;
    return true;
}

static bool changes_valid(const char *const *changes)
{
    for (; changes && *changes; changes++)
        if (**changes == '\0' || **changes == '=')
            return false;
    return true;
}

/* Bytes of the mask, whole longs of it, as the kernel wants them. */
static size_t mask_bytes(const yibu_job_options *o)
{
    int most = -1;
    for (size_t i = 0; i < o->cpu_count; i++)
        most = o->cpus[i] > most ? o->cpus[i] : most;
    return (size_t)(most + LONG_BITS) / LONG_BITS * sizeof(long);
}

static size_t changes_bytes(const char *const *changes, uint32_t *ret_count)
{
    size_t bytes = 0;
    uint32_t count = 0;
    for (; changes && *changes && bytes <= YB_SETTINGS_MOST; changes++, count++)
        bytes += strlen(*changes) + 1;
    *ret_count = count;
    return bytes;
}

static size_t measure(const yibu_job_options *o, yb_settings *ret_head)
{
    size_t cpu = o->cpu_count ? mask_bytes(o) : 0, cwd = o->cwd ? strlen(o->cwd) + 1 : 0;
    size_t env = changes_bytes(o->env_changes, &ret_head->env_count);
    ret_head->cpu_bytes = (uint32_t)cpu;
    ret_head->env_bytes = (uint32_t)env;
    ret_head->cwd_bytes = (uint32_t)cwd;
    size_t bytes = sizeof(*ret_head) + cpu + env + cwd;
    ret_head->size = (uint32_t)bytes;
    return bytes;
}

int yb_settings_check(const yibu_job_options *options)
{
    yb_settings head;
    if (!stdio_valid(options->out, options->ret_out) ||
        !stdio_valid(options->err, options->ret_err) || options->capture_limit > YB_TEXT_MOST)
        return -EINVAL;
    if (!cpus_valid(options) || !changes_valid(options->env_changes) ||
        (options->cwd && !options->cwd[0]))
        return -EINVAL;
    return measure(options, &head) > YB_SETTINGS_MOST ? -E2BIG : 0;
}

static void fill_mask(unsigned char *mask, const yibu_job_options *o)
{
    for (size_t i = 0; i < o->cpu_count; i++) {
        unsigned long word;
        unsigned char *place = mask + (size_t)o->cpus[i] / LONG_BITS * sizeof(word);
        memcpy(&word, place, sizeof(word));
        word |= 1UL << ((size_t)o->cpus[i] % LONG_BITS);
        memcpy(place, &word, sizeof(word));
    }
}

static void fill(yb_settings *settings, const yibu_job_options *o)
{
    unsigned char *place = settings->rest;
    settings->stdio[0] = o->out;
    settings->stdio[1] = o->err;
    settings->text_limit = (uint32_t)(o->capture_limit ? o->capture_limit : TEXT_DEFAULT);
    settings->memory_bytes = o->memory_bytes;
    fill_mask(place, o);
    place += settings->cpu_bytes;
    for (const char *const *change = o->env_changes; change && *change; change++) {
        size_t bytes = strlen(*change) + 1;
        memcpy(place, *change, bytes);
        place += bytes;
    }
    if (o->cwd)
        memcpy(place, o->cwd, settings->cwd_bytes);
}

int yb_settings_new(const yibu_job_options *options, yb_settings **ret_settings)
{
    yb_settings head = {0};
    *ret_settings = NULL;
    if (asks_for_nothing(options))
        return 0;
    yb_settings *settings = yb_calloc(1, measure(options, &head));
    if (!settings)
        return -ENOMEM;
    *settings = head;
    fill(settings, options);
    *ret_settings = settings;
    return 0;
}
