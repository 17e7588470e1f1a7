/* Reading what servers send (RFC 1035, section 4).  Nothing in it is trusted: every length is
 * checked against what is left, and names are expanded by c-ares, which sees to loops. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

enum {
    HEADER_BYTES = 12,
    QUESTION_BYTES = 4, /* type and class, behind the name */
    RECORD_BYTES = 10,  /* type, class, TTL, length */
    NXDOMAIN = 3,
};

/* --- reading ---------------------------------------------------------------------------------- */

int yb_dns_read_header(const void *message, size_t size, yb_dns_reader *ret_reader)
{
    const uint8_t *at = message;
    if (size < HEADER_BYTES || size > UINT16_MAX || !(at[2] & 0x80)) /* QR: it is an answer */
        return YIBU_EAI_FAIL;
    *ret_reader = (yb_dns_reader){.message = at,
                                  .at = at + HEADER_BYTES,
                                  .end = at + size,
                                  .rcode = at[3] & 15u,
                                  .authentic = at[3] & 0x20};
    for (int i = 0; i < 4; i++)
        ret_reader->counts[i] = yb_dns_get16(at + 4 + 2 * i);
    return 0;
}

int yb_dns_read_name(const yb_dns_reader *reader, const uint8_t **at, const uint8_t *end,
                     char **ret_name)
{
    long length;
    if (*at >= end)
        return YIBU_EAI_FAIL;
    int status = ares_expand_name(*at, reader->message, (int)(reader->end - reader->message),
                                  ret_name, &length);
    if (status != ARES_SUCCESS)
        return status == ARES_ENOMEM ? -ENOMEM : YIBU_EAI_FAIL;
    if (length > end - *at) {
        ares_free_string(*ret_name);
        return YIBU_EAI_FAIL;
    }
    *at += length;
    return 0;
}

static size_t left(const yb_dns_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

int yb_dns_read_question(yb_dns_reader *reader, char **ret_name, uint16_t *ret_type)
{
    int r = yb_dns_read_name(reader, &reader->at, reader->end, ret_name);
    if (r < 0)
        return r;
    if (left(reader) < QUESTION_BYTES) {
        ares_free_string(*ret_name);
        return YIBU_EAI_FAIL;
    }
    *ret_type = yb_dns_get16(reader->at);
    reader->at += QUESTION_BYTES;
    return 0;
}

int yb_dns_read_record(yb_dns_reader *reader, yb_dns_raw_record *ret_record)
{
    char *name;
    int r = yb_dns_read_name(reader, &reader->at, reader->end, &name);
    if (r < 0)
        return r;
    const uint8_t *at = reader->at;
    if (left(reader) < RECORD_BYTES || left(reader) - RECORD_BYTES < yb_dns_get16(at + 8)) {
        ares_free_string(name);
        return YIBU_EAI_FAIL;
    }
    uint32_t ttl = yb_dns_get32(at + 4);
    *ret_record = (yb_dns_raw_record){.name = name,
                                      .type = yb_dns_get16(at),
                                      .class = yb_dns_get16(at + 2),
                                      .ttl = ttl > INT32_MAX ? 0 : ttl, /* RFC 2181, section 8 */
                                      .data = at + RECORD_BYTES,
                                      .size = yb_dns_get16(at + 8)};
    reader->at += RECORD_BYTES + ret_record->size;
    return 0;
}

/* --- how long it is good ---------------------------------------------------------------------- */

enum { TYPE_ANY = 255 };

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The smallest TTL of the answers; whether one of them is of the type that was asked for. */
static int read_answers(yb_dns_reader *reader, uint16_t type, uint32_t *ttl, bool *ret_positive)
{
    *ret_positive = false;
    for (unsigned i = 0; i < reader->counts[1]; i++) {
        yb_dns_raw_record record;
        int r = yb_dns_read_record(reader, &record);
        if (r < 0)
            return r;
        ares_free_string(record.name);
        *ttl = smaller(*ttl, record.ttl);
        *ret_positive |= record.type == type || type == TYPE_ANY;
    }
    return 0;
}

/* What stands for a record that does not exist: the SOA's TTL and its last field, the smaller of
 * the two (RFC 2308, section 5).  Without SOA it is not kept. */
static uint32_t negative_ttl(yb_dns_reader *reader)
{
    for (unsigned i = 0; i < reader->counts[2]; i++) {
        yb_dns_raw_record record;
        if (yb_dns_read_record(reader, &record) < 0)
            return 0;
        ares_free_string(record.name);
        if (record.type == YIBU_DNS_SOA && record.size >= 20)
            return smaller(record.ttl, yb_dns_get32(record.data + record.size - 4));
    }
    return 0;
}

uint32_t yb_dns_lifetime(const void *message, size_t size)
{
    yb_dns_reader reader;
    uint16_t type = 0;
    uint32_t ttl = UINT32_MAX;
    bool positive;
    if (yb_dns_read_header(message, size, &reader) < 0 ||
        (reader.rcode != 0 && reader.rcode != NXDOMAIN))
        return 0;
    for (unsigned i = 0; i < reader.counts[0]; i++) {
        char *name;
        if (yb_dns_read_question(&reader, &name, &type) < 0)
            return 0;
        ares_free_string(name);
    }
    if (read_answers(&reader, type, &ttl, &positive) < 0)
        return 0;
    return positive && reader.rcode == 0 ? ttl : smaller(ttl, negative_ttl(&reader));
}

/* --- shared memory ---------------------------------------------------------------------------- */

yb_dns_message *yb_dns_message_new(const void *data, size_t size)
{
    yb_dns_message *message = calloc(1, sizeof(*message) + size);
    if (!message)
        return NULL;
    message->references = 1;
    message->size = size;
    memcpy(message->data, data, size);
    return message;
}

yb_dns_message *yb_dns_message_ref(yb_dns_message *message)
{
    message->references++;
    return message;
}

void yb_dns_message_unref(yb_dns_message *message)
{
    if (message && --message->references == 0)
        free(message);
}
