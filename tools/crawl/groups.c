/* Pages that are alike: with the same SHA-256, or with fingerprints that differ in few bits.
 *
 * Two fingerprints that differ in at most three of 64 bits agree in at least one of four bands of
 * 16.  So for each band the pages are sorted by it, and compared within a run of equal bands, each
 * with the next WINDOW: enough for groups, whose members are joined by any chain of neighbours. */
#include "groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fingerprint.h"

#define BANDS 4
#define BAND_BITS 16
#define WINDOW 64

_Static_assert(FINGERPRINT_NEAR_BITS < BANDS, "one band of two near fingerprints agrees");

/* A page, or several with the same content, of which the first stands for all. */
struct candidate {
    const struct page *page;
    struct candidate *leader; /* of its group: follows to itself */
    struct candidate *next;   /* in its group, from the leader on */
    struct candidate *last;   /* of the group, in the leader */
};

static int by_content(const void *a, const void *b)
{
    const struct page *const *left = a;
    const struct page *const *right = b;
    int order = memcmp((*left)->digest.sha256, (*right)->digest.sha256, DIGEST_SHA256_BYTES);
    return order ? order : strcmp((*left)->url, (*right)->url);
}

static int by_url(const void *a, const void *b)
{
    const struct page *const *left = a;
    const struct page *const *right = b;
    return strcmp((*left)->url, (*right)->url);
}

static int by_first_url(const void *a, const void *b)
{
    const struct page_group *left = a;
    const struct page_group *right = b;
    return strcmp(left->pages.pages[0]->url, right->pages.pages[0]->url);
}

static bool same_content(const struct page *a, const struct page *b)
{
    return memcmp(a->digest.sha256, b->digest.sha256, DIGEST_SHA256_BYTES) == 0;
}

static int add_group(struct report *report, const struct page **pages, size_t count, bool exact)
{
    struct page_group *groups =
        reallocarray(report->groups, report->group_count + 1, sizeof(*groups));
    if (!groups)
        return -ENOMEM;
    report->groups = groups;
    const struct page **copy = calloc(count, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    memcpy(copy, pages, count * sizeof(*copy));
    qsort(copy, count, sizeof(*copy), by_url);
    groups[report->group_count++] = (struct page_group){{copy, count}, exact};
    return 0;
}

/* --- the same content ------------------------------------------------------------------------- */

/* pages are sorted by content.  Empty ones are all the same and mean nothing. */
static int find_exact(struct report *report, const struct page **pages, size_t count)
{
    int error = 0;
    for (size_t first = 0, end; first < count && error == 0; first = end) {
        end = first + 1;
        while (end < count && same_content(pages[first], pages[end]))
            end++;
        if (end - first > 1 && pages[first]->size > 0)
            error = add_group(report, pages + first, end - first, true);
    }
    return error;
}

/* --- nearly the same text --------------------------------------------------------------------- */

static unsigned band(uint64_t print, unsigned number)
{
    return (unsigned)(print >> (number * BAND_BITS)) & ((1u << BAND_BITS) - 1);
}

/* Rotated, so that the band is what is compared first. */
static int by_band(const void *a, const void *b, void *number)
{
    const struct candidate *const *left = a;
    const struct candidate *const *right = b;
    unsigned shift = (BANDS - 1 - *(unsigned *)number) * BAND_BITS;
    uint64_t x = (*left)->page->digest.fingerprint;
    uint64_t y = (*right)->page->digest.fingerprint;
    x = shift ? x << shift | x >> (64 - shift) : x;
    y = shift ? y << shift | y >> (64 - shift) : y;
    return x != y ? (x > y) - (x < y) : strcmp((*left)->page->url, (*right)->page->url);
}

static struct candidate *leader_of(struct candidate *candidate)
{
    while (candidate->leader != candidate)
        candidate = candidate->leader = candidate->leader->leader;
    return candidate;
}

static void join(struct candidate *a, struct candidate *b)
{
    a = leader_of(a);
    b = leader_of(b);
    if (a == b)
        return;
    b->leader = a;
    a->last->next = b;
    a->last = b->last;
}

static void join_neighbours(struct candidate **sorted, size_t count, unsigned number)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t print = sorted[i]->page->digest.fingerprint;
        for (size_t j = i + 1; j < count && j <= i + WINDOW; j++) {
            uint64_t other = sorted[j]->page->digest.fingerprint;
            if (band(print, number) != band(other, number))
                break;
            if (fingerprint_distance(print, other) <= FINGERPRINT_NEAR_BITS)
                join(sorted[i], sorted[j]);
        }
    }
}

static int add_joined(struct report *report, struct candidate *candidates, size_t count)
{
    const struct page **pages = calloc(count + 1, sizeof(*pages));
    int error = pages ? 0 : -ENOMEM;
    for (size_t i = 0; i < count && error == 0; i++) {
        struct candidate *member = &candidates[i];
        size_t members = 0;
        if (member->leader != member || !member->next)
            continue;
        for (; member; member = member->next)
            pages[members++] = member->page;
        error = add_group(report, pages, members, false);
    }
    free(pages);
    return error;
}

/* One candidate for each content that has a fingerprint; pages are sorted by content. */
static size_t pick_candidates(const struct page **pages, size_t count, struct candidate *candidates,
                              struct candidate **sorted)
{
    size_t picked = 0;
    for (size_t i = 0; i < count; i++) {
        if (pages[i]->digest.fingerprint == 0 || (i > 0 && same_content(pages[i - 1], pages[i])))
            continue;
        struct candidate *candidate = &candidates[picked];
        *candidate = (struct candidate){pages[i], candidate, NULL, candidate};
        sorted[picked++] = candidate;
    }
    return picked;
}

static int find_near(struct report *report, const struct page **pages, size_t count)
{
    struct candidate *candidates = calloc(count + 1, sizeof(*candidates));
    struct candidate **sorted = calloc(count + 1, sizeof(struct candidate *));
    int error = candidates && sorted ? 0 : -ENOMEM;
    if (error == 0) {
        size_t picked = pick_candidates(pages, count, candidates, sorted);
        for (unsigned number = 0; number < BANDS; number++) {
            qsort_r(sorted, picked, sizeof(*sorted), by_band, &number);
            join_neighbours(sorted, picked, number);
        }
        error = add_joined(report, candidates, picked);
    }
    free(candidates);
    free(sorted);
    return error;
}

/* --- both ------------------------------------------------------------------------------------- */

static size_t digested_pages(const struct frontier *frontier, const struct page **pages)
{
    size_t count = 0;
    for (size_t i = 0; i < frontier->count; i++)
        if (frontier->pages[i]->digested)
            pages[count++] = frontier->pages[i];
    qsort(pages, count, sizeof(*pages), by_content);
    return count;
}

static void sort_groups(struct page_group *groups, size_t count)
{
    if (count > 0)
        qsort(groups, count, sizeof(*groups), by_first_url);
}

int groups_find(struct report *report)
{
    const struct frontier *frontier = &report->crawl->frontier;
    const struct page **pages = calloc(frontier->count + 1, sizeof(*pages));
    if (!pages)
        return -ENOMEM;
    size_t count = digested_pages(frontier, pages);
    int error = find_exact(report, pages, count);
    report->exact_count = report->group_count;
    if (error == 0)
        error = find_near(report, pages, count);
    free(pages);
    sort_groups(report->groups, report->exact_count);
    sort_groups(report->groups + report->exact_count, report->group_count - report->exact_count);
    return error;
}
