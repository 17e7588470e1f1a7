/* URLs: resolved, compared in one normal form, taken apart. */
#ifndef CRAWL_URL_H
#define CRAWL_URL_H

#include <stddef.h>

#include <curl/curl.h>

typedef enum url_verdict {
    URL_FINE,
    URL_FOREIGN, /* neither http nor https: mailto, javascript, data … */
    URL_MALFORMED,
    URL_NO_MEMORY
} url_verdict;

/* Resolves a link of a page at base (RFC 3986, section 5) and writes it in normal form: scheme and
 * host in lower case, no default port, no dot segments, no fragment, percent-encoding only where it
 * is needed and with capitals (section 6.2.2).  base may be NULL for an absolute URL.
 * Where the verdict is URL_FINE, *ret_url is the caller's to free. */
url_verdict url_resolve(CURLU *base, const char *link, size_t length, char **ret_url);

/* A base for url_resolve, freed with curl_url_cleanup; NULL where url is none. */
CURLU *url_base(const char *url);

/* A start URL as people type it: without a scheme it means http. */
url_verdict url_from_user(const char *text, char **ret_url);

/* "http://host:8080" of a URL in normal form.  NULL: no memory. */
char *url_origin(const char *url);

/* What a start host is known by: its name and port, where http's and https's own port are one. */
char *url_site(const char *url);

/* The part from the path on, within url. */
const char *url_path(const char *url);

/* A path, and query, with percent-encoding in its normal form: capitals, and only where it is
 * needed.  NULL: no memory.  The caller frees it. */
char *url_normal_path(const char *text, size_t length);

#endif
