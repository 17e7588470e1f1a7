/* Which registered memory a buffer lies in. */
#ifndef YB_IO_FILE_MEMORY_H
#define YB_IO_FILE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* As yb_file_call.memory: 0 where it lies in none of the current loop's. */
uint16_t yb_file_memory_find(const void *buffer, size_t size);

#endif
