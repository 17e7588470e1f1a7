/* What a resolver is told in text: resolv.conf, which c-ares reads, and the servers and domains of
 * the options.  Whatever they are, there is a resolver or a failure, and the domains are the words
 * given. */
#define _GNU_SOURCE
#include <errno.h>
#include <yibu.h>

#include "dns/dns.h"
#include "memory_file.h"

enum { DOMAINS_MAX = 32 };

static void check_domains(const yibu_dns *dns, char *search)
{
    int count = 0;
    char *rest;
    for (char *word = strtok_r(search, " \t,", &rest); word && count < DOMAINS_MAX;
         word = strtok_r(NULL, " \t,", &rest), count++)
        CHECK(count < dns->domain_count && strcmp(dns->domains[count], word) == 0);
    CHECK(dns->domain_count == count);
}

/* The bytes up to the next NUL, as a text of their own; NULL where there are none. */
static char *take_text(stream *s)
{
    size_t length = strnlen((const char *)s->at, (size_t)(s->end - s->at));
    char *text = length > 0 ? calloc(1, length + 1) : NULL;
    if (text)
        memcpy(text, s->at, length);
    s->at += length < (size_t)(s->end - s->at) ? length + 1 : length;
    return text;
}

/* Without NULs, at which c-ares before 1.27 may read before its buffer (CVE-2024-25629). */
static memory_file take_file(const stream *s)
{
    size_t size = (size_t)(s->end - s->at);
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    for (size_t i = 0; i < size; i++)
        text[i] = s->at[i] ? (char)s->at[i] : ' ';
    memory_file file = memory_file_new(text, size);
    free(text);
    return file;
}

static intptr_t make(void *arg)
{
    stream s = *(stream *)arg;
    yibu_dns *dns;
    char *search = take_text(&s), *servers = take_text(&s);
    memory_file file = take_file(&s);
    const yibu_dns_options options = {.size = sizeof(options),
                                      .resolvconf_path = file.path,
                                      .hosts_path = "",
                                      .search = search,
                                      .servers = servers};
    int r = yibu_dns_new(&options, &dns);
    CHECK(r == 0 || r == -EINVAL);
    if (r == 0) {
        if (search)
            check_domains(dns, search);
        CHECK(dns->ndots >= 0 && dns->timeout_ms > 0);
        r = yibu_dns_reload(dns);
        CHECK(r == 0 || r == -EINVAL);
        yibu_dns_free(dns);
    }
    free(search);
    free(servers);
    close(file.fd);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream s = {data, data + size};
    CHECK(yibu_run(make, &s, NULL) == 0);
    return 0;
}
