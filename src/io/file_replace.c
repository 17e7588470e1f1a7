/* See file_replace.h.  Only the rename makes the new file visible under its name; what is left to
 * do after a failure or a cancel, closing and removing, is done in a shield. */
#include "io/file_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <yibu/error.h>
#include <yibu/file.h>

#include "base/memory.h"
#include "io/file_call.h"
#include "task/scope.h"

static int choose_name(yb_replacement *replacement)
{
    yb_backend *backend = yb_loop_current->backend;
    uint64_t number;
    int r = backend->class->random(backend, &number, sizeof(number));
    if (r < 0)
        return r;
    (void)sprintf(replacement->new_path, "%s.%016llx.new", replacement->path,
                  (unsigned long long)number);
    return 0;
}

static int create(yb_replacement *replacement, mode_t mode)
{
    enum { TRIES = 8 }; /* 64 random bits: a second one is for the record */
    int r = -EEXIST;
    for (int i = 0; i < TRIES && r == -EEXIST; i++) {
        r = choose_name(replacement);
        if (r == 0)
            r = yibu_file_open(replacement->new_path, O_WRONLY | O_CREAT | O_EXCL, mode);
    }
    replacement->fd = r;
    return r < 0 ? r : 0;
}

int yb_replacement_begin(yb_replacement *replacement, const char *path, mode_t mode)
{
    enum { SUFFIX = sizeof(".0123456789abcdef.new") };
    int r;
    if (!yb_task_require(&r))
        return r;
    replacement->path = path;
    replacement->new_path = yb_malloc(strlen(path) + SUFFIX);
    if (!replacement->new_path)
        return -ENOMEM;
    r = create(replacement, mode);
    if (r < 0)
        yb_free(replacement->new_path);
    return r;
}

/* Makes the names in the folder of path durable. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);
    char *folder = yb_malloc(length + 1);
    if (!folder)
        return -ENOMEM;
    memcpy(folder, slash ? path : ".", length);
    folder[length] = '\0';
    int fd = yibu_file_open(folder, O_RDONLY | O_DIRECTORY, 0);
    yb_free(folder);
    if (fd < 0)
        return fd;
    int r = yibu_file_fsync(fd);
    (void)yibu_file_close(fd);
    return r;
}

/* Must finish: once the rename has begun, its result counts. */
static int put_in_place(const yb_replacement *replacement)
{
    yb_file_call call = {.verb = YB_FILE_RENAME,
                         .fd = AT_FDCWD,
                         .path = replacement->new_path,
                         .other_fd = AT_FDCWD,
                         .other_path = replacement->path};
    return (int)yb_file_call_finish(&call);
}

static void remove_new(const yb_replacement *replacement)
{
    yb_file_call call = {.verb = YB_FILE_UNLINK, .fd = AT_FDCWD, .path = replacement->new_path};
    (void)yb_file_call_finish(&call);
}

static ssize_t settle(const yb_replacement *replacement, ssize_t result)
{
    int r = yibu_file_close(replacement->fd);
    if (result >= 0 && r < 0)
        result = r;
    if (result >= 0 && (r = put_in_place(replacement)) < 0)
        result = r;
    if (result < 0)
        remove_new(replacement);
    return result;
}

ssize_t yb_replacement_end(yb_replacement *replacement, ssize_t result, bool durable)
{
    int r = 0;
    if (result >= 0 && durable)
        r = yibu_file_fsync(replacement->fd);
    result = settle(replacement, r < 0 ? r : result);
    if (result >= 0 && durable) {
        yb_scope shield = {.shield = true, .place = "yibu_write_file"};
        yb_scope_enter(&shield, yb_task_current);
        r = sync_folder(replacement->path);
        yb_scope_leave(&shield);
    }
    yb_free(replacement->new_path);
    return r < 0 && result >= 0 ? r : result;
}
