/* A page: a URL that a crawl came across, and what became of it. */
#ifndef CRAWL_PAGE_H
#define CRAWL_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"

typedef enum page_outcome {
    PAGE_WAITING, /* not fetched, or not to the end */
    PAGE_FINE,
    PAGE_REDIRECT,  /* to redirect_to, or to elsewhere where that is NULL */
    PAGE_BROKEN,    /* reason says why */
    PAGE_FORBIDDEN, /* by robots.txt */
    PAGE_TOO_LARGE  /* cut off at the limit, not archived */
} page_outcome;

struct page;

/* A link to a page, in the page that holds it. */
struct referrer {
    const struct page *from;
    struct referrer *next;
};

struct page {
    const char *url;            /* in normal form; of a link that is no URL, the link */
    struct host *host;          /* NULL where the link is no URL */
    struct page *next;          /* in its host's queue */
    struct referrer *referrers; /* newest first */
    struct page *redirect_to;
    char *reason;   /* why it is broken, or what is remarkable; NULL: nothing */
    char *type;     /* of its content, NULL: unknown */
    char *location; /* a redirect to elsewhere */
    unsigned depth; /* links from a start URL */
    unsigned hops;  /* redirects before this one */
    int status;     /* HTTP's, 0: no answer */
    page_outcome outcome;
    bool start;         /* a start URL, or where one redirects to */
    uint64_t size;      /* of its content, decoded */
    int64_t elapsed_ns; /* from the request to the last byte */
    struct digest_result digest;
    bool digested;
    char storage[]; /* of the URL */
};

/* A new page, which page_free frees.  NULL: no memory. */
struct page *page_new(const char *url);

/* Notes a link, once a referring page.  Returns false for want of memory. */
bool page_add_referrer(struct page *page, const struct page *from);

/* Sets the outcome, and the reason in printf's way; NULL: none. */
__attribute__((format(printf, 3, 4))) void page_end(struct page *page, page_outcome outcome,
                                                    const char *reason, ...);

void page_free(void *memory);

#endif
