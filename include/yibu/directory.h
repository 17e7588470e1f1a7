/* The entries of a folder, one by one (os.scandir).
 *
 *     int r;
 *     YIBU_ASYNC_FOR (const yibu_directory_entry *, entry, yibu_scandir("."), &r)
 *         puts(entry->name); */
#ifndef YIBU_DIRECTORY_H
#define YIBU_DIRECTORY_H

#include <yibu/base.h>
#include <yibu/iterator.h>

/* Valid until the next one is asked for. */
typedef struct yibu_directory_entry {
    const char *name; /* within the folder */
    uint64_t inode;
    unsigned char type; /* DT_REG, DT_DIR … of <dirent.h>; DT_UNKNOWN where the file system has
                         * it elsewhere: yibu_lstat tells */
} yibu_directory_entry;

YIBU_BEGIN_DECLS

/* The entries of a folder but for "." and "..", in the order in which the file system has them, as
 * an iterator of yibu_directory_entry (*).  They are fetched in batches of many; entries that are
 * made or removed meanwhile may be among them or not.  The folder is opened with the first entry: a
 * failure to do so, -ENOENT say, is what that call answers.  A folder that is removed meanwhile has
 * no more entries.  Never suspends.
 * Returns NULL without a path or memory. */
YIBU_API yibu_iterator *yibu_scandir(const char *path);

YIBU_END_DECLS

#endif
