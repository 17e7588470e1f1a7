/* Keeps a zygote from running the program's main.
 *
 * The C library's __libc_start_main runs constructors and then the main that it was given.  This
 * one stands before it: in the dynamic linker's search order where Yibu is a shared library, in the
 * program itself where it is static.  It gives the real one another main in a zygote.
 *
 * A program that its linker did not lead here, because only a library of it uses Yibu, notices:
 * `led` stays false, and it must not be run a second time.  A program without a dynamic linker has
 * libc's own __libc_start_main, and a constructor takes over instead; the linker puts it behind
 * those of the program. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <sys/auxv.h>

#include "base/assert.h"
#include "proc/zygote.h"

typedef int start_main(int (*main)(int, char **, char **), int argc, char **argv,
                       void (*init)(void), void (*fini)(void), void (*rtld_fini)(void),
                       void *stack_end);

extern start_main __libc_start_main;

static bool led;

static bool linked_statically(void)
{
    return getauxval(AT_BASE) == 0;
}

bool yb_zygote_possible(void)
{
    return led || linked_statically();
}

__attribute__((constructor)) static void take_over(void)
{
    if (linked_statically() && yb_zygote_called())
        yb_zygote_main(0, NULL, NULL);
}

/* Weak, so that a program linked with libc.a takes libc's. */
__attribute__((weak, visibility("default"))) int __libc_start_main(
    int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
    void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    start_main *real;
    *(void **)&real = dlsym(RTLD_NEXT, "__libc_start_main");
    if (!real)
        yb_abort("the C library has no __libc_start_main");
    led = true;
    return real(yb_zygote_called() ? yb_zygote_main : main, argc, argv, init, fini, rtld_fini,
                stack_end);
}
