/* A descriptor of somebody else's: tells which files appear in a directory, through inotify(7).
 *
 * Yibu only waits for it; reading is left to those who know how, here to read(2).  The descriptor
 * of any library that has one is watched in the same way.
 *
 * usage: watch_files DIRECTORY [COUNT] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <yibu.h>

typedef struct watch {
    const char *directory;
    long count; /* files left to be seen */
} watch;

static int print_names(int fd, watch *w)
{
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    for (const char *at = buffer; at < buffer + n && w->count > 0; w->count--) {
        const struct inotify_event *event = (const void *)at;
        printf("%s\n", event->len > 0 ? event->name : "?");
        at += sizeof(*event) + event->len;
    }
    fflush(stdout);
    return 0;
}

static intptr_t watch_directory(void *arg)
{
    watch *w = arg;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = inotify_add_watch(fd, w->directory, IN_CREATE | IN_MOVED_TO) < 0 ? -errno : 0;
    if (r == 0) {
        printf("watching %s\n", w->directory);
        fflush(stdout);
    }
    while (r == 0 && w->count > 0) {
        r = yibu_wait_readable(fd);
        if (r == 0)
            r = print_names(fd, w);
    }
    yibu_close(fd);
    return r;
}

int main(int argc, char **argv)
{
    watch w = {argc > 1 ? argv[1] : ".", argc > 2 ? atol(argv[2]) : 10};
    intptr_t r = yibu_run(watch_directory, &w, NULL);
    if (!yibu_failed(r))
        return 0;
    fprintf(stderr, "watch_files: %s: %s\n", w.directory, yibu_strerror(r));
    return 1;
}
