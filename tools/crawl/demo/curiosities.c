/* What a crawler shall find besides good pages: links that lead nowhere, redirects, copies. */
#include "curiosities.h"

#include <string.h>

#define COPIED_MAX_BYTES 32768

void curiosities_link(FILE *page)
{
    fputs("<li><a href=\"/latest\">moved, and found</a>\n"
          "<li><a href=\"/copies/1\">a copy</a> <a href=\"/copies/2\">another</a>\n"
          "<li><a href=\"/copies/nearly\">nearly a copy</a>\n"
          "<li><a href=\"/no-such-page\">never written</a>\n"
          "<li><a href=\"/withdrawn\">withdrawn</a>\n"
          "<li><a href=\"/failing\">failing</a>\n"
          "<li><a href=\"/round\">moved in a circle</a>\n"
          "<li><a href=\"http://\">mistyped</a>\n"
          "<li><a href=\"/private/notes\">not for crawlers</a>\n",
          page);
}

static bool add_text(struct site *site, const char *path, int status, const char *location,
                     const char *text)
{
    return site_add(site, path, status, location, "text/plain", (yibu_bytes){text, strlen(text)});
}

/* A file's page that is long enough to be compared. */
static const struct answer *pick_original(const struct site *site)
{
    const struct answer *best = site->answers[0];
    for (size_t i = 1; i < site->count; i++) {
        const struct answer *answer = site->answers[i];
        if (answer->is_file && answer->size > best->size && answer->size < COPIED_MAX_BYTES)
            best = answer;
    }
    return best;
}

static bool add_copy(struct site *site, const char *path, yibu_bytes original, const char *ending)
{
    struct draft draft;
    if (!draft_open(&draft))
        return false;
    fwrite(original.data, 1, original.size, draft.file);
    fputs(ending, draft.file);
    return site_add_draft(site, path, &draft);
}

bool curiosities_add(struct site *site)
{
    yibu_bytes original = site_body(pick_original(site));
    return add_text(site, "/robots.txt", 200, NULL, "User-agent: *\nDisallow: /private/\n") &&
           add_copy(site, "/copies/1", original, "") && add_copy(site, "/copies/2", original, "") &&
           add_copy(site, "/copies/nearly", original, "<p>As of today.</p>\n") &&
           add_text(site, "/latest", 301, "/", "") &&
           add_text(site, "/round", 301, "/and-round", "") &&
           add_text(site, "/and-round", 301, "/round", "") &&
           add_text(site, "/withdrawn", 410, NULL, "withdrawn") &&
           add_text(site, "/failing", 500, NULL, "failing") &&
           add_text(site, "", 404, NULL, "there is no such page");
}
