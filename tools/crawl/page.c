/* A page: a URL that a crawl came across, and what became of it. */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct page *page_new(const char *url)
{
    size_t size = strlen(url) + 1;
    struct page *created = calloc(1, sizeof(*created) + size);
    if (!created)
        return NULL;
    memcpy(created->storage, url, size);
    created->url = created->storage;
    return created;
}

bool page_add_referrer(struct page *page, const struct page *from)
{
    if (!from || (page->referrers && page->referrers->from == from))
        return true;
    struct referrer *added = malloc(sizeof(*added));
    if (!added)
        return false;
    *added = (struct referrer){from, page->referrers};
    page->referrers = added;
    return true;
}

void page_end(struct page *page, page_outcome outcome, const char *reason, ...)
{
    va_list arguments;
    free(page->reason);
    page->reason = NULL;
    page->outcome = outcome;
    if (!reason)
        return;
    va_start(arguments, reason);
    if (vasprintf(&page->reason, reason, arguments) < 0)
        page->reason = NULL;
    va_end(arguments);
}

void page_free(void *memory)
{
    struct page *page = memory;
    while (page->referrers) {
        struct referrer *next = page->referrers->next;
        free(page->referrers);
        page->referrers = next;
    }
    free(page->reason);
    free(page->type);
    free(page->location);
    free(page);
}
