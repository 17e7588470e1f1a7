/* Buffers for files that are opened with O_DIRECT: aligned as devices want them, and registered
 * with the kernel where the loop is on io_uring, which then need not pin them for each transfer.
 *
 *     yibu_file_buffers *buffers;
 *     int r = yibu_file_buffers_new(32, 4096, &buffers);
 *     …
 *     void *block;
 *     r = yibu_file_buffers_take(buffers, &block);
 *     ssize_t n = yibu_file_read_at(fd, block, 4096, offset);
 *     yibu_file_buffers_give(buffers, block);
 *
 * They are ordinary memory otherwise.  With O_DIRECT, offsets and sizes are multiples of the
 * device's block, mostly 512 or 4096 bytes.
 *
 * Context: the thread of the loop on which the buffers were made. */
#ifndef YIBU_FILE_BUFFERS_H
#define YIBU_FILE_BUFFERS_H

#include <yibu/base.h>

typedef struct yibu_file_buffers yibu_file_buffers;

YIBU_BEGIN_DECLS

/* Maps count buffers of size_bytes each, rounded up to pages.  The kernel may refuse to register
 * them, for want of memory that may be locked (RLIMIT_MEMLOCK) or because 16 sets are registered
 * already: they work all the same.  Never suspends.
 * Returns 0; -EINVAL for no buffers, no bytes or more than 1 GiB in all; -ENOMEM; YIBU_ENOTASK or
 * YIBU_EFORKED without a loop. */
YIBU_API int yibu_file_buffers_new(size_t count, size_t size_bytes,
                                   yibu_file_buffers **ret_buffers);

/* Frees them; none is taken any more, or the program is aborted.  NULL is fine.  Never suspends. */
YIBU_API void yibu_file_buffers_free(yibu_file_buffers *buffers);

/* Takes a buffer, waiting in line while there is none.  Checkpoint.  Cancel: none was taken.
 * Returns 0, -ECANCELED, or YIBU_ENOTASK. */
YIBU_API int yibu_file_buffers_take(yibu_file_buffers *buffers, void **ret_buffer);

/* Gives a buffer back.  Never suspends. */
YIBU_API void yibu_file_buffers_give(yibu_file_buffers *buffers, void *buffer);

/* Whether the kernel knows them.  Never suspends. */
YIBU_API bool yibu_file_buffers_registered(const yibu_file_buffers *buffers);

YIBU_END_DECLS

#endif
