/* Name resolution by the system's own resolver, as far as it needs no network. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>

#include "test.h"

static int resolve(const char *host, const char *service, int flags, int family, int socktype)
{
    struct addrinfo hints = {.ai_flags = flags, .ai_family = family, .ai_socktype = socktype};
    struct addrinfo *untouched = (struct addrinfo *)&hints, *list = untouched;
    int r = yibu_getaddrinfo(host, service, &hints, &list);
    if (r == 0)
        freeaddrinfo(list);
    else
        assert_ptr_equal(list, untouched);
    return r;
}

LOOP_TEST(a_numeric_address_resolves_to_itself)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    assert_int_equal(yibu_getaddrinfo("127.0.0.1", "8080", &hints, &list), 0);
    assert_int_equal(list->ai_family, AF_INET);
    assert_int_equal(list->ai_socktype, SOCK_STREAM);
    assert_null(list->ai_next);
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)list->ai_addr;
    assert_int_equal(ntohl(in->sin_addr.s_addr), INADDR_LOOPBACK);
    assert_int_equal(ntohs(in->sin_port), 8080);
    freeaddrinfo(list);
    return 0;
}

LOOP_TEST(hints_are_not_needed)
{
    struct addrinfo *list;
    assert_int_equal(yibu_getaddrinfo("::1", NULL, NULL, &list), 0);
    assert_int_equal(list->ai_family, AF_INET6);
    freeaddrinfo(list);
    return 0;
}

LOOP_TEST(each_failure_has_its_code)
{
    assert_int_equal(resolve("not a number", NULL, AI_NUMERICHOST, 0, 0), YIBU_EAI_NONAME);
    assert_int_equal(resolve(NULL, NULL, 0, 0, 0), YIBU_EAI_NONAME);
    assert_int_equal(resolve("::1", NULL, AI_NUMERICHOST, AF_INET, 0), YIBU_EAI_NONAME);
    assert_int_equal(resolve("127.0.0.1", "no such service", 0, 0, SOCK_STREAM), YIBU_EAI_SERVICE);
    assert_int_equal(resolve("127.0.0.1", NULL, 0x40000000, 0, 0), YIBU_EAI_BADFLAGS);
    assert_int_equal(resolve("127.0.0.1", NULL, 0, 12345, 0), YIBU_EAI_FAMILY);
    assert_int_equal(resolve("127.0.0.1", NULL, 0, 0, 12345), YIBU_EAI_SOCKTYPE);
    return 0;
}

LOOP_TEST(somewhere_to_put_the_list_is_needed)
{
    assert_int_equal(yibu_getaddrinfo("127.0.0.1", NULL, NULL, NULL), -EINVAL);
    return 0;
}

static void only_a_task_can_wait_for_a_name(void **state)
{
    (void)state;
    struct addrinfo *list;
    assert_int_equal(yibu_getaddrinfo("127.0.0.1", NULL, NULL, &list), YIBU_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_numeric_address_resolves_to_itself),
        cmocka_unit_test(hints_are_not_needed),
        cmocka_unit_test(each_failure_has_its_code),
        cmocka_unit_test(somewhere_to_put_the_list_is_needed),
        cmocka_unit_test(only_a_task_can_wait_for_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
