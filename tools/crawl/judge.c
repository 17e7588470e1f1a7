/* What a response means: for a page, and for a server whose robots.txt it is. */
#include "judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "url.h"

char *judge_robots_url(const struct host *host)
{
    char *url;
    return asprintf(&url, "%s/robots.txt", host->origin) < 0 ? NULL : url;
}

bool judge_is_redirect(const struct response *response)
{
    return response->status >= 300 && response->status < 400 && response->location;
}

static char *describe_failure(const struct response *response)
{
    char *text = NULL;
    int length = response->error < 0 ? asprintf(&text, "%s", response->reason)
                                     : asprintf(&text, "robots.txt answered %d", response->status);
    return length < 0 ? NULL : text;
}

/* RFC 9309, section 2.3.1: what cannot be had for now forbids everything, what is not there
 * nothing. */
void judge_robots(struct host *host, struct response *response)
{
    host->robots_state = ROBOTS_KNOWN;
    if (response->error < 0 || response->status >= 500) {
        host->unreachable = response->error < 0;
        host->robots_failure = describe_failure(response);
    } else if (response->status == 200) {
        host->robots = robots_parse(response->body.data, response->body.size, JUDGE_TOKEN);
    }
}

static void follow(struct frontier *frontier, struct page *page, const char *location)
{
    char *url = NULL;
    url_verdict verdict = url_resolve(NULL, location, strlen(location), &url);
    if (verdict == URL_FINE)
        frontier_add_redirect(frontier, page, url);
    else if (verdict == URL_FOREIGN)
        page_end(page, PAGE_REDIRECT, "to %s", location);
    else
        page_end(page, PAGE_BROKEN, "redirects to '%s', which is not a URL", location);
    free(url);
}

bool judge_page(struct frontier *frontier, struct page *page, struct response *response)
{
    page->status = response->status;
    page->size = response->body.size;
    page->elapsed_ns = response->elapsed_ns;
    page->type = response->type ? strdup(response->type) : NULL;
    if (response->error < 0)
        page_end(page, PAGE_BROKEN, "%s", response->reason);
    else if (judge_is_redirect(response))
        follow(frontier, page, response->location);
    else if (response->status >= 400)
        page_end(page, PAGE_BROKEN, NULL);
    else if (response->too_large)
        page_end(page, PAGE_TOO_LARGE, NULL);
    else
        page_end(page, PAGE_FINE, NULL);
    return page->outcome == PAGE_FINE;
}
