/* The crawl as a program without an event loop does it: everything in line, on threads. */
#ifndef DEMO_BLOCKING_H
#define DEMO_BLOCKING_H

#include "crawl.h"

/* Crawls with so many threads, each of which fetches a page, parses it, digests it, and takes the
 * next.  ret_longest_ns: the most CPU time that one used between two fetches.
 * Returns 0 or a negative errno. */
int blocking_crawl(struct crawl *crawl, const char *start, unsigned threads,
                   int64_t *ret_longest_ns);

#endif
