/* One page as an entry of a tar archive, written by libarchive into memory. */
#include "tar.h"

#include <errno.h>

#include <archive.h>
#include <archive_entry.h>

#define BLOCK_BYTES 512

static la_ssize_t append(struct archive *writer, void *arg, const void *data, size_t size)
{
    (void)writer;
    return yibu_buffer_append(arg, data, size) < 0 ? -1 : (la_ssize_t)size;
}

static int write_entry(struct archive *writer, struct archive_entry *entry, yibu_bytes content)
{
    if (archive_write_header(writer, entry) < ARCHIVE_WARN)
        return -ENOMEM;
    if (archive_write_data(writer, content.data, content.size) != (la_ssize_t)content.size)
        return -ENOMEM;
    return archive_write_finish_entry(writer) < ARCHIVE_WARN ? -ENOMEM : 0;
}

static void describe(struct archive_entry *entry, const char *name, int64_t modified_s, size_t size)
{
    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, modified_s, 0);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
}

/* A writer that hands everything on at once, so that what it has written is in the buffer. */
static struct archive *open_writer(yibu_buffer *buffer)
{
    struct archive *writer = archive_write_new();
    if (!writer)
        return NULL;
    if (archive_write_set_format_pax_restricted(writer) == ARCHIVE_OK &&
        archive_write_set_bytes_per_block(writer, 0) == ARCHIVE_OK &&
        archive_write_open(writer, buffer, NULL, append, NULL) == ARCHIVE_OK)
        return writer;
    archive_write_free(writer);
    return NULL;
}

int tar_append_entry(yibu_buffer *archive, const char *name, int64_t modified_s, yibu_bytes content)
{
    size_t before = archive->size;
    struct archive *writer = open_writer(archive);
    struct archive_entry *entry = writer ? archive_entry_new() : NULL;
    int error = -ENOMEM;
    size_t end = before;
    if (entry) {
        describe(entry, name, modified_s, content.size);
        error = write_entry(writer, entry, content);
        end = archive->size;
    }
    archive_entry_free(entry);
    if (writer)
        archive_write_free(writer); /* writes the end of an archive, which is cut off here */
    archive->size = error < 0 ? before : end;
    return error;
}

int tar_append_end(yibu_buffer *archive)
{
    static const char empty[2 * BLOCK_BYTES];
    return yibu_buffer_append(archive, empty, sizeof(empty));
}
