/* Files, a folder and its watch, a copy and a sendfile, as a part of everything.h. */
#ifndef EVERYTHING_FILES_H
#define EVERYTHING_FILES_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

enum { EVERYTHING_FILE_BYTES = 100000 };

/* Whether a file is 'x' throughout. */
static intptr_t everything_check_file(const char *path)
{
    yibu_buffer text = {0};
    ssize_t n = yibu_read_file(path, 1 << 20, &text);
    for (ssize_t i = 0; i < n; i++)
        if (((char *)text.data)[i] != 'x')
            n = -EBADMSG;
    yibu_buffer_free(&text);
    return n < 0 ? n : n == EVERYTHING_FILE_BYTES ? 0 : -EBADMSG;
}

static intptr_t everything_write_file(const char *path, const char *copy)
{
    static char text[EVERYTHING_FILE_BYTES];
    memset(text, 'x', sizeof(text));
    intptr_t r = yibu_write_file(path, text, sizeof(text), NULL);
    if (r == 0)
        r = everything_check_file(path);
    if (r == 0)
        r = yibu_copy_file(path, copy);
    return r < 0 ? r : everything_check_file(copy);
}

static intptr_t everything_file_calls(const char *path)
{
    struct statx about;
    char byte;
    int fd = yibu_file_open(path, O_RDWR, 0);
    if (fd < 0)
        return fd;
    ssize_t r = yibu_file_write_at(fd, "x", 1, 0);
    if (r > 0)
        r = yibu_file_read_at(fd, &byte, 1, 0);
    if (r > 0)
        r = yibu_file_stat(fd, &about);
    if (r == 0)
        r = yibu_file_fdatasync(fd);
    int closed = yibu_file_close(fd);
    return r < 0 ? r : closed;
}

static intptr_t everything_direct(void)
{
    yibu_file_buffers *buffers;
    void *buffer;
    int r = yibu_file_buffers_new(2, 4096, &buffers);
    if (r < 0)
        return r;
    r = yibu_file_buffers_take(buffers, &buffer);
    if (r == 0)
        yibu_file_buffers_give(buffers, buffer);
    yibu_file_buffers_free(buffers);
    return r;
}

static intptr_t everything_list(const char *folder)
{
    int r, count = 0;
    YIBU_ASYNC_FOR (const yibu_directory_entry *, entry, yibu_scandir(folder), &r)
        count += entry->name[0] != '\0';
    return r < 0 ? r : count == 2 ? 0 : -EBADMSG; /* also: nothing else was left behind */
}

static intptr_t everything_watch_folder(const char *folder, const char *path)
{
    yibu_iterator *changes;
    void *item;
    int r = yibu_watch_folder(folder, YIBU_FOLDER_ATTRIBUTES, &changes);
    if (r < 0)
        return r;
    r = yibu_chmod(path, 0600);
    if (r == 0)
        r = yibu_iterator_next(changes, &item);
    int closed = yibu_iterator_close(changes);
    return r < 0 ? r : closed;
}

static intptr_t everything_receive_file(void *arg)
{
    char bytes[4096];
    ssize_t n;
    while ((n = yibu_read(*(int *)arg, bytes, sizeof(bytes))) > 0)
        ;
    return n;
}

static intptr_t everything_sendfile(const char *path)
{
    int ends[2], file = yibu_file_open(path, O_RDONLY, 0);
    if (file < 0)
        return file;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        yibu_file_close(file);
        return -errno;
    }
    yibu_task *task = yibu_create_task(everything_receive_file, &ends[0], NULL);
    intptr_t r = task ? yibu_sendfile(ends[1], file, 0, SIZE_MAX, NULL) : -ENOMEM;
    yibu_close(ends[1]);
    intptr_t received = task ? yibu_await(task) : 0;
    if (task)
        yibu_task_unref(task);
    yibu_close(ends[0]);
    yibu_file_close(file);
    return r < 0 ? r : received;
}

static intptr_t everything_in_folder(const char *folder)
{
    char path[64], copy[64];
    snprintf(path, sizeof(path), "%.40s/file", folder);
    snprintf(copy, sizeof(copy), "%.40s/copy", folder);
    intptr_t r = everything_write_file(path, copy);
    if (r == 0)
        r = everything_list(folder);
    if (r == 0)
        r = everything_file_calls(path);
    if (r == 0)
        r = everything_direct();
    if (r == 0)
        r = everything_watch_folder(folder, path);
    if (r == 0)
        r = everything_sendfile(path);
    if (r == 0)
        r = yibu_rename(path, copy);
    unlink(path);
    unlink(copy);
    return r;
}

static intptr_t everything_files(void)
{
    char folder[] = "yibu-fault.XXXXXX";
    if (!mkdtemp(folder))
        return -errno;
    intptr_t r = everything_in_folder(folder);
    if (rmdir(folder) < 0 && r >= 0) /* a file that nobody could remove may be left */
        r = -errno;
    return r;
}

#endif
