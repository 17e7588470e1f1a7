/* Finds libstdc++'s record of exceptions.  The symbol is weak: a program without C++ has none, and
 * a C++ library that is loaded with dlopen after this one is not seen. */
#include "platform/cxx_exceptions.h"

#include <stddef.h>

extern void *__cxa_get_globals(void) __attribute__((weak));

static yb_cxx_globals none;

_Thread_local yb_cxx_globals *yb_cxx_globals_here = &none;

void yb_cxx_adopt(void)
{
    if (__cxa_get_globals)
        yb_cxx_globals_here = __cxa_get_globals();
}
