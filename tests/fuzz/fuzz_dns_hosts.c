/* The hosts file: whatever is in it, each name and each address is answered as a plain reading of
 * the file, line by line, answers it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>

#include "dns/dns.h"
#include "memory_file.h"

enum { WORDS_MAX = 5000, ASKED_MAX = 100 };

/* A name and the line that it stands on. */
typedef struct word {
    const char *name, *canonical;
    yb_dns_address address;
} word;

static word words[WORDS_MAX];
static size_t word_count;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v' || c == '\0';
}

/* The next word, ended in place; NULL: none.  A NUL ends no line, but a word. */
static char *next_word(char **at, char *end)
{
    while (*at < end && is_blank(**at))
        ++*at;
    char *start = *at;
    while (*at < end && !is_blank(**at))
        ++*at;
    if (start == *at)
        return NULL;
    **at = '\0'; /* at the end is a new line, a comment, or room */
    return start;
}

static bool read_address(char *text, yb_dns_address *ret)
{
    char *percent = strchr(text, '%');
    *ret = (yb_dns_address){.family = AF_INET};
    if (inet_pton(AF_INET, text, &ret->v4) == 1)
        return true;
    ret->family = AF_INET6;
    if (percent) {
        *percent++ = '\0';
        ret->scope = if_nametoindex(percent);
        if (ret->scope == 0)
            ret->scope = (uint32_t)strtoul(percent, NULL, 10);
    }
    return inet_pton(AF_INET6, text, &ret->v6) == 1;
}

static void read_line(char *text, char *end)
{
    char *comment = memchr(text, '#', (size_t)(end - text));
    char *at = text, *stop = comment ? comment : end;
    char *first = next_word(&at, stop), *canonical = NULL;
    yb_dns_address address;
    if (!first || !read_address(first, &address))
        return;
    for (char *name; word_count < WORDS_MAX && (name = next_word(&at, stop));) {
        canonical = canonical ? canonical : name;
        words[word_count++] = (word){name, canonical, address};
    }
}

/* text has room for one byte more. */
static void read_file(char *text, size_t size)
{
    word_count = 0;
    for (char *end; size > 0 && (end = memchr(text, '\n', size));) {
        size -= (size_t)(end + 1 - text);
        read_line(text, end);
        text = end + 1;
    }
    read_line(text, text + size);
}

static bool same(const yb_dns_address *a, const yb_dns_address *b)
{
    if (a->family != b->family)
        return false;
    return a->family == AF_INET ? a->v4.s_addr == b->v4.s_addr
                                : memcmp(&a->v6, &b->v6, sizeof(a->v6)) == 0;
}

static void check_name(yibu_dns *dns, const char *name, unsigned families)
{
    yb_dns_found found = {.count = 0};
    size_t count = 0;
    CHECK(yb_dns_hosts_find(dns, name, families, &found) == 0);
    for (size_t i = 0; i < word_count; i++) {
        const word *w = &words[i];
        if (strcasecmp(w->name, name) != 0 || !(yb_dns_family_bit(w->address.family) & families))
            continue;
        CHECK(count < found.count && same(&found.addresses[count], &w->address));
        CHECK(found.addresses[count].scope == w->address.scope);
        CHECK(count > 0 || strcmp(found.canonical, w->canonical) == 0);
        count++;
    }
    CHECK(count == found.count);
    yb_dns_found_clear(&found);
}

/* The first name that has the address. */
static void check_address(yibu_dns *dns, const yb_dns_address *address)
{
    size_t i = 0;
    while (!same(&words[i].address, address))
        i++;
    const char *name = yb_dns_hosts_name(dns, address);
    CHECK(name && strcmp(name, words[i].canonical) == 0);
}

static void check_all(yibu_dns *dns)
{
    for (size_t i = 0; i < word_count && i < ASKED_MAX; i++) {
        check_name(dns, words[i].name, YB_DNS_V4 | YB_DNS_V6);
        check_name(dns, words[i].name, i % 2 ? YB_DNS_V4 : YB_DNS_V6);
        check_address(dns, &words[i].address);
    }
    check_name(dns, "", YB_DNS_V4 | YB_DNS_V6);
    check_name(dns, "not-there.example", YB_DNS_V4 | YB_DNS_V6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory_file file = memory_file_new(data, size);
    yibu_dns dns = {.hosts_path = file.path};
    char *text = malloc(size + 1);
    CHECK(text != NULL);
    memcpy(text, data, size);
    read_file(text, size);
    check_all(&dns);
    CHECK(dns.stats.hosts_loaded == 1);
    yb_dns_hosts_free(dns.hosts);
    free(text);
    close(file.fd);
    return 0;
}
