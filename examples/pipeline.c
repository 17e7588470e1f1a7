/* A queue and its workers: counts the words of files, four files at a time.  The queue has little
 * room, so whoever fills it waits for the workers; once it is shut down and empty, they end.
 *
 * usage: pipeline FILE… */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <yibu.h>

/* On a thread of the pool, since reading files blocks. */
static intptr_t count_words(void *name)
{
    FILE *file = fopen(name, "re");
    if (!file)
        return -errno;
    intptr_t words = 0;
    for (int c, before = ' '; (c = getc(file)) != EOF; before = c)
        words += isspace(before) && !isspace(c);
    fclose(file);
    return words;
}

/* Only one task of a loop runs at a time, so *total needs no lock. */
static YIBU_ASYNC(void, work, yibu_queue *, names, long *, total)
{
    void *name;
    int r;
    while ((r = yibu_queue_get(names, &name)) == 0) {
        intptr_t words = yibu_to_thread(count_words, name);
        if (yibu_failed(words))
            printf("%s: %s\n", (char *)name, yibu_strerror(words));
        else
            *total += words;
    }
    return r == YIBU_ESHUTDOWN ? 0 : r;
}

static YIBU_ASYNC(long, count_all, char **, names)
{
    yibu_queue queue = YIBU_QUEUE_INIT(4);
    intptr_t r = 0;
    *ret = 0;
    YIBU_GROUP (group, NULL, &r) {
        for (int i = 0; i < 4; i++)
            yibu_go_in(&group, work, &queue, ret);
        while (r == 0 && *names)
            r = yibu_queue_put(&queue, *names++);
        yibu_queue_shutdown(&queue, false);
    }
    yibu_queue_destroy(&queue);
    return (int)r;
}

int main(int argc, char **argv)
{
    long words;
    int r = count_all_run(NULL, argv + (argc > 0), &words);
    if (r == 0)
        printf("%ld words\n", words);
    return r < 0;
}
