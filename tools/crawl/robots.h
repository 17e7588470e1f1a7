/* robots.txt (RFC 9309): which paths of a site a crawler may visit. */
#ifndef CRAWL_ROBOTS_H
#define CRAWL_ROBOTS_H

#include <stdbool.h>
#include <stddef.h>

/* No more of a file is read (RFC 9309, section 2.5). */
#define ROBOTS_MAX_BYTES ((size_t)500 * 1024)

struct robots;

/* The rules that a file has for the crawler of that product token.  NULL: no memory. */
struct robots *robots_parse(const char *text, size_t size, const char *token);

/* Whether the path, its query included, may be visited. */
bool robots_allow(const struct robots *rules, const char *path);

void robots_free(struct robots *rules);

#endif
