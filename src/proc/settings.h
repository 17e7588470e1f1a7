/* What a worker is to be for one job: the part of its options that the worker itself carries out.
 *
 * Its parent makes them, as one block of bytes that lies in the lane beside the job's name; the
 * worker trusts them (they are its parent's), and is as before when the job has returned. */
#ifndef YB_PROC_SETTINGS_H
#define YB_PROC_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yibu/job.h>

enum {
    YB_SETTINGS_MOST = 64 * 1024, /* bytes of one block */
    YB_TEXT_MOST = 64 << 20,      /* of captured text, from one descriptor */
};

/* The rest follows: the mask of processors, the changes of the environment, the working
 * directory. */
typedef struct yb_settings {
    uint32_t size; /* all of it */
    uint32_t cpu_bytes;
    uint32_t env_count;
    uint32_t env_bytes;
    uint32_t cwd_bytes; /* 0: none */
    uint32_t stdio[2];  /* yibu_job_stdio of output and error */
    uint32_t text_limit;
    uint64_t memory_bytes;
    unsigned char rest[];
} yb_settings;

/* Returns 0; -EINVAL; or -E2BIG: environment and directory are too long. */
int yb_settings_check(const yibu_job_options *options);

/* Makes the block for options that were checked; NULL where they ask for nothing.
 * Returns 0 or -ENOMEM. */
int yb_settings_new(const yibu_job_options *options, yb_settings **ret_settings);

/* Whether what the job says is captured.  NULL: no. */
static inline bool yb_settings_capture(const yb_settings *settings)
{
    return settings && (settings->stdio[0] == YIBU_JOB_STDIO_CAPTURE ||
                        settings->stdio[1] == YIBU_JOB_STDIO_CAPTURE);
}

#endif
