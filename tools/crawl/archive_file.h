/* The archive of what was fetched: FILE.tar.zst, written in large pieces. */
#ifndef CRAWL_ARCHIVE_FILE_H
#define CRAWL_ARCHIVE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yibu/process_pool.h>

/* So much is gathered before it is written. */
#define ARCHIVE_PIECE_BYTES ((size_t)1024 * 1024)

struct archive_file {
    const char *path;
    int fd;
    int error;        /* the first failure, a negative errno: nothing is added any more */
    uint64_t entries; /* that are in the file or gathered */
    uint64_t written_entries;
    uint64_t written_bytes;
    uint64_t content_bytes; /* of the entries, uncompressed */
    yibu_buffer gathered;
    size_t name_count;
    void *names; /* of files and folders in it, a tree of tsearch(3) */
};

/* Creates or empties the file.  Returns 0 or a negative errno. */
int archive_create(struct archive_file *archive, const char *path);

/* The name under which the page of a URL is archived: host/path, unlike every name before, and no
 * file where a folder is.  NULL: no memory.  The caller frees it. */
char *archive_name(struct archive_file *archive, const char *url);

/* Gathers an entry's frame.  True: archive_write is due. */
bool archive_add(struct archive_file *archive, yibu_bytes frame, uint64_t content_bytes);

/* Takes what is gathered, to be written by archive_write. */
yibu_buffer archive_take(struct archive_file *archive, uint64_t *ret_entries);

/* Writes and frees a piece.  May block: for a thread; one at a time.  After a failure the file ends
 * with the last whole entry. */
int archive_write(struct archive_file *archive, yibu_buffer piece, uint64_t entries);

/* Writes what is left, and the archive's end, and closes it.  Returns 0, or the first failure. */
int archive_close(struct archive_file *archive);

#endif
