/* What changes in a folder, as it happens.
 *
 *     yibu_iterator *changes;
 *     int r = yibu_watch_folder("inbox", YIBU_FOLDER_CLOSED | YIBU_FOLDER_MOVED_TO, &changes);
 *     if (r < 0)
 *         return r;
 *     YIBU_ASYNC_FOR (const yibu_folder_event *, event, changes, &r)
 *         printf("%s has come\n", event->name);
 *
 * Linux's inotify(7), with its limits: what is inside folders of the folder is not watched, changes
 * on another machine are not seen, and equal changes that nobody has taken yet may be one. */
#ifndef YIBU_FOLDER_WATCH_H
#define YIBU_FOLDER_WATCH_H

#include <yibu/base.h>
#include <yibu/iterator.h>

/* Changes. */
enum {
    YIBU_FOLDER_CREATED = 1u << 0,
    YIBU_FOLDER_DELETED = 1u << 1,
    YIBU_FOLDER_MODIFIED = 1u << 2,   /* written to, or cut */
    YIBU_FOLDER_CLOSED = 1u << 3,     /* by somebody who could write to it */
    YIBU_FOLDER_ATTRIBUTES = 1u << 4, /* mode, owner, times, links */
    YIBU_FOLDER_MOVED_FROM = 1u << 5, /* renamed, or moved elsewhere: its old name here … */
    YIBU_FOLDER_MOVED_TO = 1u << 6,   /* … and its new one, with the same cookie, the next event
                                       * where nothing else comes in between */
    YIBU_FOLDER_ALL = (1u << 7) - 1,

    /* Always reported. */
    YIBU_FOLDER_MOVED = 1u << 8,    /* the folder itself has another name; it is watched still */
    YIBU_FOLDER_REMOVED = 1u << 9,  /* the folder itself is gone: the last event */
    YIBU_FOLDER_OVERFLOW = 1u << 10 /* events were lost: look at the folder anew */
};

/* Valid until the next one is asked for. */
typedef struct yibu_folder_event {
    unsigned change;  /* one of the above */
    bool is_folder;   /* what has changed */
    uint32_t cookie;  /* of a move, which it tells from others; else 0 */
    const char *name; /* within the folder; "" for the folder itself */
} yibu_folder_event;

YIBU_BEGIN_DECLS

/* Watches a folder for changes (0: all) from now on, as an iterator of yibu_folder_event (*); it
 * ends once the folder has been removed, or its file system unmounted.  Events wait in the kernel,
 * 16384 by default (fs.inotify.max_queued_events).  Looks the path up at once; never suspends.
 * Context: the thread of a loop.
 * Returns 0, or a negative errno: -ENOENT, -ENOTDIR, -ENOSPC or -EMFILE for too many watches. */
YIBU_API int yibu_watch_folder(const char *path, unsigned changes, yibu_iterator **ret_iterator);

YIBU_END_DECLS

#endif
