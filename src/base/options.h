/* Structs of the caller's that begin with their own size, so that a program and a library of
 * different versions understand each other: options, which come in, and reports, which go out. */
#ifndef YB_BASE_OPTIONS_H
#define YB_BASE_OPTIONS_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

static inline size_t yb_options_shared_bytes(const void *theirs, size_t ours_bytes)
{
    size_t theirs_bytes;
    memcpy(&theirs_bytes, theirs, sizeof(theirs_bytes));
    return theirs_bytes < ours_bytes ? theirs_bytes : ours_bytes;
}

/* Copies what the caller's version knew, the rest becomes zero; all of it for NULL.
 * Returns 0, or -EINVAL where the size is not even its own. */
static inline int yb_options_take(void *ret_ours, size_t ours_bytes, const void *theirs)
{
    memset(ret_ours, 0, ours_bytes);
    if (!theirs)
        return 0;
    size_t bytes = yb_options_shared_bytes(theirs, ours_bytes);
    if (bytes < sizeof(size_t))
        return -EINVAL;
    memcpy(ret_ours, theirs, bytes);
    return 0;
}

/* Copies to the caller what its version knows, but for the size, which stays.  The caller's size
 * was checked when it came in. */
static inline void yb_options_give(void *ret_theirs, const void *ours, size_t ours_bytes)
{
    size_t bytes = yb_options_shared_bytes(ret_theirs, ours_bytes);
    if (bytes > sizeof(size_t))
        memcpy((char *)ret_theirs + sizeof(size_t), (const char *)ours + sizeof(size_t),
               bytes - sizeof(size_t));
}

#endif
