/* Valgrind 3.19 maps the main thread's stack as it grows, and sometimes cannot while it delivers a
 * signal there ("Can't extend stack").  So the stack has grown before a test begins. */
#include <stddef.h>

enum { GROWN_BYTES = 512 * 1024, PAGE_BYTES = 4096 };

__attribute__((constructor)) static void grow_the_stack(void)
{
    volatile char pages[GROWN_BYTES];
    for (size_t i = sizeof(pages); i > 0; i -= PAGE_BYTES)
        pages[i - 1] = 0;
}
