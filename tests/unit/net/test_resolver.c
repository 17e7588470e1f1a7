/* A resolver of the loop's own in libc's place: one that knows a single name, takes its time, and
 * counts what it is asked. */
#include <netdb.h>
#include <netinet/in.h>

#include "sockets.h"

enum { DELAY_MS = 1 };

typedef struct answer {
    yibu_timer timer;
    yibu_op *op;
    bool known;
    struct addrinfo **ret_list;
    char *ret_host;
    const char *service;
} answer;

static int asked, under_way;
static uint16_t service_asked_for;

static void hand_over(void *arg)
{
    answer *a = arg;
    yibu_op *op = a->op;
    ssize_t result = a->known ? 0 : YIBU_EAI_NONAME;
    if (a->known && a->ret_list)
        result = getaddrinfo("127.0.0.1", a->service, NULL, a->ret_list) ? YIBU_EAI_FAIL : 0;
    if (a->known && a->ret_host)
        strcpy(a->ret_host, "house.test");
    free(a);
    under_way--;
    yibu_op_complete(op, result);
}

static bool stop(yibu_op *op, void *data)
{
    (void)op;
    answer *a = data;
    yibu_timer_stop(&a->timer);
    free(a);
    under_way--;
    return true;
}

static int begin(yibu_loop *loop, yibu_op *op, answer *a)
{
    asked++;
    under_way++;
    a->op = op;
    int r = yibu_timer_start(loop, &a->timer, YIBU_MS(DELAY_MS), hand_over, a);
    return r < 0 ? r : yibu_op_begin(loop, op, stop, a);
}

static int find_addresses(yibu_loop *loop, yibu_op *op, const char *host, const char *service,
                          const struct addrinfo *hints, struct addrinfo **ret_list, void *arg)
{
    (void)hints;
    if (strcmp(host, "refused.test") == 0)
        return -EPERM;
    answer *a = calloc(1, sizeof(*a));
    a->known = strcmp(host, arg) == 0;
    a->ret_list = ret_list;
    static char port[8];
    snprintf(port, sizeof(port), "%s", service);
    a->service = port;
    service_asked_for = (uint16_t)atoi(port);
    return begin(loop, op, a);
}

static int find_name(yibu_loop *loop, yibu_op *op, const yibu_address *address, int flags,
                     char *ret_host, size_t host_size, char *ret_service, size_t service_size,
                     void *arg)
{
    (void)address, (void)flags, (void)host_size, (void)ret_service, (void)service_size, (void)arg;
    answer *a = calloc(1, sizeof(*a));
    a->known = true;
    a->ret_host = ret_host;
    return begin(loop, op, a);
}

static const yibu_resolver resolver = {sizeof(resolver), find_addresses, find_name,
                                       (void *)(uintptr_t) "house.test"};

static void use(const yibu_resolver *used)
{
    assert_int_equal(yibu_loop_set_resolver(yibu_get_running_loop(), used), 0);
    asked = 0;
}

static int look_up(const char *host)
{
    struct addrinfo *list;
    int r = yibu_getaddrinfo(host, "7", NULL, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

LOOP_TEST(names_are_looked_up_by_the_loop_s_resolver)
{
    use(&resolver);
    assert_ptr_equal(yibu_loop_get_resolver(yibu_get_running_loop()), &resolver);
    assert_int_equal(look_up("house.test"), 0);
    assert_int_equal(look_up("other.test"), YIBU_EAI_NONAME);
    assert_int_equal(look_up("refused.test"), -EPERM);
    assert_int_equal(asked, 2);
    yibu_address address;
    char host[NI_MAXHOST];
    assert_int_equal(yibu_address_parse("192.0.2.1", 1, &address), 0);
    assert_int_equal(yibu_getnameinfo(&address, 0, host, sizeof(host), NULL, 0), 0);
    assert_string_equal(host, "house.test");
    assert_int_equal(under_way, 0);
    return 0;
}

LOOP_TEST(libc_takes_over_again)
{
    use(&resolver);
    use(NULL);
    assert_null(yibu_loop_get_resolver(yibu_get_running_loop()));
    assert_int_equal(look_up("127.0.0.1"), 0);
    assert_int_equal(asked, 0);
    return 0;
}

LOOP_TEST(a_function_that_a_resolver_lacks_is_libc_s)
{
    static const yibu_resolver names_only = {.size = sizeof(names_only), .getnameinfo = find_name};
    use(&names_only);
    assert_int_equal(look_up("127.0.0.1"), 0);
    assert_int_equal(asked, 0);
    return 0;
}

LOOP_TEST(a_cancel_and_a_time_limit_reach_the_resolver)
{
    use(&resolver);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, 0);
    assert_int_equal(yibu_timeout_end(&limit, look_up("house.test")), -ETIMEDOUT);
    assert_int_equal(under_way, 0);
    return 0;
}

LOOP_TEST(connections_and_servers_use_it)
{
    int descriptors = test_count_descriptors();
    yibu_address address;
    int listener = test_listen(&address);
    use(&resolver);
    yibu_stream *stream;
    uint16_t port = yibu_address_port(&address);
    assert_int_equal(yibu_open_connection("house.test", port, NULL, &stream), 0);
    assert_int_equal(service_asked_for, port);
    yibu_stream_free(stream);
    int fd = yibu_tcp_connect("house.test", port);
    assert_true(fd >= 0);
    assert_int_equal(yibu_close(fd), 0);
    assert_int_equal(yibu_tcp_connect("other.test", port), YIBU_EAI_NONAME);
    assert_int_equal(asked, 3);
    assert_int_equal(yibu_close(listener), 0);
    assert_int_equal(test_count_descriptors(), descriptors);
    return 0;
}

static void what_is_no_resolver_is_refused(void **state)
{
    (void)state;
    yibu_loop *loop;
    static const yibu_resolver small = {.size = sizeof(size_t)};
    assert_int_equal(yibu_loop_set_resolver(NULL, &resolver), -EINVAL);
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(yibu_loop_set_resolver(loop, &small), -EINVAL);
    assert_int_equal(yibu_loop_free(loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_looked_up_by_the_loop_s_resolver),
        cmocka_unit_test(libc_takes_over_again),
        cmocka_unit_test(a_function_that_a_resolver_lacks_is_libc_s),
        cmocka_unit_test(a_cancel_and_a_time_limit_reach_the_resolver),
        cmocka_unit_test(connections_and_servers_use_it),
        cmocka_unit_test(what_is_no_resolver_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
