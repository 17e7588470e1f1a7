/* The frontier: every page that a crawl came across, and which to fetch next. */
#ifndef CRAWL_FRONTIER_H
#define CRAWL_FRONTIER_H

#include "page.h"
#include "robots.h"
#include "string_list.h"

typedef enum robots_state { ROBOTS_UNKNOWN, ROBOTS_ASKED, ROBOTS_KNOWN } robots_state;

/* A server: scheme, name and port. */
struct host {
    char *origin;
    struct host *next;  /* in the order in which they were found */
    struct page *first; /* its pages that wait */
    struct page *last;
    unsigned active; /* its pages that are being fetched */
    robots_state robots_state;
    struct robots *robots; /* NULL: everything is allowed, but where robots_failure says */
    char *robots_failure;  /* why robots.txt could not be read: then nothing is allowed */
    bool unreachable;      /* no answer at all, so its pages are broken rather than forbidden */
};

struct frontier_limits {
    unsigned depth; /* links from a start URL */
    size_t max_pages;
    unsigned per_host;  /* pages fetched at once from one server */
    unsigned redirects; /* one after another */
};

struct frontier {
    struct frontier_limits limits;
    struct page **pages; /* in the order in which they were found */
    size_t count;
    size_t capacity;
    void *by_url; /* a tree of tsearch(3) */
    struct host *hosts;
    struct host *turn;        /* whose turn it is to give the next page */
    struct string_list sites; /* that the crawl stays on */
    size_t waiting;           /* pages */
    size_t left_out;          /* links not followed because of max_pages */
    size_t too_deep;          /* links not followed because of depth */
    bool no_memory;           /* something was lost */
};

/* A start URL in normal form: its site is crawled from now on. */
struct page *frontier_add_start(struct frontier *frontier, const char *url);

/* A link found in a page.  Returns the page, or NULL where it is not to be visited. */
struct page *frontier_add_link(struct frontier *frontier, const char *url, const struct page *from);

/* A link that is no URL: a page that is broken. */
void frontier_add_malformed(struct frontier *frontier, const char *link, const struct page *from);

/* What a page redirects to.  Ends the page: as a redirect, or broken where redirects lead nowhere.
 */
void frontier_add_redirect(struct frontier *frontier, struct page *from, const char *url);

/* A server with pages that wait, whose robots.txt nobody has asked for; then it is asked for. */
struct host *frontier_next_host(struct frontier *frontier);

/* The next page to fetch: servers in turn, pages in the order in which they were found.  NULL:
 * none may start now. */
struct page *frontier_next_page(struct frontier *frontier);

/* The page, or the robots.txt, was fetched: another may start. */
void frontier_fetched(struct host *host);

/* Whether robots.txt lets the page be visited.  Ends the page where not. */
bool frontier_allows(struct page *page);

void frontier_free(struct frontier *frontier);

#endif
