/* Listings of folders: an iterator over batches of getdents64(2).
 *
 * States by fd: NOT_OPEN; open; then the iterator is closed by whoever made it come to its end. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <yibu/directory.h>
#include <yibu/file.h>

#include "base/memory.h"
#include "io/file_call.h"

enum { NOT_OPEN = -1, BATCH = 32 * 1024 };

typedef struct listing {
    yibu_iterator iterator;
    char *path;
    int fd;
    size_t at, end; /* what is left of the batch */
    yibu_directory_entry entry;
    _Alignas(struct dirent64) char batch[BATCH];
} listing;

/* How many bytes: 0 at the end, which is also that of a folder without a name any more. */
static ssize_t fetch(listing *l)
{
    yb_file_call call = {.verb = YB_FILE_LIST, .fd = l->fd, .buffer = l->batch, .size = BATCH};
    ssize_t n = yb_file_call_make(&call);
    return n == -ENOENT ? 0 : n;
}

static int fill(listing *l)
{
    if (l->fd == NOT_OPEN) {
        int fd = yibu_file_open(l->path, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
            return fd;
        l->fd = fd;
    }
    ssize_t n = fetch(l);
    if (n <= 0)
        return (int)n;
    l->at = 0;
    l->end = (size_t)n;
    return 1;
}

static bool is_own(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Takes one entry out of the batch; false for the folder itself and the one around it. */
static bool take(listing *l)
{
    const struct dirent64 *entry = (const void *)(l->batch + l->at);
    l->at += entry->d_reclen;
    l->entry.name = entry->d_name;
    l->entry.inode = entry->d_ino;
    l->entry.type = entry->d_type;
    return !is_own(entry->d_name);
}

static int next(yibu_iterator *iterator, void **ret_item)
{
    listing *l = YB_CONTAINER_OF(iterator, listing, iterator);
    for (;;) {
        if (l->at == l->end) {
            int r = fill(l);
            if (r <= 0)
                return r;
        }
        if (take(l)) {
            *ret_item = &l->entry;
            return 1;
        }
    }
}

static int close_listing(yibu_iterator *iterator)
{
    const listing *l = YB_CONTAINER_OF(iterator, listing, iterator);
    if (l->fd != NOT_OPEN)
        yb_file_close_read(l->fd);
    return 0;
}

static void free_listing(yibu_iterator *iterator)
{
    listing *l = YB_CONTAINER_OF(iterator, listing, iterator);
    yb_free(l->path);
    yb_free(l);
}

yibu_iterator *yibu_scandir(const char *path)
{
    static const yibu_iterator_class class = {.size = sizeof(class),
                                              .name = "listing of a folder",
                                              .next = next,
                                              .close = close_listing,
                                              .free = free_listing};
    listing *l = path ? yb_malloc(sizeof(*l)) : NULL;
    if (!l)
        return NULL;
    yibu_iterator_init(&l->iterator, &class);
    l->fd = NOT_OPEN;
    l->at = l->end = 0;
    l->path = yb_strdup(path);
    if (!l->path) {
        yb_free(l);
        return NULL;
    }
    return &l->iterator;
}
