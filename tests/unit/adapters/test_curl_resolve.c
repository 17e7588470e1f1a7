/* A resolver that takes long holds up neither the loop nor a cancel. */
#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <unistd.h>

#include "test.h"
#include <yibu/curl.h>

static atomic_int resolving;

/* In the place of libc's, for libcurl too. */
__attribute__((visibility("default"))) int getaddrinfo(const char *host, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **ret_list)
{
    (void)host;
    (void)service;
    (void)hints;
    (void)ret_list;
    atomic_fetch_add(&resolving, 1);
    sleep(3);
    atomic_fetch_sub(&resolving, 1);
    return EAI_NONAME;
}

static intptr_t fetch(void *unused)
{
    (void)unused;
    CURL *easy = curl_easy_init();
    assert_non_null(easy);
    curl_easy_setopt(easy, CURLOPT_URL, "http://slow.test/");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    int r = yibu_curl_perform(easy);
    curl_easy_cleanup(easy);
    return r;
}

static void wait_for_resolver(void)
{
    while (atomic_load(&resolving) == 0)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
}

LOOP_TEST(a_cancel_does_not_wait_for_the_resolver)
{
    yibu_loop *loop = yibu_get_running_loop();
    yibu_task *task = yibu_create_task(fetch, NULL, NULL);
    int64_t start = yibu_loop_time(loop);
    wait_for_resolver();
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_true(yibu_loop_time(loop) - start < YIBU_SECONDS(2));
    assert_int_equal(yibu_curl_cleanup(), 0);
    return 0;
}

LOOP_TEST(the_loop_goes_on_while_a_name_is_resolved)
{
    yibu_task *task = yibu_create_task(fetch, NULL, NULL);
    wait_for_resolver();
    int turns = 0;
    while (!yibu_task_done(task) && turns < 50) {
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
        turns++;
    }
    assert_int_equal(turns, 50);
    assert_int_equal(yibu_await(task), YIBU_CURL_ERROR(CURLE_COULDNT_RESOLVE_HOST));
    yibu_task_unref(task);
    assert_int_equal(yibu_curl_cleanup(), 0);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancel_does_not_wait_for_the_resolver),
        cmocka_unit_test(the_loop_goes_on_while_a_name_is_resolved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
