/* Answers of name servers: whatever the bytes are, they are read or refused, nothing beyond them is
 * touched, and what is read is well-formed. */
#include <yibu/dns.h>

#include "check.h"

static size_t checked; /* so that nothing is left out */

static void check_text(const yibu_dns_text *text)
{
    if (text->data)
        CHECK(text->data[text->size] == '\0');
    checked += text->size;
}

static void check_name(const char *name)
{
    if (name)
        checked += strlen(name);
}

static void check_record(const yibu_dns_record *record)
{
    check_name(record->name);
    CHECK(record->name != NULL && record->data != NULL);
    for (size_t i = 0; i < record->size; i++)
        checked += record->data[i];
    switch (record->type) {
    case YIBU_DNS_CNAME:
    case YIBU_DNS_NS:
    case YIBU_DNS_PTR:
        CHECK(record->target != NULL);
        check_name(record->target);
        break;
    case YIBU_DNS_MX:
        check_name(record->mx.host);
        break;
    case YIBU_DNS_SRV:
        check_name(record->srv.host);
        break;
    case YIBU_DNS_TXT:
        for (size_t i = 0; i < record->txt.count; i++)
            check_text(&record->txt.strings[i]);
        break;
    case YIBU_DNS_SOA:
        check_name(record->soa.server);
        check_name(record->soa.mailbox);
        break;
    case YIBU_DNS_CAA:
        check_text(&record->caa.tag);
        check_text(&record->caa.value);
        break;
    case YIBU_DNS_NAPTR:
        check_text(&record->naptr.regexp);
        check_name(record->naptr.replacement);
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yibu_dns_answer *answer = NULL;
    int r = yibu_dns_answer_parse(data, size, &answer);
    if (r < 0) {
        CHECK(answer == NULL);
        CHECK(r == YIBU_EAI_FAIL || r == YIBU_EAI_NONAME || r == YIBU_EAI_AGAIN);
        return 0;
    }
    CHECK(answer->count <= size / 11);
    for (size_t i = 0; i < answer->count; i++)
        check_record(&answer->records[i]);
    yibu_dns_answer_free(answer);
    return 0;
}
