/* C++ exceptions that are being handled, which libstdc++ keeps per thread (Itanium C++ ABI 2.2.2).
 *
 * A task suspended inside a catch block leaves its exceptions in that record; another task's
 * `throw;` would rethrow them.  So a context is always entered and left with an empty record: the
 * leaving one keeps its exceptions on its own stack and puts them back when it goes on.  That makes
 * the usual switch, with nothing in flight, a test of two words. */
#ifndef YB_PLATFORM_CXX_EXCEPTIONS_H
#define YB_PLATFORM_CXX_EXCEPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct yb_cxx_globals {
    void *caught;
    uintptr_t uncaught; /* an unsigned int and padding */
} yb_cxx_globals;

/* This thread's record; an empty one of ours where the C++ library is not loaded. */
extern _Thread_local yb_cxx_globals *yb_cxx_globals_here __attribute__((tls_model("initial-exec")));

/* Finds the record of the calling thread. */
void yb_cxx_adopt(void);

/* Whether the running context is inside a catch block, or unwinds. */
static inline bool yb_cxx_handling(void)
{
    const yb_cxx_globals *globals = yb_cxx_globals_here;
    return ((uintptr_t)globals->caught | globals->uncaught) != 0;
}

#endif
