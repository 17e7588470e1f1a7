/* What a response means: for a page, and for a server whose robots.txt it is. */
#ifndef CRAWL_JUDGE_H
#define CRAWL_JUDGE_H

#include "fetch.h"
#include "frontier.h"

/* The name that robots.txt knows us by. */
#define JUDGE_TOKEN "yibu-crawl"

/* The URL of a server's robots.txt.  NULL: no memory.  The caller frees it. */
char *judge_robots_url(const struct host *host);

/* Takes in what robots.txt answered (RFC 9309, section 2.3.1). */
void judge_robots(struct host *host, struct response *response);

/* Takes in what a page answered, and ends it.  Returns whether its content is worth examining. */
bool judge_page(struct frontier *frontier, struct page *page, struct response *response);

/* Whether a response leads elsewhere. */
bool judge_is_redirect(const struct response *response);

#endif
