/* A page's content on its way: from a response to links, text and a digest. */
#ifndef CRAWL_CONTENT_H
#define CRAWL_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "fetch.h"
#include "frontier.h"
#include "html.h"

struct content {
    const char *url;
    const char *type; /* media type, NULL: unknown */
    char *name;       /* in the archive, NULL: not archived; content_free frees it */
    unsigned level;   /* of compression, 0: none */
    int64_t modified_s;
    yibu_buffer body;        /* taken over from the response, freed once it is packed */
    struct html_page parsed; /* what content_parse found */
    int parse_error;         /* why it found nothing, 0: it did not fail */
    size_t published;        /* links that the frontier has */
    yibu_buffer input;       /* digest_compute's */
    int64_t start_ns;        /* content_parse began, on the monotonic clock */
    int64_t end_ns;
    int64_t thread; /* that it ran on */
};

/* Takes what the next steps need out of a response. */
void content_take(struct content *content, const char *url, struct response *response);

/* Parses what can be parsed and packs the digest's input.  Computes only: for any thread.
 * Returns 0 or -ENOMEM. */
int content_parse(struct content *content);

/* Gives what was found to the frontier and the page, so many links at a time that nobody waits
 * long.  Returns whether there is more to give. */
bool content_publish(struct content *content, struct frontier *frontier, struct page *page);

void content_free(struct content *content);

#endif
