/* URLs: resolved, compared in one normal form, taken apart.  libcurl's URL interface knows the
 * grammar; what HTML adds to it (white space around and in links) and the normal form are here. */
#include "url.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
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

/* Octets that stand for themselves in a path or query, as browsers have it. */
static bool stands_for_itself(unsigned char octet)
{
    return octet > ' ' && octet < 0x7f && !strchr("\"<>\\^`{|}", octet);
}

static char *write_escape(char *to, unsigned char octet)
{
    *to++ = '%';
    *to++ = "0123456789ABCDEF"[octet >> 4];
    *to++ = "0123456789ABCDEF"[octet & 15];
    return to;
}

char *url_normal_path(const char *text, size_t length)
{
    char *path = malloc(3 * length + 1);
    if (!path)
        return NULL;
    char *to = path;
    for (size_t i = 0; i < length; i++) {
        unsigned char octet = (unsigned char)text[i];
        int high = octet == '%' && i + 2 < length ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        bool escaped = low >= 0;
        if (escaped) {
            octet = (unsigned char)(high * 16 + low);
            i += 2;
        }
        if (escaped ? octet && strchr(UNRESERVED, octet) : stands_for_itself(octet))
            *to++ = (char)octet;
        else
            to = write_escape(to, octet);
    }
    *to = '\0';
    return path;
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

static CURLUcode lower_host(CURLU *url)
{
    char *host = NULL;
    CURLUcode code = curl_url_get(url, CURLUPART_HOST, &host, 0);
    if (code != CURLUE_OK)
        return code;
    lower_case(host);
    code = curl_url_set(url, CURLUPART_HOST, host, 0);
    curl_free(host);
    return code;
}

/* The text of a URL with its path and query in normal form.  libcurl has a form of its own for
 * escapes, so this is done last. */
static char *with_normal_path(const char *text)
{
    size_t begin = (size_t)(url_path(text) - text);
    char *path = url_normal_path(text + begin, strlen(text + begin));
    char *url = NULL;
    if (path && asprintf(&url, "%.*s%s", (int)begin, text, path) < 0)
        url = NULL;
    free(path);
    return url;
}

static url_verdict write_normal_form(CURLU *url, char **ret_url)
{
    if (!is_http(url))
        return URL_FOREIGN;
    char *text = NULL;
    CURLUcode code = curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0);
    if (code == CURLUE_OK)
        code = lower_host(url);
    if (code == CURLUE_OK)
        code = curl_url_get(url, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT);
    if (code != CURLUE_OK)
        return code == CURLUE_OUT_OF_MEMORY ? URL_NO_MEMORY : URL_MALFORMED;
    *ret_url = with_normal_path(text);
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
    char *clean = calloc(1, length + 1);
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
