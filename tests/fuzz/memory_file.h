/* An input as a file that has a path. */
#ifndef MEMORY_FILE_H
#define MEMORY_FILE_H

#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

typedef struct memory_file {
    int fd;
    char path[32];
} memory_file;

static inline memory_file memory_file_new(const void *data, size_t size)
{
    memory_file file = {.fd = memfd_create("input", MFD_CLOEXEC)};
    CHECK(file.fd >= 0 && pwrite(file.fd, data, size, 0) == (ssize_t)size);
    snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
    return file;
}

#endif
