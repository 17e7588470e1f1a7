/* Calls on files as io_uring's entries, each where the kernel has the operation: asked once a ring.
 * Listings, copies and changes of mode have none. */
#include "platform/uring_file.h"

#include <sys/stat.h>

#include "platform/backend.h"
#include "platform/valgrind.h"

/* Younger than the headers that this is built with: Linux 6.9. */
enum { OP_FTRUNCATE = 55 };

static const struct {
    uint8_t verb;
    uint8_t operation;
} operations[] = {
    {YB_FILE_OPEN, IORING_OP_OPENAT},       {YB_FILE_CLOSE, IORING_OP_CLOSE},
    {YB_FILE_READ, IORING_OP_READ},         {YB_FILE_WRITE, IORING_OP_WRITE},
    {YB_FILE_READV, IORING_OP_READV},       {YB_FILE_WRITEV, IORING_OP_WRITEV},
    {YB_FILE_SYNC, IORING_OP_FSYNC},        {YB_FILE_ALLOCATE, IORING_OP_FALLOCATE},
    {YB_FILE_TRUNCATE, OP_FTRUNCATE},       {YB_FILE_STAT, IORING_OP_STATX},
    {YB_FILE_RENAME, IORING_OP_RENAMEAT},   {YB_FILE_UNLINK, IORING_OP_UNLINKAT},
    {YB_FILE_MKDIR, IORING_OP_MKDIRAT},     {YB_FILE_LINK, IORING_OP_LINKAT},
    {YB_FILE_SYMLINK, IORING_OP_SYMLINKAT}, {YB_FILE_SPLICE, IORING_OP_SPLICE},
};

uint32_t yb_uring_file_verbs(struct io_uring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    if (!probe)
        return 0;
    uint32_t verbs = 0;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (io_uring_opcode_supported(probe, operations[i].operation))
            verbs |= UINT32_C(1) << operations[i].verb;
    io_uring_free_probe(probe);
    return verbs;
}

static void prepare_transfer(struct io_uring_sqe *entry, const yb_file_call *call, bool registered)
{
    char *at = (char *)call->buffer + call->done;
    unsigned size = (unsigned)(call->size - call->done);
    uint64_t offset = call->offset < 0 ? UINT64_MAX : (uint64_t)call->offset + call->done;
    bool reads = call->verb == YB_FILE_READ;
    registered = registered && call->memory;
    if (reads && registered)
        io_uring_prep_read_fixed(entry, call->fd, at, size, offset, call->memory - 1);
    else if (reads)
        io_uring_prep_read(entry, call->fd, at, size, offset);
    else if (registered)
        io_uring_prep_write_fixed(entry, call->fd, at, size, offset, call->memory - 1);
    else
        io_uring_prep_write(entry, call->fd, at, size, offset);
}

static void prepare_name(struct io_uring_sqe *entry, const yb_file_call *call)
{
    switch (call->verb) {
    case YB_FILE_RENAME:
        io_uring_prep_renameat(entry, call->fd, call->path, call->other_fd, call->other_path,
                               call->flags);
        break;
    case YB_FILE_UNLINK:
        io_uring_prep_unlinkat(entry, call->fd, call->path, (int)call->flags);
        break;
    case YB_FILE_MKDIR:
        io_uring_prep_mkdirat(entry, call->fd, call->path, call->mode);
        break;
    case YB_FILE_LINK:
        io_uring_prep_linkat(entry, call->fd, call->path, call->other_fd, call->other_path,
                             (int)call->flags);
        break;
    default:
        io_uring_prep_symlinkat(entry, call->path, call->other_fd, call->other_path);
    }
}

static void prepare_size(struct io_uring_sqe *entry, const yb_file_call *call)
{
    if (call->verb == YB_FILE_ALLOCATE)
        io_uring_prep_fallocate(entry, call->fd, (int)call->flags, call->offset, call->length);
    else
        io_uring_prep_rw(OP_FTRUNCATE, entry, call->fd, NULL, 0, (uint64_t)call->length);
}

void yb_uring_file_prepare(struct io_uring_sqe *entry, const yb_file_call *call, bool registered)
{
    switch (call->verb) {
    case YB_FILE_OPEN:
        io_uring_prep_openat(entry, call->fd, call->path, (int)call->flags, call->mode);
        break;
    case YB_FILE_CLOSE:
        io_uring_prep_close(entry, call->fd);
        break;
    case YB_FILE_READ:
    case YB_FILE_WRITE:
        prepare_transfer(entry, call, registered);
        break;
    case YB_FILE_READV:
        io_uring_prep_readv(entry, call->fd, call->vectors, (unsigned)call->size,
                            (uint64_t)call->offset);
        break;
    case YB_FILE_WRITEV:
        io_uring_prep_writev(entry, call->fd, call->vectors, (unsigned)call->size,
                             (uint64_t)call->offset);
        break;
    case YB_FILE_SYNC:
        io_uring_prep_fsync(entry, call->fd, call->flags ? IORING_FSYNC_DATASYNC : 0);
        break;
    case YB_FILE_ALLOCATE:
    case YB_FILE_TRUNCATE:
        prepare_size(entry, call);
        break;
    case YB_FILE_STAT:
        io_uring_prep_statx(entry, call->fd, call->path, (int)call->flags, call->mode, call->about);
        break;
    case YB_FILE_SPLICE:
        io_uring_prep_splice(entry, call->fd, call->offset, call->other_fd, call->other_offset,
                             (unsigned)call->size, call->flags);
        break;
    default:
        prepare_name(entry, call);
    }
}

void yb_uring_file_note(const yb_file_call *call, int result)
{
    if (call->verb == YB_FILE_STAT && result == 0)
        VALGRIND_MAKE_MEM_DEFINED(call->about, sizeof(*call->about));
    if (call->verb == YB_FILE_READ && result > 0)
        VALGRIND_MAKE_MEM_DEFINED((char *)call->buffer + call->done, (size_t)result);
    size_t left = call->verb == YB_FILE_READV && result > 0 ? (size_t)result : 0;
    for (size_t i = 0; left > 0 && i < call->size; i++) {
        size_t part = call->vectors[i].iov_len < left ? call->vectors[i].iov_len : left;
        VALGRIND_MAKE_MEM_DEFINED(call->vectors[i].iov_base, part);
        left -= part;
    }
}
