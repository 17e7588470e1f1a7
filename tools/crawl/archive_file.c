/* The archive of what was fetched: FILE.tar.zst, written in large pieces.
 *
 * Every entry is a zstd frame of its own, made by a worker; the file is the frames in the order in
 * which they came, and one more with the archive's end.  Pieces hold whole frames, so where the
 * disk is full the file is cut back to the last piece, and what is there can be read.
 *
 * The loop gathers; a thread writes, one piece at a time.  The two share fd, error and the
 * written_ counters: the loop reads them only between two writes. */
#include "archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "tar.h"

/* A name in the archive.  What follows it in memory is the name itself. */
struct known_name {
    const char *text; /* first: what the tree compares */
    bool folder;
    char storage[];
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct known_name *)a)->text, ((const struct known_name *)b)->text);
}

static const struct known_name *find_name(struct archive_file *archive, const char *text)
{
    struct known_name wanted = {.text = text};
    struct known_name *const *found = tfind(&wanted, &archive->names, compare_names);
    return found ? *found : NULL;
}

static bool remember_name(struct archive_file *archive, const char *text, size_t length,
                          bool folder)
{
    struct known_name *name = malloc(sizeof(*name) + length + 1);
    if (!name)
        return false;
    memcpy(name->storage, text, length);
    name->storage[length] = '\0';
    name->text = name->storage;
    name->folder = folder;
    struct known_name **node = tsearch(name, &archive->names, compare_names);
    if (node && *node == name)
        archive->name_count++;
    else
        free(name);
    return node != NULL;
}

/* A name under construction; its memory has room for all that can come. */
struct name {
    char *text;
    size_t length;
};

static void append(struct name *name, const char *text, size_t length)
{
    memcpy(name->text + name->length, text, length);
    name->length += length;
    name->text[name->length] = '\0';
}

/* Makes what is there so far a name for a file or folder: where it is taken by something that
 * cannot share it, "~" is appended. */
static bool settle(struct archive_file *archive, struct name *name, bool folder)
{
    for (;;) {
        const struct known_name *other = find_name(archive, name->text);
        if (!other)
            return remember_name(archive, name->text, name->length, folder);
        if (folder && other->folder)
            return true;
        append(name, "~", 1);
    }
}

/* Each part of the path in turn; the name grows by the settled parts. */
static bool settle_path(struct archive_file *archive, struct name *name, const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");
        bool folder = path[length] == '/';
        append(name, path, length);
        if (!settle(archive, name, folder))
            return false;
        if (!folder)
            return true;
        append(name, "/", 1);
        path += length + 1;
    }
}

/* "host/path", without what means something to a file system. */
static bool write_wanted_name(struct name *name, const char *url)
{
    static const char index[] = "index.html";
    const char *mark = strstr(url, "://");
    const char *place = mark ? mark + 3 : url;
    const char *query = strchr(place, '?');
    name->text = malloc(strlen(place) + sizeof(index));
    if (!name->text)
        return false;
    append(name, "", 0);
    for (const char *from = place; *from; from++) {
        bool slash = *from == '/';
        if (slash && query && from > query)
            append(name, "_", 1);
        else if (!slash || name->length == 0 || name->text[name->length - 1] != '/')
            append(name, from, 1);
    }
    if (name->length > 0 && name->text[name->length - 1] == '/')
        append(name, index, sizeof(index) - 1);
    return true;
}

char *archive_name(struct archive_file *archive, const char *url)
{
    struct name wanted = {0};
    struct name name = {0};
    if (!write_wanted_name(&wanted, url))
        return NULL;
    /* Each "~" that is appended stands for a different name that was there before. */
    name.text = malloc(wanted.length + archive->name_count + 1);
    if (name.text && !settle_path(archive, &name, wanted.text)) {
        free(name.text);
        name.text = NULL;
    }
    free(wanted.text);
    return name.text;
}

int archive_create(struct archive_file *archive, const char *path)
{
    *archive = (struct archive_file){.path = path};
    archive->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return archive->fd < 0 ? -errno : 0;
}

bool archive_add(struct archive_file *archive, yibu_bytes frame, uint64_t content_bytes)
{
    if (archive->error < 0)
        return false;
    if (yibu_buffer_append(&archive->gathered, frame.data, frame.size) < 0) {
        archive->error = -ENOMEM;
        return false;
    }
    archive->entries++;
    archive->content_bytes += content_bytes;
    return archive->gathered.size >= ARCHIVE_PIECE_BYTES;
}

yibu_buffer archive_take(struct archive_file *archive, uint64_t *ret_entries)
{
    yibu_buffer piece = archive->gathered;
    archive->gathered = (yibu_buffer){0};
    *ret_entries = archive->entries;
    return piece;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(fd, data, size);
        if (count < 0 && errno != EINTR)
            return -errno;
        data += count > 0 ? count : 0;
        size -= count > 0 ? (size_t)count : 0;
    }
    return 0;
}

/* Cuts the file back to whole entries.  What is no file (a pipe) stays as it is. */
static void cut_back(struct archive_file *archive)
{
    if (ftruncate(archive->fd, (off_t)archive->written_bytes) == 0)
        (void)lseek(archive->fd, (off_t)archive->written_bytes, SEEK_SET);
}

int archive_write(struct archive_file *archive, yibu_buffer piece, uint64_t entries)
{
    int error = archive->error;
    if (error == 0)
        error = write_all(archive->fd, piece.data, piece.size);
    if (error == 0) {
        archive->written_bytes += piece.size;
        archive->written_entries = entries;
    } else if (archive->error == 0) {
        archive->error = error;
        cut_back(archive);
    }
    yibu_buffer_free(&piece);
    return error;
}

static int append_end(yibu_buffer *piece)
{
    yibu_buffer blocks = {0};
    struct digester digester = {0};
    int error = tar_append_end(&blocks);
    if (error == 0)
        error = digest_compress(&digester, (yibu_bytes){blocks.data, blocks.size}, 1, piece);
    digester_free(&digester);
    yibu_buffer_free(&blocks);
    return error;
}

/* The end is written after a failure too, so that readers do not find the archive cut off: the
 * room for it was there before. */
static int write_end(struct archive_file *archive)
{
    yibu_buffer end = {0};
    int error = append_end(&end);
    if (error == 0)
        error = write_all(archive->fd, end.data, end.size);
    if (error == 0)
        archive->written_bytes += end.size;
    yibu_buffer_free(&end);
    return error;
}

int archive_close(struct archive_file *archive)
{
    uint64_t entries;
    yibu_buffer rest = archive_take(archive, &entries);
    archive_write(archive, rest, entries);
    int error = write_end(archive);
    if (archive->error == 0)
        archive->error = error;
    if (close(archive->fd) < 0 && archive->error == 0)
        archive->error = -errno;
    archive->fd = -1;
    tdestroy(archive->names, free);
    archive->names = NULL;
    return archive->error;
}
