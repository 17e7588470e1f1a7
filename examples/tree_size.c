/* Blocking calls on threads: adds up the sizes of whole trees of files, all trees at once.  fts(3)
 * has no asynchronous form and may wait for disks; meanwhile the loop goes on.
 *
 * usage: tree_size DIRECTORY… */
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <yibu.h>

/* On a thread of the pool: may block, may not suspend.  FTS_NOCHDIR, because the working directory
 * belongs to the whole process. */
static intptr_t add_up(void *arg)
{
    char *const paths[] = {arg, NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    if (!tree)
        return -errno;
    intptr_t bytes = 0;
    for (FTSENT *entry; (entry = fts_read(tree));) {
        if (entry->fts_level == 0 && entry->fts_info == FTS_NS)
            bytes = -entry->fts_errno;
        else if (entry->fts_info == FTS_F)
            bytes += entry->fts_statp->st_size;
    }
    fts_close(tree);
    return bytes;
}

static intptr_t measure(void *arg)
{
    intptr_t bytes = yibu_to_thread(add_up, arg);
    if (yibu_failed(bytes))
        printf("%s: %s\n", (const char *)arg, yibu_strerror(bytes));
    else
        printf("%s: %ld bytes\n", (const char *)arg, (long)bytes);
    return 0;
}

static intptr_t measure_all(void *arg)
{
    char **paths = arg;
    yibu_task *tasks[64] = {NULL};
    for (int i = 0; i < 64 && paths[i]; i++)
        tasks[i] = yibu_create_task(measure, paths[i], NULL);
    for (int i = 0; i < 64 && tasks[i]; i++) {
        yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    return yibu_failed(yibu_run(measure_all, argv + 1, NULL));
}
