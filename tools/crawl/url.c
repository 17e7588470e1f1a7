/* URLs: resolved, compared in one normal form, taken apart.  libcurl's URL interface knows the
 * grammar; what HTML adds to it (white space around and in links) and the normal form are here. */
#include "url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

void url_normalise_escapes(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        int high = *from == '%' ? hex_value(from[1]) : -1;
        int low = high >= 0 ? hex_value(from[2]) : -1;
        if (low < 0) {
            *to++ = *from;
            continue;
        }
        char byte = (char)(high * 16 + low);
        if (byte && strchr(UNRESERVED, byte)) {
            *to++ = byte;
        } else {
            *to++ = '%';
            *to++ = "0123456789ABCDEF"[high];
            *to++ = "0123456789ABCDEF"[low];
        }
        from += 2;
    }
    *to = '\0';
}

/* Rewrites one part of a URL, where it has that part. */
static CURLUcode rewrite(CURLU *url, CURLUPart part, void (*change)(char *text))
{
    char *text = NULL;
    CURLUcode code = curl_url_get(url, part, &text, 0);
    if (code == CURLUE_OUT_OF_MEMORY)
        return code;
    if (code != CURLUE_OK)
        return CURLUE_OK;
    change(text);
    code = curl_url_set(url, part, text, 0);
    curl_free(text);
    return code;
}

static void lower_case(char *text)
{
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

static bool is_http(CURLU *url)
{
    char *scheme = NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK)
        return false;
    bool http = strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0;
    curl_free(scheme);
    return http;
}

static url_verdict write_normal_form(CURLU *url, char **ret_url)
{
    if (!is_http(url))
        return URL_FOREIGN;
    CURLUcode code = curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    if (code == CURLUE_OK)
        code = rewrite(url, CURLUPART_HOST, lower_case);
    if (code == CURLUE_OK)
        code = rewrite(url, CURLUPART_PATH, url_normalise_escapes);
    if (code == CURLUE_OK)
        code = rewrite(url, CURLUPART_QUERY, url_normalise_escapes);
    char *text = NULL;
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT);
    if (code == CURLUE_OUT_OF_MEMORY)
        return URL_NO_MEMORY;
    if (code != CURLUE_OK)
        return URL_MALFORMED;
    *ret_url = strdup(text);
    curl_free(text);
    return *ret_url ? URL_FINE : URL_NO_MEMORY;
}

/* Whether the link names a scheme other than http and https (RFC 3986, section 3.1). */
static bool is_foreign(const char *link)
{
    size_t length = 0;
    if (!isalpha((unsigned char)link[0]))
        return false;
    while (isalnum((unsigned char)link[length]) || (link[length] && strchr("+-.", link[length])))
        length++;
    return link[length] == ':' && !(length == 4 && strncasecmp(link, "http", 4) == 0) &&
           !(length == 5 && strncasecmp(link, "https", 5) == 0);
}

/* A link as browsers read it: white space around it and line breaks in it mean nothing, and a
 * fragment names a place in a page, not another page. */
static char *clean_link(const char *link, size_t length)
{
    char *clean = malloc(length + 1);
    if (!clean)
        return NULL;
    while (length > 0 && (unsigned char)*link <= ' ') {
        link++;
        length--;
    }
    size_t size = 0;
    for (size_t i = 0; i < length && link[i] != '#' && link[i]; i++)
        if (!strchr("\t\r\n", link[i]))
            clean[size++] = link[i];
    while (size > 0 && (unsigned char)clean[size - 1] <= ' ')
        size--;
    clean[size] = '\0';
    return clean;
}

static url_verdict resolve_clean(CURLU *base, const char *link, char **ret_url)
{
    if (is_foreign(link))
        return URL_FOREIGN;
    CURLU *url = base ? curl_url_dup(base) : curl_url();
    if (!url)
        return URL_NO_MEMORY;
    CURLUcode code = CURLUE_OK;
    if (*link || !base)
        code = curl_url_set(url, CURLUPART_URL, link, CURLU_URLENCODE);
    url_verdict verdict = URL_MALFORMED;
    if (code == CURLUE_OUT_OF_MEMORY)
        verdict = URL_NO_MEMORY;
    else if (code == CURLUE_OK)
        verdict = write_normal_form(url, ret_url);
    curl_url_cleanup(url);
    return verdict;
}

url_verdict url_resolve(CURLU *base, const char *link, size_t length, char **ret_url)
{
    char *clean = clean_link(link, length);
    if (!clean)
        return URL_NO_MEMORY;
    url_verdict verdict = resolve_clean(base, clean, ret_url);
    free(clean);
    return verdict;
}

CURLU *url_base(const char *url)
{
    CURLU *base = curl_url();
    if (base && curl_url_set(base, CURLUPART_URL, url, 0) == CURLUE_OK)
        return base;
    curl_url_cleanup(base);
    return NULL;
}

url_verdict url_from_user(const char *text, char **ret_url)
{
    CURLU *url = curl_url();
    if (!url)
        return URL_NO_MEMORY;
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_DEFAULT_SCHEME | CURLU_URLENCODE);
    if (code == CURLUE_OK && !strstr(text, "://"))
        code = curl_url_set(url, CURLUPART_SCHEME, "http", 0);
    url_verdict verdict = URL_MALFORMED;
    if (code == CURLUE_UNSUPPORTED_SCHEME)
        verdict = URL_FOREIGN;
    else if (code == CURLUE_OUT_OF_MEMORY)
        verdict = URL_NO_MEMORY;
    else if (code == CURLUE_OK)
        verdict = write_normal_form(url, ret_url);
    curl_url_cleanup(url);
    return verdict;
}

static const char *authority(const char *url)
{
    const char *mark = strstr(url, "://");
    return mark ? mark + 3 : url;
}

const char *url_path(const char *url)
{
    const char *path = authority(url);
    return path + strcspn(path, "/?");
}

char *url_origin(const char *url)
{
    return strndup(url, (size_t)(url_path(url) - url));
}

char *url_site(const char *url)
{
    const char *begin = authority(url);
    const char *end = url_path(url);
    const char *user = memchr(begin, '@', (size_t)(end - begin));
    return user ? strndup(user + 1, (size_t)(end - user - 1))
                : strndup(begin, (size_t)(end - begin));
}
