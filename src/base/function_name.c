/* What the dynamic linker knows of an address. */
#include "base/function_name.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void yb_function_name(void (*function)(void), char *ret_text, size_t size)
{
    Dl_info info;
    void *address;
    memcpy(&address, &function, sizeof(address));
    if (!dladdr(address, &info)) {
        (void)snprintf(ret_text, size, "%p", address);
        return;
    }
    const char *slash = strrchr(info.dli_fname, '/');
    if (info.dli_sname && info.dli_saddr == address)
        (void)snprintf(ret_text, size, "%s", info.dli_sname);
    else
        (void)snprintf(ret_text, size, "%s+0x%zx", slash ? slash + 1 : info.dli_fname,
                       (size_t)((char *)address - (char *)info.dli_fbase));
}
