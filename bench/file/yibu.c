/* Random reads past the page cache by as many tasks as are to be under way; small files by as many
 * tasks, each of which reads one after the other. */
#include "files.h"

#include <yibu.h>

enum { READERS = 64 };

typedef struct work {
    const struct bench *bench;
    long n, next;
    int fd;
    long blocks;
    uint64_t random;
    yibu_file_buffers *buffers;
    char (*paths)[PATH_BYTES];
} work;

static intptr_t read_blocks(void *arg)
{
    work *w = arg;
    void *block;
    int r = yibu_file_buffers_take(w->buffers, &block);
    while (r >= 0 && w->next < w->n) {
        w->next++;
        ssize_t n = yibu_file_read_at(w->fd, block, BLOCK, next_offset(&w->random, w->blocks));
        r = n == BLOCK ? 0 : n < 0 ? (int)n : -EIO;
    }
    yibu_file_buffers_give(w->buffers, block);
    return r;
}

static intptr_t read_files(void *arg)
{
    work *w = arg;
    yibu_buffer buffer = {0};
    ssize_t r = 0;
    while (r >= 0 && w->next < w->n) {
        buffer.size = 0;
        r = yibu_read_file(w->paths[w->next++], SMALL_MOST, &buffer);
    }
    yibu_buffer_free(&buffer);
    return r < 0 ? r : 0;
}

static intptr_t run(yibu_coroutine *fn, work *w, int tasks)
{
    intptr_t r;
    YIBU_GROUP (group, NULL, &r)
        for (int i = 0; i < tasks; i++)
            yibu_group_spawn(&group, fn, w);
    return r;
}

static const char *backend(void)
{
    return yibu_loop_backend(yibu_get_running_loop());
}

static intptr_t random_reads(work *w)
{
    w->fd = yibu_file_open(data_path(prepare(w->bench, "")), O_RDONLY | O_DIRECT, 0);
    intptr_t r = w->fd < 0 ? w->fd : yibu_file_buffers_new(DEPTH, BLOCK, &w->buffers);
    if (r < 0)
        return r;
    w->blocks = count_blocks(w->fd);
    int64_t start = bench_now_ns();
    r = run(read_blocks, w, DEPTH);
    report_reads(w->bench, w->n, bench_now_ns() - start, backend());
    yibu_file_buffers_free(w->buffers);
    yibu_file_close(w->fd);
    return r;
}

static intptr_t small_files(work *w, bool cold)
{
    const char *folder = prepare(w->bench, "");
    w->paths = read_paths(folder, &w->n);
    intptr_t r = cold ? 0 : run(read_files, w, READERS); /* now they are in memory */
    if (cold)
        prepare(w->bench, "cold");
    w->next = 0;
    int64_t start = cold ? bench_now_ns() : cpu_now_ns();
    if (r == 0)
        r = run(read_files, w, READERS);
    report_files(w->bench, w->n, (cold ? bench_now_ns() : cpu_now_ns()) - start, backend());
    free(w->paths);
    return r;
}

static intptr_t main_task(void *arg)
{
    work *w = arg;
    if (strncmp(w->bench->name, "random", 6) == 0)
        return random_reads(w);
    return small_files(w, strncmp(w->bench->name, "cold", 4) == 0);
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    work w = {.bench = &bench, .n = bench.n, .random = 1};
    intptr_t r = yibu_run(main_task, &w, NULL);
    if (r < 0)
        bench_fail(yibu_strerror(r), (int)r);
    return 0;
}
