/* tail -f: prints a file as it grows, from its end; also when it is cut, removed and made anew, or
 * renamed and replaced, as programs that rotate logs do.
 *
 *     tail FILE [NUMBER OF LINES TO END AFTER] */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yibu.h>

typedef struct tail {
    const char *path, *name; /* name: within its folder */
    char folder[4096];
    int fd; /* -1: the file is not there */
    int64_t offset;
    long lines_left;
} tail;

static void count_lines(tail *t, const char *text, size_t size)
{
    for (const char *at = text; (at = memchr(at, '\n', size - (size_t)(at - text))); at++)
        t->lines_left--;
}

/* Prints what is new in the file that is open. */
static intptr_t print_new(tail *t)
{
    char text[8192];
    struct statx about;
    if (t->fd < 0)
        return 0;
    int r = yibu_file_stat(t->fd, &about);
    if (r == 0 && (int64_t)about.stx_size < t->offset)
        t->offset = 0; /* it was cut */
    ssize_t n = r;
    while (r == 0 && (n = yibu_file_read_at(t->fd, text, sizeof(text), t->offset)) > 0) {
        t->offset += n;
        fwrite(text, 1, (size_t)n, stdout);
        count_lines(t, text, (size_t)n);
    }
    fflush(stdout);
    return n;
}

/* Opens the file that has the name now, where that is not the one that is open already. */
static intptr_t follow_name(tail *t)
{
    struct statx now, open;
    if (yibu_stat(t->path, &now) < 0)
        return 0; /* it will come back, or not */
    if (t->fd >= 0 && yibu_file_stat(t->fd, &open) == 0 && open.stx_ino == now.stx_ino)
        return 0;
    if (t->fd >= 0)
        yibu_file_close(t->fd);
    t->fd = yibu_file_open(t->path, O_RDONLY, 0);
    t->offset = 0;
    return 0;
}

static void split_path(tail *t)
{
    const char *slash = strrchr(t->path, '/');
    t->name = slash ? slash + 1 : t->path;
    snprintf(t->folder, sizeof(t->folder), "%.*s", slash ? (int)(slash - t->path + 1) : 1,
             slash ? t->path : ".");
}

/* What was written to the old file comes before what is in the new one. */
static intptr_t look_again(tail *t)
{
    intptr_t r = print_new(t);
    if (r >= 0)
        r = follow_name(t);
    return r < 0 ? r : print_new(t);
}

static intptr_t follow(void *arg)
{
    tail *t = arg;
    yibu_iterator *changes;
    struct statx about;
    split_path(t);
    int r = yibu_watch_folder(t->folder, 0, &changes); /* before the first look */
    if (r < 0)
        return r;
    t->fd = yibu_file_open(t->path, O_RDONLY, 0);
    if (t->fd >= 0 && yibu_file_stat(t->fd, &about) == 0)
        t->offset = (int64_t)about.stx_size;
    printf("following %s\n", t->name);
    fflush(stdout);
    YIBU_ASYNC_FOR (const yibu_folder_event *, event, changes, &r) {
        if (event->change != YIBU_FOLDER_OVERFLOW && strcmp(event->name, t->name) != 0)
            continue;
        if (look_again(t) < 0 || t->lines_left <= 0)
            break;
    }
    if (t->fd >= 0)
        yibu_file_close(t->fd);
    return r;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: tail FILE [LINES]\n");
        return 2;
    }
    tail t = {.path = argv[1], .fd = -1, .lines_left = argc > 2 ? atol(argv[2]) : 1L << 62};
    intptr_t r = yibu_run(follow, &t, NULL);
    if (r < 0)
        fprintf(stderr, "tail: %s: %s\n", t.path, yibu_strerror(r));
    return r < 0;
}
