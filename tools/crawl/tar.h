/* One page as an entry of a tar archive. */
#ifndef CRAWL_TAR_H
#define CRAWL_TAR_H

#include <stddef.h>
#include <stdint.h>

#include <yibu/process_pool.h>

/* Appends an entry (POSIX pax where ustar cannot hold the name), without the blocks that end an
 * archive: entries one after another, then tar_append_end, are an archive.
 * Returns 0 or -ENOMEM. */
int tar_append_entry(yibu_buffer *archive, const char *name, int64_t modified_s,
                     yibu_bytes content);

/* Appends the two empty blocks that end an archive.  Returns 0 or -ENOMEM. */
int tar_append_end(yibu_buffer *archive);

#endif
