/* What a crawler wants of an HTML page: its links and its text. */
#ifndef CRAWL_HTML_H
#define CRAWL_HTML_H

#include <stddef.h>

#include "string_list.h"
#include <yibu/process_pool.h>

/* No more links of one page are followed. */
#define HTML_MAX_LINKS 20000

struct html_page {
    struct string_list links;     /* absolute, in normal form, without those to other schemes */
    struct string_list malformed; /* links that are no URLs, as written */
    yibu_buffer text;             /* what a reader sees, UTF-8 */
};

/* Parses a page found at url.  Context: any thread.
 * Returns 0; -ENOMEM; or -E2BIG where the page takes more memory or time than a page may: then it
 * has no links and no text. */
int html_parse(const char *source, size_t size, const char *url, struct html_page *ret_page);

void html_page_free(struct html_page *page);

#endif
