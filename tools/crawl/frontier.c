/* The frontier: every page that a crawl came across, and which to fetch next.
 *
 * A page is added once, by its URL in normal form, and stays until the end: waiting in its host's
 * queue, then being fetched, then ended with an outcome.  Nothing here blocks or suspends; a
 * program with threads puts a lock around it. */
#include "frontier.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "url.h"

static int compare_pages(const void *a, const void *b)
{
    return strcmp(((const struct page *)a)->url, ((const struct page *)b)->url);
}

static struct page *find_page(struct frontier *frontier, const char *url)
{
    struct page wanted = {.url = url};
    struct page *const *found = tfind(&wanted, &frontier->by_url, compare_pages);
    return found ? *found : NULL;
}

static bool make_room(struct frontier *frontier)
{
    if (frontier->count < frontier->capacity)
        return true;
    size_t capacity = frontier->capacity ? 2 * frontier->capacity : 64;
    struct page **pages = reallocarray(frontier->pages, capacity, sizeof(*pages));
    if (!pages)
        return false;
    frontier->pages = pages;
    frontier->capacity = capacity;
    return true;
}

static struct page *new_page(struct frontier *frontier, const char *url)
{
    struct page *created = page_new(url);
    if (created && make_room(frontier) && tsearch(created, &frontier->by_url, compare_pages)) {
        frontier->pages[frontier->count++] = created;
        return created;
    }
    if (created)
        page_free(created);
    frontier->no_memory = true;
    return NULL;
}

/* --- hosts ------------------------------------------------------------------------------------ */

static struct host *new_host(struct frontier *frontier, char *origin)
{
    struct host *created = calloc(1, sizeof(*created));
    if (!created) {
        free(origin);
        return NULL;
    }
    created->origin = origin;
    struct host **end = &frontier->hosts;
    while (*end)
        end = &(*end)->next;
    return *end = created;
}

static struct host *host_of(struct frontier *frontier, const char *url)
{
    char *origin = url_origin(url);
    if (!origin)
        return NULL;
    for (struct host *known = frontier->hosts; known; known = known->next) {
        if (strcmp(known->origin, origin) == 0) {
            free(origin);
            return known;
        }
    }
    return new_host(frontier, origin);
}

static void enqueue(struct frontier *frontier, struct page *page)
{
    struct host *host = page->host;
    if (host->last)
        host->last->next = page;
    else
        host->first = page;
    host->last = page;
    frontier->waiting++;
}

static struct page *dequeue(struct frontier *frontier, struct host *host)
{
    struct page *page = host->first;
    host->first = page->next;
    if (!host->first)
        host->last = NULL;
    page->next = NULL;
    frontier->waiting--;
    return page;
}

/* --- what is visited -------------------------------------------------------------------------- */

static bool stays_on_sites(struct frontier *frontier, const char *url)
{
    char *site = url_site(url);
    bool found = false;
    for (size_t i = 0; site && i < frontier->sites.count && !found; i++)
        found = strcmp(frontier->sites.items[i], site) == 0;
    frontier->no_memory |= !site;
    free(site);
    return found;
}

/* The page of a URL that is on the sites, new ones put in line where the limits let them. */
static struct page *add(struct frontier *frontier, const char *url, unsigned depth, unsigned hops)
{
    struct page *known = find_page(frontier, url);
    if (known)
        return known;
    if (depth > frontier->limits.depth) {
        frontier->too_deep++;
        return NULL;
    }
    if (frontier->count >= frontier->limits.max_pages) {
        frontier->left_out++;
        return NULL;
    }
    struct host *host = host_of(frontier, url);
    struct page *added = host ? new_page(frontier, url) : NULL;
    frontier->no_memory |= !added;
    if (!added)
        return NULL;
    added->host = host;
    added->depth = depth;
    added->hops = hops;
    enqueue(frontier, added);
    return added;
}

struct page *frontier_add_start(struct frontier *frontier, const char *url)
{
    char *site = url_site(url);
    bool fine = site != NULL;
    if (fine && !stays_on_sites(frontier, url))
        fine = string_list_take(&frontier->sites, site);
    else
        free(site);
    frontier->no_memory |= !fine;
    struct page *added = fine ? add(frontier, url, 0, 0) : NULL;
    if (added)
        added->start = true;
    return added;
}

struct page *frontier_add_link(struct frontier *frontier, const char *url, const struct page *from)
{
    if (!stays_on_sites(frontier, url))
        return NULL;
    struct page *linked = add(frontier, url, from->depth + 1, 0);
    if (linked)
        frontier->no_memory |= !page_add_referrer(linked, from);
    return linked;
}

void frontier_add_malformed(struct frontier *frontier, const char *link, const struct page *from)
{
    struct page *linked = find_page(frontier, link);
    if (!linked && frontier->count < frontier->limits.max_pages)
        linked = new_page(frontier, link);
    if (!linked)
        return;
    page_end(linked, PAGE_BROKEN, "not a URL");
    frontier->no_memory |= !page_add_referrer(linked, from);
}

static bool leads_to(const struct page *from, const struct page *to)
{
    while (from && from != to)
        from = from->redirect_to;
    return from == to;
}

void frontier_add_redirect(struct frontier *frontier, struct page *from, const char *url)
{
    if (from->start && from->hops < frontier->limits.redirects) {
        /* A start URL that moved: its new place is where the crawl starts. */
        struct page *target = frontier_add_start(frontier, url);
        if (target && target != from && target->outcome == PAGE_WAITING && target->hops == 0)
            target->hops = from->hops + 1;
    }
    page_end(from, PAGE_REDIRECT, NULL);
    from->location = strdup(url);
    frontier->no_memory |= !from->location;
    if (!stays_on_sites(frontier, url))
        return;
    if (from->hops >= frontier->limits.redirects) {
        page_end(from, PAGE_BROKEN, "more than %u redirects", frontier->limits.redirects);
        return;
    }
    struct page *target = add(frontier, url, from->depth, from->hops + 1);
    if (!target)
        return;
    if (leads_to(target, from)) {
        page_end(from, PAGE_BROKEN, "redirect loop");
        return;
    }
    from->redirect_to = target;
    frontier->no_memory |= !page_add_referrer(target, from);
}

/* --- what is next ----------------------------------------------------------------------------- */

struct host *frontier_next_host(struct frontier *frontier)
{
    for (struct host *host = frontier->hosts; host; host = host->next) {
        if (host->robots_state == ROBOTS_UNKNOWN && host->first) {
            host->robots_state = ROBOTS_ASKED;
            host->active++;
            return host;
        }
    }
    return NULL;
}

struct page *frontier_next_page(struct frontier *frontier)
{
    struct host *start = frontier->turn ? frontier->turn : frontier->hosts;
    struct host *host = start;
    if (!host)
        return NULL;
    do {
        struct host *next = host->next ? host->next : frontier->hosts;
        if (host->first && host->robots_state == ROBOTS_KNOWN &&
            host->active < frontier->limits.per_host) {
            frontier->turn = next;
            host->active++;
            return dequeue(frontier, host);
        }
        host = next;
    } while (host != start);
    return NULL;
}

void frontier_fetched(struct host *host)
{
    host->active--;
}

bool frontier_allows(struct page *page)
{
    const struct host *host = page->host;
    if (host->robots_failure) {
        page_end(page, host->unreachable ? PAGE_BROKEN : PAGE_FORBIDDEN, "%s",
                 host->robots_failure);
        return false;
    }
    if (!host->robots || robots_allow(host->robots, url_path(page->url)))
        return true;
    page_end(page, PAGE_FORBIDDEN, "robots.txt forbids it");
    return false;
}

static void keep(void *node)
{
    (void)node;
}

void frontier_free(struct frontier *frontier)
{
    tdestroy(frontier->by_url, keep);
    for (size_t i = 0; i < frontier->count; i++)
        page_free(frontier->pages[i]);
    free(frontier->pages);
    while (frontier->hosts) {
        struct host *next = frontier->hosts->next;
        robots_free(frontier->hosts->robots);
        free(frontier->hosts->robots_failure);
        free(frontier->hosts->origin);
        free(frontier->hosts);
        frontier->hosts = next;
    }
    string_list_free(&frontier->sites);
}
