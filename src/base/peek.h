/* Reading memory that may be gone, or go meanwhile: through the kernel, which says so. */
#ifndef YB_BASE_PEEK_H
#define YB_BASE_PEEK_H

#include <sys/types.h>

/* Returns how many of size bytes (4 KiB at most) could be read, -1 for none.  Async-signal-safe. */
ssize_t yb_peek(void *ret_bytes, const void *from, size_t size);

/* The same where process_vm_readv(2) is not to be had, as in some containers and emulators. */
ssize_t yb_peek_through_pipe(void *ret_bytes, const void *from, size_t size);

#endif
