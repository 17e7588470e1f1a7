/* Making the pages of a shared mapping present, so that writing to them cannot fail. */
#ifndef YB_PLATFORM_POPULATE_H
#define YB_PLATFORM_POPULATE_H

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* memory begins with a page.  Returns 0, -ENOMEM, or -ENOSYS where the kernel does not know how. */
static inline int yb_populate(void *memory, size_t size)
{
    if (madvise(memory, size, MADV_POPULATE_WRITE) == 0)
        return 0;
    return errno == EINVAL ? -ENOSYS : -ENOMEM;
}

#endif
