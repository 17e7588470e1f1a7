/* One call on a file or a path, as data: what YB_OP_FILE carries to a backend, and what a thread
 * performs where the backend cannot.
 *
 * The call and everything it points to is the caller's memory until the operation has completed.
 * A read or write that was done in part before (by an attempt) goes on behind that part: `done` is
 * written by whoever has the call. */
#ifndef YB_PLATFORM_FILE_CALL_H
#define YB_PLATFORM_FILE_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct statx;

typedef enum yb_file_verb {
    YB_FILE_OPEN,       /* fd (directory), path, flags, mode */
    YB_FILE_CLOSE,      /* fd, flags: 1 where it is known that nothing was written */
    YB_FILE_READ,       /* fd, buffer, size, offset */
    YB_FILE_WRITE,      /* fd, source, size, offset */
    YB_FILE_READV,      /* fd, vectors, size (their number), offset */
    YB_FILE_WRITEV,     /* the same */
    YB_FILE_SYNC,       /* fd, flags: 1 for the data only */
    YB_FILE_ALLOCATE,   /* fd, flags (mode), offset, length */
    YB_FILE_TRUNCATE,   /* fd, length */
    YB_FILE_STAT,       /* fd (directory), path, flags, mode (mask), about */
    YB_FILE_RENAME,     /* fd, path, other_fd, other_path, flags */
    YB_FILE_UNLINK,     /* fd, path, flags */
    YB_FILE_MKDIR,      /* fd, path, mode */
    YB_FILE_LINK,       /* fd, path, other_fd, other_path, flags */
    YB_FILE_SYMLINK,    /* path (what it says), other_fd, other_path (where it is) */
    YB_FILE_READLINK,   /* fd, path, buffer, size */
    YB_FILE_CHMOD,      /* fd, path, mode; path NULL: fd itself */
    YB_FILE_LIST,       /* fd, buffer, size: getdents64(2) */
    YB_FILE_COPY_RANGE, /* fd, offset, other_fd, other_offset, size */
    YB_FILE_SENDFILE,   /* fd, offset, to other_fd, size */
    YB_FILE_SPLICE,     /* fd, offset, other_fd, other_offset, size, flags */
    YB_FILE_VERBS
} yb_file_verb;

typedef struct yb_file_call {
    uint8_t verb;
    bool buffered;    /* fd is known not to be in O_DIRECT */
    bool ended;       /* read: what was read last was the end of the file; false: not known */
    uint16_t memory;  /* 1 + the number of the registered memory that buffer lies in; 0: none */
    int fd;           /* AT_FDCWD where path is relative to the working directory */
    int other_fd;     /* the second one's */
    uint32_t flags;   /* the system call's */
    uint32_t mode;    /* permissions, or statx(2)'s mask */
    const char *path; /* the first path, or what a symbolic link says */
    const char *other_path;
    union {
        void *buffer;
        const void *source;
        const struct iovec *vectors;
        struct statx *about;
    };
    size_t size;
    int64_t offset; /* -1: at the descriptor's own position, which moves */
    union {
        int64_t other_offset; /* the same of other_fd */
        int64_t length;
    };
    size_t done; /* read, write: bytes transferred already */
} yb_file_call;

/* What an error message calls it: "open". */
const char *yb_file_verb_name(const yb_file_call *call);

/* Whether the call is on a descriptor that it names, rather than on a path. */
static inline bool yb_file_has_descriptor(const yb_file_call *call)
{
    return call->fd >= 0 && !call->path;
}

/* The result of the call where the last part of it gave that: what was transferred before counts,
 * and hides a failure, which the next call will meet. */
static inline ssize_t yb_file_settle(const yb_file_call *call, ssize_t result)
{
    if (call->done == 0)
        return result;
    return (ssize_t)call->done + (result > 0 ? result : 0);
}

/* Tries the call where it can be seen that it will not block: data and names that are in memory.
 * Returns its result, or -EAGAIN, with call->done saying what part of it has happened. */
ssize_t yb_file_attempt(yb_file_call *call);

/* Makes the call, which blocks until it is done.  Any thread.  Returns its result. */
ssize_t yb_file_perform(yb_file_call *call);

#endif
