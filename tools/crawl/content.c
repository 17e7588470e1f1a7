/* A page's content on its way: from a response to links, text and a digest.
 *
 * Three steps, so that each can run where it fits: content_parse, then digest_compute on
 * content->input, then content_publish beside the frontier. */
#include "content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINKS_AT_ONCE 1000

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

void content_take(struct content *content, const char *url, struct response *response)
{
    content->url = url;
    content->type = response->type;
    content->modified_s = response->modified_s;
    content->body = response->body;
    response->body = (yibu_buffer){0};
}

static bool is_html(const char *type)
{
    return type && (strcmp(type, "text/html") == 0 || strcmp(type, "application/xhtml+xml") == 0);
}

static bool is_text(const char *type)
{
    return type && strncmp(type, "text/", 5) == 0;
}

static int pack(struct content *content)
{
    struct digest_request request = {.modified_s = content->modified_s,
                                     .level = content->name ? content->level : 0};
    yibu_bytes body = {content->body.data, content->body.size};
    yibu_bytes text = {content->parsed.text.data, content->parsed.text.size};
    if (!is_html(content->type) && is_text(content->type))
        text = body;
    int error =
        digest_pack(&content->input, &request, content->name ? content->name : "", text, body);
    yibu_buffer_free(&content->body);
    yibu_buffer_free(&content->parsed.text);
    return error;
}

int content_parse(struct content *content)
{
    content->start_ns = monotonic_now();
    content->thread = gettid();
    if (is_html(content->type))
        content->parse_error =
            html_parse(content->body.data, content->body.size, content->url, &content->parsed);
    int error = content->parse_error == -ENOMEM ? -ENOMEM : pack(content);
    content->end_ns = monotonic_now();
    return error;
}

bool content_publish(struct content *content, struct frontier *frontier, struct page *page)
{
    const struct html_page *parsed = &content->parsed;
    size_t total = parsed->links.count + parsed->malformed.count;
    if (content->parse_error == -E2BIG)
        page_end(page, PAGE_FINE, "its links are unknown: the page is too tangled to be parsed");
    for (size_t i = 0; i < LINKS_AT_ONCE && content->published < total; i++) {
        size_t link = content->published++;
        if (link < parsed->links.count)
            frontier_add_link(frontier, parsed->links.items[link], page);
        else
            frontier_add_malformed(frontier, parsed->malformed.items[link - parsed->links.count],
                                   page);
    }
    return content->published < total;
}

void content_free(struct content *content)
{
    free(content->name);
    yibu_buffer_free(&content->body);
    yibu_buffer_free(&content->input);
    html_page_free(&content->parsed);
}
