/* Addresses as text and back. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "test.h"

static void expect_text(const char *text, uint16_t port, const char *expected)
{
    yibu_address address;
    char written[YIBU_ADDRESS_TEXT];
    assert_int_equal(yibu_address_parse(text, port, &address), 0);
    assert_int_equal(yibu_address_port(&address), port);
    assert_int_equal(yibu_address_format(&address, written, sizeof(written)), strlen(expected));
    assert_string_equal(written, expected);
}

static void ipv4_is_written_as_it_was_read(void **state)
{
    (void)state;
    expect_text("127.0.0.1", 80, "127.0.0.1:80");
    expect_text("0.0.0.0", 0, "0.0.0.0:0");
    expect_text("255.255.255.255", 65535, "255.255.255.255:65535");
}

/* The examples of RFC 5952, sections 4 and 5. */
static void ipv6_is_written_in_its_recommended_form(void **state)
{
    (void)state;
    expect_text("2001:0db8::0001", 80, "[2001:db8::1]:80");
    expect_text("2001:db8:0:0:0:0:2:1", 80, "[2001:db8::2:1]:80");
    expect_text("2001:db8:0:1:1:1:1:1", 80, "[2001:db8:0:1:1:1:1:1]:80");
    expect_text("2001:0:0:1:0:0:0:1", 80, "[2001:0:0:1::1]:80");
    expect_text("2001:db8:0:0:1:0:0:1", 80, "[2001:db8::1:0:0:1]:80");
    expect_text("2001:DB8::ABCD", 80, "[2001:db8::abcd]:80");
    expect_text("::FFFF:192.0.2.1", 80, "[::ffff:192.0.2.1]:80");
    expect_text("::1", 443, "[::1]:443");
    expect_text("::", 443, "[::]:443");
}

static void a_scope_is_an_interface_by_name_or_number(void **state)
{
    (void)state;
    char expected[YIBU_ADDRESS_TEXT], name[IF_NAMESIZE];
    if (!if_indextoname(1, name))
        skip();
    (void)snprintf(expected, sizeof(expected), "[fe80::1%%%s]:80", name);
    expect_text("fe80::1%1", 80, expected);
    char by_name[64];
    (void)snprintf(by_name, sizeof(by_name), "fe80::1%%%s", name);
    expect_text(by_name, 80, expected);
    expect_text("fe80::1%999999", 80, "[fe80::1%999999]:80");
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.4 ",
        "0x7f.1",
        "01.2.3.4",
        ":",
        ":::",
        "1::2::3",
        "[::1]",
        "12345::",
        "::1%",
        "::1%nosuch0",
        "::1%99999999999999999999",
        "g::",
        "1.2.3.4:80",
        "fe80::1%1x",
        "::1.2.3",
        "1:2:3:4:5:6:7:8:9",
        "0000000000000000000000000000000000000000000000000000000000000001::"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        yibu_address address = {.length = 12345};
        assert_int_equal(yibu_address_parse(wrong[i], 1, &address), -EINVAL);
        assert_int_equal(address.length, 12345);
    }
    assert_int_equal(yibu_address_parse("::1", 1, NULL), -EINVAL);
}

static void no_text_is_every_local_address(void **state)
{
    (void)state;
    yibu_address address, same;
    assert_int_equal(yibu_address_parse(NULL, 7, &address), 0);
    assert_int_equal(yibu_address_parse("", 7, &same), 0);
    assert_memory_equal(&address, &same, sizeof(address));
    char text[YIBU_ADDRESS_TEXT];
    assert_true(yibu_address_format(&address, text, sizeof(text)) > 0);
    if (address.storage.ss_family == AF_INET6)
        assert_string_equal(text, "[::]:7");
    else
        assert_string_equal(text, "0.0.0.0:7");
}

static yibu_address unix_address(const char *path, size_t size)
{
    yibu_address address = {.storage.ss_family = AF_UNIX};
    memcpy((char *)&address.storage + offsetof(struct sockaddr_un, sun_path), path, size);
    address.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return address;
}

static void expect_unix(const char *path, size_t size, const char *expected)
{
    yibu_address address = unix_address(path, size);
    char text[YIBU_ADDRESS_TEXT];
    assert_int_equal(yibu_address_format(&address, text, sizeof(text)), strlen(expected));
    assert_string_equal(text, expected);
    assert_int_equal(yibu_address_port(&address), 0);
}

static void unix_sockets_have_a_path_a_name_or_nothing(void **state)
{
    (void)state;
    expect_unix("/run/x", sizeof("/run/x"), "unix:/run/x");
    expect_unix("/run/x", sizeof("/run/x") - 1, "unix:/run/x");
    expect_unix("\0name", 5, "unix:@name");
    expect_unix("", 0, "unix:");
    char longest[108], expected[5 + 108 + 1] = "unix:";
    memset(longest, 'p', sizeof(longest));
    memset(expected + 5, 'p', sizeof(longest));
    expect_unix(longest, sizeof(longest), expected);
}

static void too_little_room_is_noticed_and_still_ends_the_text(void **state)
{
    (void)state;
    yibu_address address;
    assert_int_equal(yibu_address_parse("2001:db8::1", 65535, &address), 0);
    const char *whole = "[2001:db8::1]:65535";
    char text[32];
    for (size_t size = 1; size <= strlen(whole); size++) {
        memset(text, 'x', sizeof(text));
        assert_int_equal(yibu_address_format(&address, text, size), -ENOSPC);
        assert_int_equal(strlen(text), size - 1);
        assert_int_equal(text[size], 'x');
    }
    assert_int_equal(yibu_address_format(&address, text, strlen(whole) + 1), strlen(whole));
    assert_int_equal(yibu_address_format(&address, NULL, 0), -ENOSPC);
    assert_int_equal(yibu_address_format(NULL, text, sizeof(text)), -EINVAL);
}

static void other_families_are_named_by_number(void **state)
{
    (void)state;
    yibu_address address = {.storage.ss_family = AF_PACKET, .length = sizeof(address.storage)};
    char text[YIBU_ADDRESS_TEXT];
    assert_true(yibu_address_format(&address, text, sizeof(text)) > 0);
    assert_string_equal(text, "family 17");
    assert_int_equal(yibu_address_port(&address), 0);
}

static void a_socket_tells_where_it_is_bound(void **state)
{
    (void)state;
    yibu_address address;
    int fd = yibu_tcp_listen("127.0.0.1", 0, NULL);
    assert_true(fd >= 0);
    assert_int_equal(yibu_getsockname(fd, &address), 0);
    assert_int_not_equal(yibu_address_port(&address), 0);
    char text[YIBU_ADDRESS_TEXT];
    assert_true(yibu_address_format(&address, text, sizeof(text)) > 0);
    assert_memory_equal(text, "127.0.0.1:", 10);
    assert_int_equal(close(fd), 0);

    yibu_address untouched = {.length = 12345};
    assert_int_equal(yibu_getsockname(-1, &untouched), -EBADF);
    assert_int_equal(untouched.length, 12345);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_is_written_as_it_was_read),
        cmocka_unit_test(ipv6_is_written_in_its_recommended_form),
        cmocka_unit_test(a_scope_is_an_interface_by_name_or_number),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(no_text_is_every_local_address),
        cmocka_unit_test(unix_sockets_have_a_path_a_name_or_nothing),
        cmocka_unit_test(too_little_room_is_noticed_and_still_ends_the_text),
        cmocka_unit_test(other_families_are_named_by_number),
        cmocka_unit_test(a_socket_tells_where_it_is_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
