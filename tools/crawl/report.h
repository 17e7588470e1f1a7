/* What a crawl found. */
#ifndef CRAWL_REPORT_H
#define CRAWL_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "archive_file.h"
#include "crawl.h"

struct page_list {
    const struct page **pages; /* by URL, but for slow ones: slowest first */
    size_t count;
};

struct page_group {
    struct page_list pages;
    bool exact; /* the same content, else nearly the same text */
};

struct report {
    const struct crawl *crawl;
    struct page_list by_outcome[PAGE_TOO_LARGE + 1];
    struct page_list slow;
    struct page_list remarks;  /* fine, but with a reason to say something */
    struct page_group *groups; /* of duplicates, then of near-duplicates */
    size_t group_count;
    size_t exact_count; /* of the groups */
};

/* Sorts out what the crawl's frontier holds; slow_ns: from when on a page is slow.  The report
 * points into the crawl.  Returns 0 or -ENOMEM. */
int report_make(struct report *report, const struct crawl *crawl, int64_t slow_ns);

/* For people. */
void report_print(const struct report *report, FILE *file);

/* For programs.  Returns 0 or a negative errno. */
int report_write_json(const struct report *report, FILE *file);

/* The groups of near-duplicates; NULL where there are none. */
const struct page_group *report_near_groups(const struct report *report);

/* "404 Not Found", "timed out after 30 s": why a page is broken. */
const char *report_reason(const struct page *page, char *text, size_t size);

void report_free(struct report *report);

#endif
