/* Watches of folders: an iterator over what an inotify descriptor says.
 *
 * The folder's end comes as two events: that it is removed (or its file system is), and that the
 * kernel has dropped the watch.  The first is handed out, the second is the iterator's end. */
#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <yibu/folder_watch.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "io/fd_op.h"

enum { BUFFER = 16 * (sizeof(struct inotify_event) + NAME_MAX + 1) };

typedef struct watch {
    yibu_iterator iterator;
    int fd;
    size_t at, end; /* what is left in the buffer */
    yibu_folder_event event;
    _Alignas(struct inotify_event) char buffer[BUFFER];
} watch;

static const struct {
    uint32_t mask;
    unsigned change;
} changes_of[] = {
    {IN_CREATE, YIBU_FOLDER_CREATED},      {IN_DELETE, YIBU_FOLDER_DELETED},
    {IN_MODIFY, YIBU_FOLDER_MODIFIED},     {IN_CLOSE_WRITE, YIBU_FOLDER_CLOSED},
    {IN_ATTRIB, YIBU_FOLDER_ATTRIBUTES},   {IN_MOVED_FROM, YIBU_FOLDER_MOVED_FROM},
    {IN_MOVED_TO, YIBU_FOLDER_MOVED_TO},   {IN_MOVE_SELF, YIBU_FOLDER_MOVED},
    {IN_DELETE_SELF, YIBU_FOLDER_REMOVED}, {IN_UNMOUNT, YIBU_FOLDER_REMOVED},
    {IN_Q_OVERFLOW, YIBU_FOLDER_OVERFLOW},
};
enum { KINDS = sizeof(changes_of) / sizeof(changes_of[0]) };

static uint32_t mask_of(unsigned changes)
{
    uint32_t mask = IN_ONLYDIR | IN_MOVE_SELF | IN_DELETE_SELF;
    for (size_t i = 0; i < KINDS; i++)
        if (changes & changes_of[i].change)
            mask |= changes_of[i].mask;
    return mask & ~(uint32_t)(IN_UNMOUNT | IN_Q_OVERFLOW);
}

static unsigned change_of(uint32_t mask)
{
    for (size_t i = 0; i < KINDS; i++)
        if (mask & changes_of[i].mask)
            return changes_of[i].change;
    return 0;
}

/* NULL where what is left is no whole record with an ended name. */
static const struct inotify_event *take(watch *w)
{
    const struct inotify_event *raw = (const void *)(w->buffer + w->at);
    size_t left = w->end - w->at;
    if (left < sizeof(*raw) || raw->len > left - sizeof(*raw) ||
        raw->len % _Alignof(struct inotify_event) != 0 ||
        (raw->len > 0 && raw->name[raw->len - 1] != '\0'))
        return NULL;
    w->at += sizeof(*raw) + raw->len;
    return raw;
}

/* Hands out what is for the program; 0: nothing is. */
static unsigned translate(watch *w, const struct inotify_event *raw)
{
    w->event.change = change_of(raw->mask);
    w->event.is_folder = (raw->mask & IN_ISDIR) != 0;
    w->event.cookie = raw->cookie;
    w->event.name = raw->len > 0 ? raw->name : "";
    return w->event.change;
}

static ssize_t fill(watch *w)
{
    ssize_t n = yb_fd_transfer(YB_OP_READ, w->fd, w->buffer, BUFFER);
    if (n > 0) {
        w->at = 0;
        w->end = (size_t)n;
    }
    return n;
}

static int next(yibu_iterator *iterator, void **ret_item)
{
    watch *w = YB_CONTAINER_OF(iterator, watch, iterator);
    for (;;) {
        if (w->at == w->end) {
            ssize_t n = fill(w);
            if (n <= 0)
                return (int)n;
        }
        const struct inotify_event *raw = take(w);
        if (!raw)
            return -EBADMSG;
        if (raw->mask & IN_IGNORED)
            return 0;
        if (translate(w, raw)) {
            *ret_item = &w->event;
            return 1;
        }
    }
}

static int close_watch(yibu_iterator *iterator)
{
    return yibu_close(YB_CONTAINER_OF(iterator, watch, iterator)->fd);
}

static void free_watch(yibu_iterator *iterator)
{
    yb_free(YB_CONTAINER_OF(iterator, watch, iterator));
}

static int open_watch(const char *path, unsigned changes)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (inotify_add_watch(fd, path, mask_of(changes ? changes : YIBU_FOLDER_ALL)) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int yibu_watch_folder(const char *path, unsigned changes, yibu_iterator **ret_iterator)
{
    static const yibu_iterator_class class = {.size = sizeof(class),
                                              .name = "watch of a folder",
                                              .next = next,
                                              .close = close_watch,
                                              .free = free_watch};
    if (!path || !ret_iterator || (changes & ~(unsigned)YIBU_FOLDER_ALL))
        return -EINVAL;
    watch *w = yb_malloc(sizeof(*w));
    if (!w)
        return -ENOMEM;
    yibu_iterator_init(&w->iterator, &class);
    w->at = w->end = 0;
    w->fd = open_watch(path, changes);
    if (w->fd < 0) {
        int error = w->fd;
        yb_free(w);
        return error;
    }
    *ret_iterator = &w->iterator;
    return 0;
}
