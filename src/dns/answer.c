/* Answers as users read them.
 *
 * An answer's records, names and texts are pieces of a chain of blocks, freed as a whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

enum {
    BLOCK_BYTES = 2048,
    MIN_RECORD_BYTES = 11,
    CLASS_IN = 1,
    SERVFAIL = 2,
    NXDOMAIN = 3,
    REFUSED = 5
};

typedef struct block {
    struct block *next;
    size_t used, size;
    max_align_t data[];
} block;

typedef struct answer {
    yibu_dns_answer answer; /* first */
    block *blocks;
} answer;

/* --- memory ----------------------------------------------------------------------------------- */

static void *take(answer *a, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    block *b = a->blocks;
    if (!b || b->size - b->used < size) {
        size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
        b = malloc(sizeof(*b) + room);
        if (!b)
            return NULL;
        *b = (block){.next = a->blocks, .size = room};
        a->blocks = b;
    }
    void *memory = (char *)b->data + b->used;
    b->used += size;
    return memset(memory, 0, size);
}

/* The copy has a NUL behind it. */
static int take_text(answer *a, const void *data, size_t size, const char **ret_text)
{
    char *text = take(a, size + 1);
    if (!text)
        return -ENOMEM;
    memcpy(text, data, size);
    *ret_text = text;
    return 0;
}

/* Keeps a name of c-ares' memory. */
static int take_string(answer *a, char *string, const char **ret_text)
{
    int r = take_text(a, string, strlen(string), ret_text);
    ares_free_string(string);
    return r;
}

void yibu_dns_answer_free(yibu_dns_answer *public_answer)
{
    answer *a = (answer *)(void *)public_answer;
    if (!a)
        return;
    for (block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

/* --- records by type -------------------------------------------------------------------------- */

/* A record's data, being read. */
typedef struct cursor {
    answer *answer;
    const yb_dns_reader *reader;
    const uint8_t *at, *end;
} cursor;

static int read_name(cursor *c, const char **ret_name)
{
    char *name;
    int r = yb_dns_read_name(c->reader, &c->at, c->end, &name);
    return r < 0 ? r : take_string(c->answer, name, ret_name);
}

/* All of the field's bytes: 1, 2 or 4 of them. */
static int read_number(cursor *c, size_t size, uint32_t *ret_number)
{
    if ((size_t)(c->end - c->at) < size)
        return YIBU_EAI_FAIL;
    *ret_number = 0;
    while (size-- > 0)
        *ret_number = *ret_number << 8 | *c->at++;
    return 0;
}

static int read_short(cursor *c, uint16_t *ret_number)
{
    uint32_t number;
    int r = read_number(c, 2, &number);
    if (r == 0)
        *ret_number = (uint16_t)number;
    return r;
}

static int read_bytes(cursor *c, size_t size, yibu_dns_text *ret_text)
{
    if ((size_t)(c->end - c->at) < size)
        return YIBU_EAI_FAIL;
    ret_text->size = size;
    c->at += size;
    return take_text(c->answer, c->at - size, size, &ret_text->data);
}

/* A character-string: a length, and as many bytes. */
static int read_text(cursor *c, yibu_dns_text *ret_text)
{
    if (c->at == c->end)
        return YIBU_EAI_FAIL;
    size_t size = *c->at++;
    return read_bytes(c, size, ret_text);
}

static int read_address(cursor *c, void *ret_address, size_t size)
{
    if ((size_t)(c->end - c->at) != size)
        return YIBU_EAI_FAIL;
    memcpy(ret_address, c->at, size);
    return 0;
}

static int read_mx(cursor *c, yibu_dns_record *record)
{
    int r = read_short(c, &record->mx.preference);
    return r < 0 ? r : read_name(c, &record->mx.host);
}

static int read_srv(cursor *c, yibu_dns_record *record)
{
    int r = read_short(c, &record->srv.priority);
    if (r == 0)
        r = read_short(c, &record->srv.weight);
    if (r == 0)
        r = read_short(c, &record->srv.port);
    return r < 0 ? r : read_name(c, &record->srv.host);
}

static size_t count_texts(const cursor *c)
{
    size_t count = 0;
    for (const uint8_t *at = c->at; at < c->end; at += *at + 1)
        count++;
    return count;
}

static int read_txt(cursor *c, yibu_dns_record *record)
{
    size_t count = count_texts(c);
    yibu_dns_text *strings = take(c->answer, count * sizeof(*strings));
    if (!strings)
        return -ENOMEM;
    int r = 0;
    for (size_t i = 0; i < count && r == 0; i++)
        r = read_text(c, &strings[i]);
    record->txt.count = count;
    record->txt.strings = strings;
    return r;
}

static int read_soa(cursor *c, yibu_dns_record *record)
{
    int r = read_name(c, &record->soa.server);
    if (r == 0)
        r = read_name(c, &record->soa.mailbox);
    uint32_t *const numbers[] = {&record->soa.serial, &record->soa.refresh, &record->soa.retry,
                                 &record->soa.expire, &record->soa.minimum};
    for (int i = 0; i < 5 && r == 0; i++)
        r = read_number(c, 4, numbers[i]);
    return r;
}

/* RFC 8659, section 4.1. */
static int read_caa(cursor *c, yibu_dns_record *record)
{
    uint32_t flags;
    int r = read_number(c, 1, &flags);
    if (r < 0)
        return r;
    record->caa.flags = (uint8_t)flags;
    r = read_text(c, &record->caa.tag);
    return r < 0 ? r : read_bytes(c, (size_t)(c->end - c->at), &record->caa.value);
}

/* RFC 3403, section 4.1. */
static int read_naptr(cursor *c, yibu_dns_record *record)
{
    int r = read_short(c, &record->naptr.order);
    if (r == 0)
        r = read_short(c, &record->naptr.preference);
    if (r == 0)
        r = read_text(c, &record->naptr.flags);
    if (r == 0)
        r = read_text(c, &record->naptr.services);
    if (r == 0)
        r = read_text(c, &record->naptr.regexp);
    return r < 0 ? r : read_name(c, &record->naptr.replacement);
}

static int read_data(cursor *c, yibu_dns_record *record)
{
    switch (record->type) {
    case YIBU_DNS_A:
        return read_address(c, &record->a, sizeof(record->a));
    case YIBU_DNS_AAAA:
        return read_address(c, &record->aaaa, sizeof(record->aaaa));
    case YIBU_DNS_CNAME:
    case YIBU_DNS_DNAME:
    case YIBU_DNS_NS:
    case YIBU_DNS_PTR:
        return read_name(c, &record->target);
    case YIBU_DNS_MX:
        return read_mx(c, record);
    case YIBU_DNS_SRV:
        return read_srv(c, record);
    case YIBU_DNS_TXT:
        return read_txt(c, record);
    case YIBU_DNS_SOA:
        return read_soa(c, record);
    case YIBU_DNS_CAA:
        return read_caa(c, record);
    case YIBU_DNS_NAPTR:
        return read_naptr(c, record);
    default:
        return 0;
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static int take_record(answer *a, const yb_dns_reader *reader, yb_dns_raw_record *raw,
                       yibu_dns_record *record)
{
    record->ttl = raw->ttl;
    record->type = raw->type;
    record->size = raw->size;
    const char *data;
    int r = take_string(a, raw->name, &record->name);
    if (r == 0)
        r = take_text(a, raw->data, raw->size, &data);
    if (r < 0)
        return r;
    record->data = (const uint8_t *)data;
    cursor c = {a, reader, raw->data, raw->data + raw->size};
    return read_data(&c, record);
}

static int skip_questions(yb_dns_reader *reader)
{
    int r = 0;
    for (unsigned i = 0; i < reader->counts[0] && r == 0; i++) {
        char *name;
        uint16_t type;
        r = yb_dns_read_question(reader, &name, &type);
        if (r == 0)
            ares_free_string(name);
    }
    return r;
}

/* Records of other classes than the Internet's are left out. */
static int take_records(answer *a, yb_dns_reader *reader)
{
    size_t most = (size_t)(reader->end - reader->at) / MIN_RECORD_BYTES;
    if (reader->counts[1] > most)
        return YIBU_EAI_FAIL;
    yibu_dns_record *records = take(a, reader->counts[1] * sizeof(*records));
    if (!records)
        return -ENOMEM;
    a->answer.records = records;
    for (unsigned i = 0; i < reader->counts[1]; i++) {
        yb_dns_raw_record raw;
        int r = yb_dns_read_record(reader, &raw);
        if (r < 0)
            return r;
        if (raw.class != CLASS_IN) {
            ares_free_string(raw.name);
            continue;
        }
        r = take_record(a, reader, &raw, &records[a->answer.count]);
        if (r < 0)
            return r;
        a->answer.count++;
    }
    return 0;
}

static int code_of(unsigned rcode)
{
    switch (rcode) {
    case 0:
        return 0;
    case NXDOMAIN:
        return YIBU_EAI_NONAME;
    case SERVFAIL:
    case REFUSED:
        return YIBU_EAI_AGAIN;
    default:
        return YIBU_EAI_FAIL;
    }
}

int yibu_dns_answer_parse(const void *message, size_t size, yibu_dns_answer **ret_answer)
{
    yb_dns_reader reader;
    if (!message || !ret_answer)
        return -EINVAL;
    int r = yb_dns_read_header(message, size, &reader);
    if (r == 0)
        r = code_of(reader.rcode);
    if (r < 0)
        return r;
    answer *a = calloc(1, sizeof(*a));
    if (!a)
        return -ENOMEM;
    a->answer.authentic = reader.authentic;
    r = skip_questions(&reader);
    if (r == 0)
        r = take_records(a, &reader);
    if (r < 0)
        yibu_dns_answer_free(&a->answer);
    else
        *ret_answer = &a->answer;
    return r;
}
