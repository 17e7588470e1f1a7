/* The hosts file (hosts(5)), read as a whole when it is first asked and whenever it has changed,
 * and sorted by name.  c-ares would read it for every name anew, and knows no other path than
 * libc's.
 *
 * Without memory to read a changed file, the old one still counts. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns.h"

enum { MAX_FILE_BYTES = 64 << 20 };

typedef struct line {
    yb_dns_address address;
    const char *canonical; /* the first name */
} line;

typedef struct entry {
    const char *name;
    size_t line; /* the order in the file, too */
} entry;

struct yb_dns_hosts {
    struct stat known; /* of the file that was read */
    char *text;        /* the names are in it */
    line *lines;
    entry *entries; /* by name, then by line */
    size_t line_count, entry_count, line_room, entry_room;
};

void yb_dns_hosts_free(yb_dns_hosts *hosts)
{
    if (!hosts)
        return;
    free(hosts->text);
    free(hosts->lines);
    free(hosts->entries);
    free(hosts);
}

/* --- parsing ---------------------------------------------------------------------------------- */

/* Makes room for one more; the room doubles. */
static int reserve(void *rows, size_t count, size_t *room, size_t row_bytes)
{
    if (count < *room)
        return 0;
    size_t more = *room ? *room * 2 : 16;
    void *memory;
    memcpy(&memory, rows, sizeof(memory));
    memory = reallocarray(memory, more, row_bytes);
    if (!memory)
        return -ENOMEM;
    memcpy(rows, &memory, sizeof(memory));
    *room = more;
    return 0;
}

/* "fe80::1%eth0": an interface's name or number. */
static uint32_t scope_of(const char *text)
{
    uint32_t index = if_nametoindex(text);
    return index ? index : (uint32_t)strtoul(text, NULL, 10);
}

static bool parse_address(char *text, yb_dns_address *ret_address)
{
    *ret_address = (yb_dns_address){.family = AF_INET};
    if (inet_pton(AF_INET, text, &ret_address->v4) == 1)
        return true;
    char *scope = strchr(text, '%');
    if (scope)
        *scope++ = '\0';
    ret_address->family = AF_INET6;
    ret_address->scope = scope ? scope_of(scope) : 0;
    return inet_pton(AF_INET6, text, &ret_address->v6) == 1;
}

static int add_name(yb_dns_hosts *hosts, const char *name)
{
    int r = reserve(&hosts->entries, hosts->entry_count, &hosts->entry_room, sizeof(entry));
    if (r == 0)
        hosts->entries[hosts->entry_count++] = (entry){name, hosts->line_count - 1};
    return r;
}

static int parse_line(yb_dns_hosts *hosts, char *text)
{
    static const char blanks[] = " \t\r\f\v";
    char *rest;
    text[strcspn(text, "#")] = '\0';
    char *word = strtok_r(text, blanks, &rest);
    yb_dns_address address;
    if (!word || !parse_address(word, &address))
        return 0;
    char *name = strtok_r(NULL, blanks, &rest);
    if (!name)
        return 0;
    int r = reserve(&hosts->lines, hosts->line_count, &hosts->line_room, sizeof(line));
    if (r < 0)
        return r;
    hosts->lines[hosts->line_count++] = (line){address, name};
    for (; name && r == 0; name = strtok_r(NULL, blanks, &rest))
        r = add_name(hosts, name);
    return r;
}

static int compare_entries(const void *a, const void *b)
{
    const entry *left = a, *right = b;
    int order = strcasecmp(left->name, right->name);
    return order ? order : (left->line > right->line) - (left->line < right->line);
}

static int parse(yb_dns_hosts *hosts)
{
    int r = 0;
    char *rest;
    for (char *text = strtok_r(hosts->text, "\n", &rest); text && r == 0;
         text = strtok_r(NULL, "\n", &rest))
        r = parse_line(hosts, text);
    if (r == 0 && hosts->entry_count > 1)
        qsort(hosts->entries, hosts->entry_count, sizeof(entry), compare_entries);
    return r;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* As much of the file as there is, with a NUL behind it; bytes of NUL in it become blanks. */
static int read_text(int fd, yb_dns_hosts *hosts)
{
    if (!S_ISREG(hosts->known.st_mode) || hosts->known.st_size > MAX_FILE_BYTES)
        return -EINVAL;
    size_t size = (size_t)hosts->known.st_size, done = 0;
    hosts->text = malloc(size + 1);
    if (!hosts->text)
        return -ENOMEM;
    ssize_t n = 1;
    for (; done < size && n > 0; done += (size_t)(n > 0 ? n : 0))
        n = TEMP_FAILURE_RETRY(read(fd, hosts->text + done, size - done));
    for (size_t i = 0; i < done; i++)
        if (hosts->text[i] == '\0')
            hosts->text[i] = ' ';
    hosts->text[done] = '\0';
    return n < 0 ? -errno : 0;
}

static int load(const char *path, yb_dns_hosts **ret_hosts)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    yb_dns_hosts *hosts = calloc(1, sizeof(*hosts));
    int r = !hosts ? -ENOMEM : fstat(fd, &hosts->known) < 0 ? -errno : read_text(fd, hosts);
    close(fd);
    if (r == 0)
        r = parse(hosts);
    if (r < 0)
        yb_dns_hosts_free(hosts);
    else
        *ret_hosts = hosts;
    return r;
}

/* The file as it is now; NULL where there is none. */
static const yb_dns_hosts *current(yibu_dns *dns)
{
    const char *path = dns->hosts_path ? dns->hosts_path : "/etc/hosts";
    struct stat now;
    if (!path[0])
        return NULL;
    if (stat(path, &now) < 0) {
        yb_dns_hosts_free(dns->hosts);
        dns->hosts = NULL;
        return NULL;
    }
    yb_dns_hosts *fresh = NULL;
    if (dns->hosts && same_file(&now, &dns->hosts->known))
        return dns->hosts;
    if (load(path, &fresh) == 0) {
        yb_dns_hosts_free(dns->hosts);
        dns->hosts = fresh;
        dns->stats.hosts_loaded++;
    }
    return dns->hosts;
}

/* --- asking ----------------------------------------------------------------------------------- */

/* The first entry of a name, or where it would be. */
static size_t first_of(const yb_dns_hosts *hosts, const char *name)
{
    size_t low = 0, high = hosts->entry_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcasecmp(hosts->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int add(yb_dns_found *found, const line *l)
{
    int r = yb_dns_found_add(found, &l->address);
    if (r == 0 && !found->canonical && !(found->canonical = strdup(l->canonical)))
        r = -ENOMEM;
    return r;
}

int yb_dns_hosts_find(yibu_dns *dns, const char *name, unsigned families, yb_dns_found *found)
{
    const yb_dns_hosts *hosts = current(dns);
    if (!hosts)
        return 0;
    int r = 0;
    for (size_t i = first_of(hosts, name); r == 0 && i < hosts->entry_count; i++) {
        if (strcasecmp(hosts->entries[i].name, name) != 0)
            break;
        const line *l = &hosts->lines[hosts->entries[i].line];
        if (yb_dns_family_bit(l->address.family) & families)
            r = add(found, l);
    }
    return r;
}

static bool same_address(const yb_dns_address *a, const yb_dns_address *b)
{
    if (a->family != b->family)
        return false;
    return a->family == AF_INET ? a->v4.s_addr == b->v4.s_addr : IN6_ARE_ADDR_EQUAL(&a->v6, &b->v6);
}

const char *yb_dns_hosts_name(yibu_dns *dns, const yb_dns_address *address)
{
    const yb_dns_hosts *hosts = current(dns);
    for (size_t i = 0; hosts && i < hosts->line_count; i++)
        if (same_address(&hosts->lines[i].address, address))
            return hosts->lines[i].canonical;
    return NULL;
}
