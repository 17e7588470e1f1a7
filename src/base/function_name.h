/* Names of functions, for reports. */
#ifndef YB_BASE_FUNCTION_NAME_H
#define YB_BASE_FUNCTION_NAME_H

#include <stddef.h>

/* Its symbol where that is exported, else module and offset, for addr2line. */
void yb_function_name(void (*function)(void), char *ret_text, size_t size);

#endif
