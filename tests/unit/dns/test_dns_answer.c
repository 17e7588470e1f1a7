/* Answers as they come by the wire, every type that is told in fields, and what is malformed. */
#include "dns_server.h"

static uint8_t message[4096];

static size_t begin(void)
{
    memset(message, 0, sizeof(message));
    message[2] = 0x80;
    message[5] = 1; /* a question */
    size_t size = dns_put_name(message, DNS_HEADER, "a.example");
    return dns_put16(message, dns_put16(message, size, 255), 1);
}

/* The only record of an answer that has data of that type. */
static yibu_dns_answer *parse(uint16_t type, const void *data, size_t length)
{
    yibu_dns_answer *answer;
    size_t size = dns_put_record(message, begin(), DNS_ANSWER, type, 5, data, length);
    assert_int_equal(yibu_dns_answer_parse(message, size, &answer), 0);
    assert_int_equal(answer->count, 1);
    assert_int_equal(answer->records[0].type, type);
    assert_int_equal(answer->records[0].ttl, 5);
    assert_int_equal(answer->records[0].size, length);
    assert_memory_equal(answer->records[0].data, data, length);
    assert_string_equal(answer->records[0].name, "a.example");
    return answer;
}

static void refuse(uint16_t type, const void *data, size_t length)
{
    yibu_dns_answer *answer = NULL;
    size_t size = dns_put_record(message, begin(), DNS_ANSWER, type, 5, data, length);
    assert_int_equal(yibu_dns_answer_parse(message, size, &answer), YIBU_EAI_FAIL);
    assert_null(answer);
}

static void addresses_are_read(void **state)
{
    (void)state;
    yibu_dns_answer *answer = parse(YIBU_DNS_A, "\1\2\3\4", 4);
    assert_int_equal(ntohl(answer->records[0].a.s_addr), 0x01020304);
    yibu_dns_answer_free(answer);
    answer = parse(YIBU_DNS_AAAA, &in6addr_loopback, 16);
    assert_true(IN6_IS_ADDR_LOOPBACK(&answer->records[0].aaaa));
    yibu_dns_answer_free(answer);
    refuse(YIBU_DNS_A, "\1\2\3", 3);
    refuse(YIBU_DNS_AAAA, &in6addr_loopback, 15);
}

static void names_are_read(void **state)
{
    (void)state;
    uint8_t data[64];
    static const uint16_t types[] = {YIBU_DNS_CNAME, YIBU_DNS_DNAME, YIBU_DNS_NS, YIBU_DNS_PTR};
    size_t length = dns_put_name(data, 0, "b.example");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        yibu_dns_answer *answer = parse(types[i], data, length);
        assert_string_equal(answer->records[0].target, "b.example");
        yibu_dns_answer_free(answer);
        refuse(types[i], data, length - 1);
    }
}

static void mail_exchangers_are_read(void **state)
{
    (void)state;
    uint8_t data[64];
    size_t length = dns_put_name(data, dns_put16(data, 0, 10), "mail.example");
    yibu_dns_answer *answer = parse(YIBU_DNS_MX, data, length);
    assert_int_equal(answer->records[0].mx.preference, 10);
    assert_string_equal(answer->records[0].mx.host, "mail.example");
    yibu_dns_answer_free(answer);
    refuse(YIBU_DNS_MX, data, 1);
    refuse(YIBU_DNS_MX, data, 2);
}

static void services_are_read(void **state)
{
    (void)state;
    uint8_t data[64];
    size_t length = dns_put16(data, dns_put16(data, dns_put16(data, 0, 1), 2), 443);
    length = dns_put_name(data, length, "web.example");
    yibu_dns_answer *answer = parse(YIBU_DNS_SRV, data, length);
    assert_int_equal(answer->records[0].srv.priority, 1);
    assert_int_equal(answer->records[0].srv.weight, 2);
    assert_int_equal(answer->records[0].srv.port, 443);
    assert_string_equal(answer->records[0].srv.host, "web.example");
    yibu_dns_answer_free(answer);
    refuse(YIBU_DNS_SRV, data, 5);
}

static void texts_are_read(void **state)
{
    (void)state;
    yibu_dns_answer *answer = parse(YIBU_DNS_TXT, "\3one\0\5t\0wo!", 11);
    assert_int_equal(answer->records[0].txt.count, 3);
    const yibu_dns_text *strings = answer->records[0].txt.strings;
    assert_string_equal(strings[0].data, "one");
    assert_int_equal(strings[1].size, 0);
    assert_int_equal(strings[2].size, 5);
    assert_memory_equal(strings[2].data, "t\0wo!", 6);
    yibu_dns_answer_free(answer);
    refuse(YIBU_DNS_TXT, "\5four", 5);
}

static void starts_of_authority_are_read(void **state)
{
    (void)state;
    yibu_dns_answer *answer;
    uint8_t data[64];
    size_t length = dns_put_name(data, dns_put_name(data, 0, "ns.example"), "host.example");
    for (uint32_t i = 1; i <= 5; i++)
        length = dns_put32(data, length, i);
    answer = parse(YIBU_DNS_SOA, data, length);
    assert_string_equal(answer->records[0].soa.server, "ns.example");
    assert_string_equal(answer->records[0].soa.mailbox, "host.example");
    assert_int_equal(answer->records[0].soa.serial, 1);
    assert_int_equal(answer->records[0].soa.minimum, 5);
    yibu_dns_answer_free(answer);
    refuse(YIBU_DNS_SOA, data, length - 1);
}

static void certification_authorities_are_read(void **state)
{
    (void)state;
    yibu_dns_answer *answer = parse(YIBU_DNS_CAA, "\200\5issueca.example", 17);
    assert_int_equal(answer->records[0].caa.flags, 128);
    assert_string_equal(answer->records[0].caa.tag.data, "issue");
    assert_string_equal(answer->records[0].caa.value.data, "ca.example");
    yibu_dns_answer_free(answer);
    refuse(YIBU_DNS_CAA, "\200\5issu", 6);
}

static void naming_authority_pointers_are_read(void **state)
{
    (void)state;
    uint8_t data[64];
    size_t length = dns_put16(data, dns_put16(data, 0, 7), 8);
    length = dns_put(data, length, "\1U\4SIP+\0", 8);
    length = dns_put_name(data, length, "sip.example");
    yibu_dns_answer *answer = parse(YIBU_DNS_NAPTR, data, length);
    assert_int_equal(answer->records[0].naptr.order, 7);
    assert_string_equal(answer->records[0].naptr.services.data, "SIP+");
    assert_string_equal(answer->records[0].naptr.replacement, "sip.example");
    yibu_dns_answer_free(answer);
}

static void other_types_are_bytes(void **state)
{
    (void)state;
    yibu_dns_answer *answer = parse(65280, "anything", 8);
    yibu_dns_answer_free(answer);
}

static void unusual_names_are_escaped(void **state)
{
    (void)state;
    yibu_dns_answer *answer = parse(YIBU_DNS_NS, "\4a.b\1\7example", 14);
    assert_string_equal(answer->records[0].target, "a\\.b\\001.example");
    yibu_dns_answer_free(answer);
}

static void a_server_s_refusal_has_its_code(void **state)
{
    (void)state;
    static const int codes[] = {
        0, YIBU_EAI_FAIL, YIBU_EAI_AGAIN, YIBU_EAI_NONAME, YIBU_EAI_FAIL, YIBU_EAI_AGAIN};
    for (unsigned rcode = 1; rcode < 6; rcode++) {
        yibu_dns_answer *answer = NULL;
        size_t size = begin();
        dns_set_rcode(message, rcode);
        assert_int_equal(yibu_dns_answer_parse(message, size, &answer), codes[rcode]);
        assert_null(answer);
    }
}

static void what_is_no_answer_is_refused(void **state)
{
    (void)state;
    yibu_dns_answer *answer;
    size_t size = begin();
    assert_int_equal(yibu_dns_answer_parse(message, 11, &answer), YIBU_EAI_FAIL);
    message[2] = 0; /* a query */
    assert_int_equal(yibu_dns_answer_parse(message, size, &answer), YIBU_EAI_FAIL);
    assert_int_equal(yibu_dns_answer_parse(NULL, 0, &answer), -EINVAL);
    size = begin();
    message[DNS_ANSWER] = 0xff; /* records that are not there */
    assert_int_equal(yibu_dns_answer_parse(message, size, &answer), YIBU_EAI_FAIL);
    /* A name that points to itself. */
    size = dns_put_record(message, begin(), DNS_ANSWER, YIBU_DNS_NS, 5, "\300\047", 2);
    assert_int_equal(yibu_dns_answer_parse(message, size, &answer), YIBU_EAI_FAIL);
    yibu_dns_answer_free(NULL);
}

static void an_answer_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    uint8_t data[64];
    size_t length = dns_put_name(data, dns_put16(data, 0, 10), "mail.example");
    size_t size = dns_put_record(message, begin(), DNS_ANSWER, YIBU_DNS_MX, 5, data, length);
    for (size_t cut = 0; cut < size; cut++) {
        yibu_dns_answer *answer = NULL;
        uint8_t *copy = malloc(cut + 1);
        memcpy(copy, message, cut);
        assert_int_equal(yibu_dns_answer_parse(copy, cut, &answer), YIBU_EAI_FAIL);
        assert_null(answer);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(mail_exchangers_are_read),
        cmocka_unit_test(services_are_read),
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(starts_of_authority_are_read),
        cmocka_unit_test(certification_authorities_are_read),
        cmocka_unit_test(naming_authority_pointers_are_read),
        cmocka_unit_test(other_types_are_bytes),
        cmocka_unit_test(unusual_names_are_escaped),
        cmocka_unit_test(a_server_s_refusal_has_its_code),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(an_answer_cut_off_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
