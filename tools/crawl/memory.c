/* How the heap treats buffers that come and go with each page. */
#include "memory.h"

#include <malloc.h>

#define KEPT_BYTES (64 * 1024 * 1024)

void memory_keep(void)
{
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES / 2); /* the largest that is accepted */
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}
