/* What inotify(7) says of a folder: whatever its records are, each whole one is told once, in
 * order, and what is none ends the watch with a failure.
 *
 * A pipe stands in for the kernel. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <yibu.h>

#include "check.h"

int __wrap_inotify_init1(int flags);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask);

static int ends[2];

int __wrap_inotify_init1(int flags)
{
    (void)flags;
    CHECK(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
    return ends[0];
}

int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    (void)path;
    CHECK(fd == ends[0] && mask != 0);
    return 1;
}

/* What is left of the records that were sent. */
typedef struct records {
    const uint8_t *at, *end;
} records;

enum {
    TELLS = IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW,
    SILENT = IN_ACCESS | IN_CLOSE_NOWRITE | IN_OPEN
};

/* The next whole record that is to be told; NULL: the end, 0 or the failure. */
static const uint8_t *expect(records *r, struct inotify_event *ret_head, int *ret_end)
{
    *ret_end = 0;
    while (r->at < r->end) {
        size_t left = (size_t)(r->end - r->at) - sizeof(*ret_head);
        *ret_end = -EBADMSG;
        if ((size_t)(r->end - r->at) < sizeof(*ret_head))
            return NULL;
        memcpy(ret_head, r->at, sizeof(*ret_head));
        const uint8_t *name = r->at + sizeof(*ret_head);
        if (ret_head->len > left || ret_head->len % 4 != 0 ||
            (ret_head->len > 0 && name[ret_head->len - 1] != '\0'))
            return NULL;
        *ret_end = 0;
        if (ret_head->mask & IN_IGNORED)
            return NULL;
        r->at = name + ret_head->len;
        if (ret_head->mask & TELLS & ~(uint32_t)SILENT)
            return name;
    }
    return NULL;
}

static void check_event(const yibu_folder_event *event, const struct inotify_event *head,
                        const uint8_t *name)
{
    CHECK(event->cookie == head->cookie && event->is_folder == !!(head->mask & IN_ISDIR));
    CHECK(strcmp(event->name, head->len > 0 ? (const char *)name : "") == 0);
    CHECK(event->change != 0 && (event->change & (event->change - 1)) == 0);
}

static intptr_t watch(void *arg)
{
    records r = *(records *)arg;
    yibu_iterator *changes;
    void *item;
    struct inotify_event head;
    int next, end;
    CHECK(yibu_watch_folder(".", 0, &changes) == 0);
    CHECK(write(ends[1], r.at, (size_t)(r.end - r.at)) == r.end - r.at);
    close(ends[1]);
    while ((next = yibu_iterator_next(changes, &item)) > 0) {
        const uint8_t *name = expect(&r, &head, &end);
        CHECK(name != NULL);
        check_event(item, &head, name);
    }
    CHECK(expect(&r, &head, &end) == NULL && next == end);
    CHECK(yibu_iterator_close(changes) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    records all = {data, data + (size < 4000 ? size : 4000)};
    CHECK(yibu_run(watch, &all, NULL) == 0);
    return 0;
}
