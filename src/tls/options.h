/* Structs of the caller's that begin with their own size. */
#ifndef YB_TLS_OPTIONS_H
#define YB_TLS_OPTIONS_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Copies what the caller's version knew, the rest becomes zero; all of it for NULL.
 * Returns 0, or -EINVAL where the size is not even its own. */
static inline int yb_tls_options_take(void *ret_ours, size_t ours_bytes, const void *theirs)
{
    memset(ret_ours, 0, ours_bytes);
    if (!theirs)
        return 0;
    size_t bytes;
    memcpy(&bytes, theirs, sizeof(bytes));
    if (bytes < sizeof(bytes))
        return -EINVAL;
    memcpy(ret_ours, theirs, bytes < ours_bytes ? bytes : ours_bytes);
    return 0;
}

/* Copies to the caller what its version knows, but for the size, which stays.  The same returns. */
static inline int yb_tls_options_give(void *ret_theirs, const void *ours, size_t ours_bytes)
{
    size_t bytes;
    memcpy(&bytes, ret_theirs, sizeof(bytes));
    if (bytes < sizeof(bytes))
        return -EINVAL;
    if (bytes > ours_bytes)
        bytes = ours_bytes;
    memcpy((char *)ret_theirs + sizeof(bytes), (const char *)ours + sizeof(bytes),
           bytes - sizeof(bytes));
    return 0;
}

#endif
