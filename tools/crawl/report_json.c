/* The report for programs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <yibu/error.h>

#include "report.h"

static const char *const outcome_names[] = {
    [PAGE_WAITING] = "not_visited", [PAGE_FINE] = "fine",           [PAGE_REDIRECT] = "redirect",
    [PAGE_BROKEN] = "broken",       [PAGE_FORBIDDEN] = "forbidden", [PAGE_TOO_LARGE] = "cut_off",
};

/* Octets that are not UTF-8 become "?". */
static json_t *text(const char *string)
{
    if (!string)
        return json_null();
    json_t *value = json_string(string);
    if (value)
        return value;
    char *copy = strdup(string);
    for (char *at = copy; copy && *at; at++)
        if (*at & 0x80)
            *at = '?';
    value = copy ? json_string(copy) : NULL;
    free(copy);
    return value;
}

static json_t *hexadecimal(const uint8_t *bytes, size_t size)
{
    char digits[2 * DIGEST_SHA256_BYTES + 1] = "";
    for (size_t i = 0; i < size; i++)
        snprintf(digits + 2 * i, 3, "%02x", bytes[i]);
    return json_string(digits);
}

static json_t *fingerprint(uint64_t print)
{
    char digits[17];
    snprintf(digits, sizeof(digits), "%016llx", (unsigned long long)print);
    return print ? json_string(digits) : json_null();
}

static json_t *integer(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *seconds(int64_t ns)
{
    return json_real((double)ns / 1e9);
}

static json_t *referrers(const struct page *page)
{
    json_t *list = json_array();
    for (const struct referrer *link = page->referrers; link; link = link->next)
        json_array_insert_new(list, 0, text(link->from->url));
    return list;
}

static json_t *urls(const struct page_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, text(list->pages[i]->url));
    return array;
}

static json_t *reason(const struct page *page)
{
    char buffer[64];
    bool said = page->outcome == PAGE_BROKEN || page->reason;
    return text(said ? report_reason(page, buffer, sizeof(buffer)) : NULL);
}

static json_t *describe_page(const struct page *page)
{
    json_t *object = json_object();
    json_object_set_new(object, "url", text(page->url));
    json_object_set_new(object, "outcome", text(outcome_names[page->outcome]));
    json_object_set_new(object, "status", page->status ? json_integer(page->status) : json_null());
    json_object_set_new(object, "reason", reason(page));
    json_object_set_new(object, "location", text(page->location));
    json_object_set_new(object, "type", text(page->type));
    json_object_set_new(object, "depth", json_integer(page->depth));
    json_object_set_new(object, "bytes", integer(page->size));
    json_object_set_new(object, "seconds", seconds(page->elapsed_ns));
    json_object_set_new(object, "sha256",
                        page->digested ? hexadecimal(page->digest.sha256, DIGEST_SHA256_BYTES)
                                       : json_null());
    json_object_set_new(object, "fingerprint",
                        fingerprint(page->digested ? page->digest.fingerprint : 0));
    return object;
}

static json_t *describe_pages(const struct frontier *frontier)
{
    json_t *array = json_array();
    for (size_t i = 0; i < frontier->count; i++)
        json_array_append_new(array, describe_page(frontier->pages[i]));
    return array;
}

static json_t *describe_broken(const struct page_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        const struct page *page = list->pages[i];
        json_t *object = json_object();
        json_object_set_new(object, "url", text(page->url));
        json_object_set_new(object, "status",
                            page->status ? json_integer(page->status) : json_null());
        json_object_set_new(object, "reason", reason(page));
        json_object_set_new(object, "referrers", referrers(page));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *describe_groups(const struct page_group *groups, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, urls(&groups[i].pages));
    return array;
}

static json_t *describe_totals(const struct report *report)
{
    const struct crawl *crawl = report->crawl;
    json_t *object = json_object();
    for (int outcome = 0; outcome <= PAGE_TOO_LARGE; outcome++)
        json_object_set_new(object, outcome_names[outcome],
                            integer(report->by_outcome[outcome].count));
    json_object_set_new(object, "bytes", integer(crawl->totals.bytes));
    json_object_set_new(object, "seconds", seconds(crawl->totals.elapsed_ns));
    json_object_set_new(object, "links_beyond_max_pages", integer(crawl->frontier.left_out));
    json_object_set_new(object, "links_beyond_depth", integer(crawl->frontier.too_deep));
    return object;
}

static json_t *describe_archive(const struct archive_file *archive)
{
    if (!archive)
        return json_null();
    json_t *object = json_object();
    json_object_set_new(object, "file", text(archive->path));
    json_object_set_new(object, "pages", integer(archive->written_entries));
    json_object_set_new(object, "bytes", integer(archive->written_bytes));
    json_object_set_new(object, "content_bytes", integer(archive->content_bytes));
    json_object_set_new(object, "error",
                        text(archive->error < 0 ? yibu_strerror(archive->error) : NULL));
    return object;
}

static json_t *describe(const struct report *report)
{
    const struct crawl *crawl = report->crawl;
    bool complete = !crawl->totals.interrupted && !crawl->frontier.no_memory;
    json_t *object = json_object();
    json_object_set_new(object, "complete", json_boolean(complete));
    json_object_set_new(object, "interrupted", json_boolean(crawl->totals.interrupted));
    json_object_set_new(object, "totals", describe_totals(report));
    json_object_set_new(object, "broken", describe_broken(&report->by_outcome[PAGE_BROKEN]));
    json_object_set_new(object, "duplicates", describe_groups(report->groups, report->exact_count));
    json_object_set_new(object, "near_duplicates",
                        describe_groups(report_near_groups(report),
                                        report->group_count - report->exact_count));
    json_object_set_new(object, "slow", urls(&report->slow));
    json_object_set_new(object, "archive", describe_archive(crawl->archive));
    json_object_set_new(object, "pages", describe_pages(&crawl->frontier));
    return object;
}

int report_write_json(const struct report *report, FILE *file)
{
    json_t *object = describe(report);
    if (!object)
        return -ENOMEM;
    errno = 0;
    int error = json_dumpf(object, file, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(object);
    if (error == 0 && putc('\n', file) != EOF && fflush(file) == 0)
        return 0;
    return errno ? -errno : -EIO;
}
