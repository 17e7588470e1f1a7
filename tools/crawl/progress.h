/* The line on the terminal while a crawl runs. */
#ifndef CRAWL_PROGRESS_H
#define CRAWL_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* A coroutine that writes the line of a crawl, its argument, to standard error until it is
 * cancelled, and then erases it. */
intptr_t progress_run(void *arg);

/* "12.3 MiB"; text has room for 32 characters. */
const char *progress_size(char *text, size_t size, double bytes);

#endif
