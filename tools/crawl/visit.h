/* What happens to one page, from its fetch to its digest. */
#ifndef CRAWL_VISIT_H
#define CRAWL_VISIT_H

#include "crawl.h"

/* A task that visits a page, or reads the robots.txt of a server. */
struct visit {
    struct crawl *crawl;
    struct page *page; /* NULL: the visit reads host's robots.txt */
    struct host *host;
    yibu_task *task;
    struct visit *next;  /* among the crawl's */
    struct visit **link; /* what points to it */
};

/* Both end early, without an outcome, when their task is cancelled. */
void visit_page(struct visit *visit);
void visit_robots(struct visit *visit);

/* Lets visits start that may: called when a page was found or a place became free. */
void crawl_start_visits(struct crawl *crawl);

#endif
