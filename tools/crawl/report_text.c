/* The report for people. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <yibu/error.h>

#include "progress.h"
#include "report.h"

#define MAX_SHOWN 20 /* of a section; --json has them all */
#define MAX_GROUP 5
#define MAX_REFERRERS 3

/* Text from elsewhere, without what would speak to the terminal. */
static void print_text(FILE *file, const char *text)
{
    for (; *text; text++)
        putc(iscntrl((unsigned char)*text) ? '?' : *text, file);
}

static void print_url(FILE *file, const char *before, const char *url)
{
    fputs(before, file);
    print_text(file, url);
    putc('\n', file);
}

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* Ends a section. */
static void print_rest(FILE *file, size_t count)
{
    if (count > MAX_SHOWN)
        fprintf(file, "  … and %zu more; --json lists them all\n", count - MAX_SHOWN);
    putc('\n', file);
}

static void print_referrers(FILE *file, const struct page *page)
{
    size_t shown = 0;
    size_t count = 0;
    for (const struct referrer *link = page->referrers; link; link = link->next) {
        count++;
        if (shown >= MAX_REFERRERS)
            continue;
        shown++;
        print_url(file, link->from->redirect_to == page ? "      redirected from " : "      in ",
                  link->from->url);
    }
    if (count > shown)
        fprintf(file, "      and in %zu more\n", count - shown);
}

static void print_broken(FILE *file, const struct page_list *list)
{
    char reason[64];
    if (list->count == 0)
        return;
    fprintf(file, "Broken links: %zu\n", list->count);
    for (size_t i = 0; i < list->count && i < MAX_SHOWN; i++) {
        const struct page *page = list->pages[i];
        fputs("  ", file);
        print_text(file, page->url);
        print_url(file, ": ", report_reason(page, reason, sizeof(reason)));
        print_referrers(file, page);
    }
    print_rest(file, list->count);
}

static void print_groups(FILE *file, const char *title, const struct page_group *groups,
                         size_t count)
{
    if (count == 0)
        return;
    fprintf(file, "%s: %zu group%s\n", title, count, plural(count));
    for (size_t i = 0; i < count && i < MAX_SHOWN; i++) {
        const struct page_list *list = &groups[i].pages;
        for (size_t j = 0; j < list->count && j < MAX_GROUP; j++)
            print_url(file, j == 0 ? "  " : "    = ", list->pages[j]->url);
        if (list->count > MAX_GROUP)
            fprintf(file, "    = … %zu more\n", list->count - MAX_GROUP);
    }
    print_rest(file, count);
}

static void print_slow(FILE *file, const struct page_list *list)
{
    if (list->count == 0)
        return;
    fprintf(file, "Slow pages: %zu\n", list->count);
    for (size_t i = 0; i < list->count && i < MAX_SHOWN; i++) {
        fprintf(file, "  %6.2f s  ", (double)list->pages[i]->elapsed_ns / 1e9);
        print_url(file, "", list->pages[i]->url);
    }
    print_rest(file, list->count);
}

/* Pages with what is to be said of each; fallback where a page says nothing itself. */
static void print_pages(FILE *file, const char *title, const struct page_list *list,
                        const char *fallback)
{
    if (list->count == 0)
        return;
    fprintf(file, "%s: %zu\n", title, list->count);
    for (size_t i = 0; i < list->count && i < MAX_SHOWN; i++) {
        const struct page *page = list->pages[i];
        fputs("  ", file);
        print_text(file, page->url);
        print_url(file, ": ", page->reason ? page->reason : fallback);
    }
    print_rest(file, list->count);
}

static void print_archive(FILE *file, const struct archive_file *archive)
{
    char written[32];
    char content[32];
    fprintf(file, "Archive: %s, %llu pages, %s (%s before compression)\n", archive->path,
            (unsigned long long)archive->written_entries,
            progress_size(written, sizeof(written), (double)archive->written_bytes),
            progress_size(content, sizeof(content), (double)archive->content_bytes));
    if (archive->error < 0)
        fprintf(file, "  It is not complete: %s.\n", yibu_strerror(archive->error));
}

static void print_limits(FILE *file, const struct report *report)
{
    const struct crawl *crawl = report->crawl;
    const struct frontier *frontier = &crawl->frontier;
    if (crawl->totals.interrupted)
        fprintf(file, "Interrupted: %zu known page%s not visited.\n",
                report->by_outcome[PAGE_WAITING].count,
                report->by_outcome[PAGE_WAITING].count == 1 ? " was" : "s were");
    if (frontier->no_memory)
        fputs("Not complete: there was not enough memory.\n", file);
    if (frontier->left_out > 0)
        fprintf(file, "There are more pages than --max-pages %zu: %zu link%s not followed.\n",
                frontier->limits.max_pages, frontier->left_out,
                frontier->left_out == 1 ? " was" : "s were");
    if (frontier->too_deep > 0)
        fprintf(file, "There are deeper pages than --depth %u: %zu link%s not followed.\n",
                frontier->limits.depth, frontier->too_deep,
                frontier->too_deep == 1 ? " was" : "s were");
}

static void print_totals(FILE *file, const struct report *report)
{
    const struct crawl_totals *totals = &report->crawl->totals;
    char size[32];
    double seconds = (double)totals->elapsed_ns / 1e9;
    size_t visited = report->crawl->frontier.count - report->by_outcome[PAGE_WAITING].count;
    fprintf(file, "%zu page%s in %.2f s (%.0f/s), %s: %zu fine, %zu redirect%s, %zu broken\n",
            visited, plural(visited), seconds, seconds > 0 ? (double)visited / seconds : 0.0,
            progress_size(size, sizeof(size), (double)totals->bytes),
            report->by_outcome[PAGE_FINE].count, report->by_outcome[PAGE_REDIRECT].count,
            plural(report->by_outcome[PAGE_REDIRECT].count), report->by_outcome[PAGE_BROKEN].count);
}

/* The totals come last, where a terminal shows them. */
void report_print(const struct report *report, FILE *file)
{
    print_pages(file, "Remarks", &report->remarks, "");
    print_pages(file, "Not visited", &report->by_outcome[PAGE_FORBIDDEN], "");
    print_pages(file, "Cut off", &report->by_outcome[PAGE_TOO_LARGE], "larger than --max-body");
    print_slow(file, &report->slow);
    print_groups(file, "Near-duplicates", report_near_groups(report),
                 report->group_count - report->exact_count);
    print_groups(file, "Duplicates", report->groups, report->exact_count);
    print_broken(file, &report->by_outcome[PAGE_BROKEN]);
    print_totals(file, report);
    if (report->crawl->archive)
        print_archive(file, report->crawl->archive);
    print_limits(file, report);
}
