/* The parent's side of captured text. */
#define _GNU_SOURCE
#include "proc/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static off_t size_allowed(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0 || limit.rlim_cur > YB_TEXT_MOST)
        return YB_TEXT_MOST;
    return (off_t)limit.rlim_cur;
}

static int open_one(const char *name, off_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, size) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int yb_text_open(yb_text *text)
{
    off_t size = size_allowed();
    int output = open_one("yibu-output", size);
    if (output < 0)
        return output;
    int errors = open_one("yibu-error", size);
    if (errors < 0) {
        close(output);
        return errors;
    }
    *text = (yb_text){{output, errors}, size};
    return 0;
}

void yb_text_close(yb_text *text)
{
    close(text->fds[0]);
    close(text->fds[1]);
}

/* Returns whether all was read. */
static bool append(int fd, off_t from, size_t size, yibu_buffer *ret_text)
{
    if (yibu_buffer_reserve(ret_text, size) < 0)
        return false;
    while (size > 0) {
        ssize_t n = pread(fd, (char *)ret_text->data + ret_text->size, size, from);
        if (n <= 0)
            return false;
        ret_text->size += (size_t)n;
        from += n;
        size -= (size_t)n;
    }
    return true;
}

bool yb_text_take(yb_text *text, int which, size_t limit, yibu_buffer *ret_text)
{
    int fd = text->fds[which];
    off_t first = yb_text_first(text->size, limit), end = lseek(fd, 0, SEEK_CUR);
    if (end > text->size)
        end = text->size;
    if (end <= first)
        return false;
    bool all = !ret_text || append(fd, first, (size_t)(end - first), ret_text);
    (void)lseek(fd, 0, SEEK_SET); /* a job that dies before its first byte has written none */
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, text->size);
    return !all || end == text->size;
}
