/* Names of addresses by the system's own resolver, as far as it needs no network; and the threads
 * that look names up, which nothing else uses. */
#include <netdb.h>

#include "gate.h"

static yibu_address address_of(const char *text, uint16_t port)
{
    yibu_address address;
    assert_int_equal(yibu_address_parse(text, port, &address), 0);
    return address;
}

LOOP_TEST(an_address_and_a_port_have_numeric_names)
{
    yibu_address address = address_of("192.0.2.1", 8080);
    char host[NI_MAXHOST], service[NI_MAXSERV];
    assert_int_equal(yibu_getnameinfo(&address, NI_NUMERICHOST | NI_NUMERICSERV, host, sizeof(host),
                                      service, sizeof(service)),
                     0);
    assert_string_equal(host, "192.0.2.1");
    assert_string_equal(service, "8080");
    return 0;
}

LOOP_TEST(only_what_is_wanted_is_looked_up)
{
    yibu_address address = address_of("::1", 80);
    char host[NI_MAXHOST], service[NI_MAXSERV];
    assert_int_equal(yibu_getnameinfo(&address, NI_NUMERICHOST, host, sizeof(host), NULL, 0), 0);
    assert_string_equal(host, "::1");
    assert_int_equal(yibu_getnameinfo(&address, NI_NUMERICSERV, NULL, 0, service, sizeof(service)),
                     0);
    assert_string_equal(service, "80");
    assert_int_equal(yibu_getnameinfo(&address, 0, NULL, 0, NULL, 0), -EINVAL);
    assert_int_equal(yibu_getnameinfo(NULL, 0, host, sizeof(host), NULL, 0), -EINVAL);
    return 0;
}

LOOP_TEST(a_name_that_does_not_fit_leaves_the_room_untouched)
{
    yibu_address address = address_of("192.0.2.1", 80);
    char host[] = "unchanged";
    int flags = NI_NUMERICHOST;
    assert_int_equal(yibu_getnameinfo(&address, flags, host, sizeof("192.0.2.1") - 1, NULL, 0),
                     -ENOSPC);
    assert_string_equal(host, "unchanged");
    assert_int_equal(yibu_getnameinfo(&address, flags, host, sizeof("192.0.2.1"), NULL, 0), 0);
    assert_string_equal(host, "192.0.2.1");
    return 0;
}

LOOP_TEST(an_address_that_is_none_has_no_name)
{
    yibu_address address = {.length = 4};
    char host[NI_MAXHOST];
    assert_int_equal(yibu_getnameinfo(&address, 0, host, sizeof(host), NULL, 0), YIBU_EAI_FAMILY);
    address.length = sizeof(address.storage) + 1;
    assert_int_equal(yibu_getnameinfo(&address, 0, host, sizeof(host), NULL, 0), -EINVAL);
    return 0;
}

typedef struct query {
    yibu_op op; /* first: its callback converts by cast */
    bool ended;
    ssize_t result;
} query;

static void note_end(yibu_op *op, ssize_t result)
{
    query *q = (query *)op;
    q->ended = true;
    q->result = result;
}

static void the_callback_form_copies_the_address(void **state)
{
    (void)state;
    yibu_loop *loop;
    query q = {.op = {.callback = note_end}};
    yibu_address address = address_of("192.0.2.1", 80);
    char host[NI_MAXHOST] = "";
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(
        yibu_op_getnameinfo(loop, &q.op, &address, NI_NUMERICHOST, host, sizeof(host), NULL, 0), 0);
    memset(&address, 0, sizeof(address));
    while (!q.ended)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
    assert_int_equal(q.result, 0);
    assert_string_equal(host, "192.0.2.1");
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void outside_of_a_task_there_is_only_the_callback_form(void **state)
{
    (void)state;
    yibu_address address = address_of("192.0.2.1", 80);
    char host[NI_MAXHOST];
    assert_int_equal(yibu_getnameinfo(&address, 0, host, sizeof(host), NULL, 0), YIBU_ENOTASK);
}

static intptr_t look_up(void *arg)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST};
    struct addrinfo *list;
    int r = yibu_getaddrinfo(arg, "1", &hints, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

THREADS_TEST(1, functions_that_block_do_not_delay_look_ups)
{
    gate g;
    gate_open(&g);
    yibu_task *blocking = yibu_create_task(pass_gate_on_a_thread, &g, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&g.started);
    assert_int_equal(look_up("127.0.0.1"), 0); /* the pool's only thread is busy */
    sem_post(&g.go);
    assert_int_equal(yibu_await(blocking), 0);
    yibu_task_unref(blocking);
    gate_close(&g);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_and_a_port_have_numeric_names),
        cmocka_unit_test(only_what_is_wanted_is_looked_up),
        cmocka_unit_test(a_name_that_does_not_fit_leaves_the_room_untouched),
        cmocka_unit_test(an_address_that_is_none_has_no_name),
        cmocka_unit_test(the_callback_form_copies_the_address),
        cmocka_unit_test(outside_of_a_task_there_is_only_the_callback_form),
        cmocka_unit_test(functions_that_block_do_not_delay_look_ups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
