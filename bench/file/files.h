/* The files of this topic, made by set/prepare.py, and what its programs report. */
#ifndef FILES_H
#define FILES_H

#include "bench.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096, DEPTH = 32, PATH_BYTES = 256, SMALL_MOST = 8192 };

static inline int64_t cpu_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Runs prepare.py, the first argument; returns the folder's path. */
static inline const char *prepare(const struct bench *bench, const char *how)
{
    static char folder[PATH_BYTES];
    char command[2 * PATH_BYTES];

    snprintf(command, sizeof(command), "python3 '%s' %s", bench->argc > 0 ? bench->argv[0] : "",
             how);
    FILE *output = popen(command, "re");
    if (!output || !fgets(folder, sizeof(folder), output) || pclose(output) != 0)
        bench_fail("prepare.py", EIO);
    folder[strcspn(folder, "\n")] = '\0';
    return folder;
}

static inline const char *data_path(const char *folder)
{
    static char path[2 * PATH_BYTES];

    snprintf(path, sizeof(path), "%s/data", folder);
    return path;
}

static inline long count_blocks(int fd)
{
    struct stat about;

    if (fstat(fd, &about) < 0)
        bench_fail("stat", errno);
    return about.st_size / BLOCK;
}

/* The same blocks for everybody. */
static inline int64_t next_offset(uint64_t *state, long blocks)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((*state >> 33) % (uint64_t)blocks) * BLOCK;
}

/* The paths of the small files, n at most. */
static inline char (*read_paths(const char *folder, long *n))[PATH_BYTES]
{
    char list[2 * PATH_BYTES];

    snprintf(list, sizeof(list), "%s/list", folder);
    FILE *file = fopen(list, "re");
    char(*paths)[PATH_BYTES] = calloc((size_t)*n, PATH_BYTES);
    if (!file || !paths)
        bench_fail(list, errno);
    long count = 0;
    while (count < *n && fgets(paths[count], PATH_BYTES, file))
        paths[count][strcspn(paths[count], "\n")] = '\0', count++;
    fclose(file);
    *n = count;
    return paths;
}

static inline void report_reads(const struct bench *bench, long n, int64_t ns, const char *backend)
{
    bench_report(bench->name, (double)n * 1e9 / (double)ns, "op/s", n, backend);
}

static inline void report_files(const struct bench *bench, long n, int64_t ns, const char *backend)
{
    bench_report(bench->name, (double)ns / (double)n, "ns", n, backend);
}

#endif
