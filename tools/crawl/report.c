/* What a crawl found: its pages sorted by what became of them, and those that are alike. */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "groups.h"

/* --- lists ------------------------------------------------------------------------------------ */

typedef bool filter(const struct page *page, int64_t argument);

static int by_url(const void *a, const void *b)
{
    const struct page *const *left = a;
    const struct page *const *right = b;
    return strcmp((*left)->url, (*right)->url);
}

static int by_time(const void *a, const void *b)
{
    const struct page *const *left = a;
    const struct page *const *right = b;
    int64_t difference = (*right)->elapsed_ns - (*left)->elapsed_ns;
    return (difference > 0) - (difference < 0);
}

static bool has_outcome(const struct page *page, int64_t outcome)
{
    return page->outcome == (page_outcome)outcome;
}

static bool is_slow(const struct page *page, int64_t slow_ns)
{
    return page->status > 0 && page->elapsed_ns >= slow_ns;
}

static bool has_remark(const struct page *page, int64_t unused)
{
    (void)unused;
    return page->outcome == PAGE_FINE && page->reason;
}

static int select_pages(const struct frontier *frontier, filter *wanted, int64_t argument,
                        struct page_list *ret_list)
{
    struct page_list list = {0};
    list.pages = calloc(frontier->count + 1, sizeof(*list.pages));
    if (!list.pages)
        return -ENOMEM;
    for (size_t i = 0; i < frontier->count; i++)
        if (wanted(frontier->pages[i], argument))
            list.pages[list.count++] = frontier->pages[i];
    qsort(list.pages, list.count, sizeof(*list.pages), by_url);
    *ret_list = list;
    return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int sort_out(struct report *report, const struct frontier *frontier, int64_t slow_ns)
{
    int error = 0;
    for (int outcome = 0; outcome <= PAGE_TOO_LARGE && error == 0; outcome++)
        error = select_pages(frontier, has_outcome, outcome, &report->by_outcome[outcome]);
    if (error == 0)
        error = select_pages(frontier, has_remark, 0, &report->remarks);
    if (error == 0)
        error = select_pages(frontier, is_slow, slow_ns, &report->slow);
    if (error == 0)
        qsort(report->slow.pages, report->slow.count, sizeof(*report->slow.pages), by_time);
    return error;
}

int report_make(struct report *report, const struct crawl *crawl, int64_t slow_ns)
{
    *report = (struct report){.crawl = crawl};
    int error = sort_out(report, &crawl->frontier, slow_ns);
    if (error == 0)
        error = groups_find(report);
    if (error < 0)
        report_free(report);
    return error;
}

const struct page_group *report_near_groups(const struct report *report)
{
    return report->group_count > report->exact_count ? report->groups + report->exact_count : NULL;
}

static const char *phrase(int status)
{
    switch (status) {
    case 400:
        return " Bad Request";
    case 401:
        return " Unauthorized";
    case 403:
        return " Forbidden";
    case 404:
        return " Not Found";
    case 405:
        return " Method Not Allowed";
    case 410:
        return " Gone";
    case 429:
        return " Too Many Requests";
    case 500:
        return " Internal Server Error";
    case 502:
        return " Bad Gateway";
    case 503:
        return " Service Unavailable";
    case 504:
        return " Gateway Timeout";
    default:
        return "";
    }
}

const char *report_reason(const struct page *page, char *text, size_t size)
{
    if (page->reason)
        return page->reason;
    snprintf(text, size, "%d%s", page->status, phrase(page->status));
    return text;
}

void report_free(struct report *report)
{
    for (int outcome = 0; outcome <= PAGE_TOO_LARGE; outcome++)
        free(report->by_outcome[outcome].pages);
    free(report->slow.pages);
    free(report->remarks.pages);
    for (size_t i = 0; i < report->group_count; i++)
        free(report->groups[i].pages.pages);
    free(report->groups);
    *report = (struct report){0};
}
