/* libcurl's transfers in tasks, against a server of the same loop. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "test.h"
#include <yibu/curl.h>

/* --- a server --------------------------------------------------------------------------------- */

typedef struct server {
    int listener;
    yibu_task *task;
    char url[64];
    unsigned accepted;
    unsigned answered;
    bool closes;        /* a connection after each answer */
    int64_t latency_ns; /* YIBU_FOREVER: it never answers */
} server;

typedef struct connection {
    server *server;
    int fd;
} connection;

static int answer(connection *c)
{
    char text[128];
    if (c->server->latency_ns > 0 && yibu_sleep(c->server->latency_ns) < 0)
        return -ECANCELED;
    c->server->answered++;
    int length = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n%s\r\nhello",
                          c->server->closes ? "Connection: close\r\n" : "");
    return yibu_send_all(c->fd, text, (size_t)length, NULL);
}

static intptr_t serve(void *arg)
{
    connection *c = arg;
    char request[4096];
    while (yibu_recv(c->fd, request, sizeof(request)) > 0)
        if (answer(c) < 0 || c->server->closes)
            break;
    yibu_close(c->fd);
    free(c);
    return 0;
}

static intptr_t accept_all(void *arg)
{
    server *s = arg;
    int fd;
    while ((fd = yibu_accept(s->listener, NULL)) >= 0) {
        connection *c = malloc(sizeof(*c));
        assert_non_null(c);
        *c = (connection){s, fd};
        s->accepted++;
        assert_int_equal(yibu_spawn(serve, c), 0);
    }
    return 0;
}

static void start_server(server *s)
{
    yibu_address address;
    s->listener = yibu_tcp_listen("127.0.0.1", 0, NULL);
    assert_true(s->listener >= 0);
    assert_int_equal(yibu_getsockname(s->listener, &address), 0);
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/", yibu_address_port(&address));
    s->task = yibu_create_task(accept_all, s, NULL);
    assert_non_null(s->task);
}

static void stop_server(server *s)
{
    yibu_task_cancel(s->task);
    yibu_await(s->task);
    yibu_task_unref(s->task);
    yibu_close(s->listener);
    assert_int_equal(yibu_curl_cleanup(), 0);
}

/* --- transfers -------------------------------------------------------------------------------- */

static size_t count_bytes(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    *(size_t *)arg += size * count;
    return size * count;
}

static CURL *new_easy(const char *url, size_t *received)
{
    CURL *easy = curl_easy_init();
    assert_non_null(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, count_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, received);
    return easy;
}

static intptr_t perform(void *easy)
{
    return yibu_curl_perform(easy);
}

/* A transfer in a task of its own. */
static intptr_t fetch(void *url)
{
    size_t received = 0;
    CURL *easy = new_easy(url, &received);
    int r = yibu_curl_perform(easy);
    curl_easy_cleanup(easy);
    return r < 0 ? r : (intptr_t)received;
}

LOOP_TEST(a_transfer_suspends_its_task_and_returns_0)
{
    server s = {0};
    size_t received = 0;
    long status = 0;
    start_server(&s);
    CURL *easy = new_easy(s.url, &received);
    assert_int_equal(yibu_curl_perform(easy), 0);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    assert_int_equal(status, 200);
    assert_int_equal(received, 5);
    curl_easy_cleanup(easy);
    stop_server(&s);
    return 0;
}

LOOP_TEST(transfers_of_many_tasks_overlap)
{
    enum { COUNT = 60 };
    server s = {.latency_ns = YIBU_MS(50)};
    yibu_task *tasks[COUNT];
    start_server(&s);
    int64_t start = yibu_loop_time(yibu_get_running_loop());
    for (int i = 0; i < COUNT; i++)
        tasks[i] = yibu_create_task(fetch, s.url, NULL);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(yibu_await(tasks[i]), 5);
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(s.answered, COUNT);
    assert_true(yibu_loop_time(yibu_get_running_loop()) - start < COUNT * YIBU_MS(50) / 2);
    stop_server(&s);
    return 0;
}

LOOP_TEST(connections_are_used_again_by_other_handles)
{
    server s = {0};
    start_server(&s);
    for (int i = 0; i < 10; i++)
        assert_int_equal(fetch(s.url), 5);
    assert_int_equal(s.accepted, 1);
    stop_server(&s);
    return 0;
}

/* curl closes its sockets, and the kernel hands their numbers out again at once. */
LOOP_TEST(descriptors_that_come_again_are_watched_anew)
{
    server s = {.closes = true};
    start_server(&s);
    for (int i = 0; i < 200; i++)
        assert_int_equal(fetch(s.url), 5);
    assert_int_equal(s.accepted, 200);
    stop_server(&s);
    return 0;
}

static intptr_t fetch_repeatedly(void *url)
{
    for (int i = 0; i < 20; i++)
        assert_int_equal(fetch(url), 5);
    return 0;
}

LOOP_TEST(descriptors_that_come_again_in_other_tasks_are_watched_anew)
{
    enum { COUNT = 16 };
    server s = {.closes = true};
    yibu_task *tasks[COUNT];
    start_server(&s);
    for (int i = 0; i < COUNT; i++)
        tasks[i] = yibu_create_task(fetch_repeatedly, s.url, NULL);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    stop_server(&s);
    return 0;
}

LOOP_TEST(a_refused_connection_is_curls_code)
{
    server s = {0};
    start_server(&s);
    stop_server(&s);
    intptr_t r = fetch(s.url);
    assert_int_equal(r, YIBU_CURL_ERROR(CURLE_COULDNT_CONNECT));
    assert_string_equal(yibu_curl_strerror(r), curl_easy_strerror(CURLE_COULDNT_CONNECT));
    assert_int_equal(yibu_curl_cleanup(), 0);
    return 0;
}

LOOP_TEST(a_cancel_breaks_the_transfer_off_and_leaves_the_handle_reusable)
{
    server s = {.latency_ns = YIBU_SECONDS(60)};
    size_t received = 0;
    start_server(&s);
    CURL *easy = new_easy(s.url, &received);
    yibu_task *task = yibu_create_task(perform, easy, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(20)), 0);
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    s.latency_ns = 0;
    assert_int_equal(yibu_curl_perform(easy), 0);
    assert_int_equal(received, 5);
    curl_easy_cleanup(easy);
    stop_server(&s);
    return 0;
}

LOOP_TEST(a_cancelled_task_starts_no_transfer)
{
    server s = {0};
    size_t received = 0;
    start_server(&s);
    CURL *easy = new_easy(s.url, &received);
    yibu_task *task = yibu_create_task(perform, easy, NULL);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(s.accepted, 0);
    curl_easy_cleanup(easy);
    stop_server(&s);
    return 0;
}

LOOP_TEST(a_time_limit_ends_a_transfer)
{
    server s = {.latency_ns = YIBU_SECONDS(60)};
    yibu_timeout limit;
    start_server(&s);
    yibu_timeout_begin(&limit, YIBU_MS(30));
    assert_int_equal(yibu_timeout_end(&limit, fetch(s.url)), -ETIMEDOUT);
    stop_server(&s);
    return 0;
}

LOOP_TEST(curls_own_time_limit_ends_a_transfer)
{
    server s = {.latency_ns = YIBU_SECONDS(60)};
    size_t received = 0;
    start_server(&s);
    CURL *easy = new_easy(s.url, &received);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 30L);
    assert_int_equal(yibu_curl_perform(easy), YIBU_CURL_ERROR(CURLE_OPERATION_TIMEDOUT));
    curl_easy_cleanup(easy);
    stop_server(&s);
    return 0;
}

LOOP_TEST(a_handle_that_is_under_way_is_busy)
{
    server s = {.latency_ns = YIBU_MS(50)};
    size_t received = 0;
    start_server(&s);
    CURL *easy = new_easy(s.url, &received);
    yibu_task *task = yibu_create_task(perform, easy, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(10)), 0);
    assert_int_equal(yibu_curl_perform(easy), -EBUSY);
    assert_int_equal(yibu_curl_cleanup(), -EBUSY);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    curl_easy_cleanup(easy);
    stop_server(&s);
    return 0;
}

static size_t refuse_bytes(char *data, size_t size, size_t count, void *arg)
{
    (void)data;
    (void)size;
    (void)count;
    (void)arg;
    return 0;
}

LOOP_TEST(a_callback_that_gives_up_ends_the_transfer)
{
    server s = {0};
    start_server(&s);
    CURL *easy = new_easy(s.url, NULL);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, refuse_bytes);
    assert_int_equal(yibu_curl_perform(easy), YIBU_CURL_ERROR(CURLE_WRITE_ERROR));
    curl_easy_cleanup(easy);
    stop_server(&s);
    return 0;
}

LOOP_TEST(limits_of_the_multi_handle_hold)
{
    server s = {.latency_ns = YIBU_MS(5)};
    yibu_task *tasks[8];
    start_server(&s);
    curl_multi_setopt(yibu_curl_multi(), CURLMOPT_MAX_HOST_CONNECTIONS, 2L);
    for (int i = 0; i < 8; i++)
        tasks[i] = yibu_create_task(fetch, s.url, NULL);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(yibu_await(tasks[i]), 5);
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(s.accepted, 2);
    stop_server(&s);
    return 0;
}

/* --- outside a loop --------------------------------------------------------------------------- */

static void a_transfer_outside_a_task_is_refused(void **state)
{
    (void)state;
    size_t received = 0;
    CURL *easy = new_easy("http://127.0.0.1/", &received);
    assert_int_equal(yibu_curl_perform(easy), YIBU_ENOTASK);
    assert_int_equal(yibu_curl_perform(NULL), -EINVAL);
    curl_easy_cleanup(easy);
}

static intptr_t fetch_and_keep(void *arg)
{
    server *s = arg;
    start_server(s);
    intptr_t r = fetch(s->url);
    yibu_task_cancel(s->task);
    yibu_await(s->task);
    yibu_task_unref(s->task);
    yibu_close(s->listener);
    return r;
}

/* The second loop finds the multi handle that the first one left, with a dead connection in it. */
static void the_multi_handle_outlives_a_loop(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        server s = {0};
        assert_int_equal(yibu_run(fetch_and_keep, &s, NULL), 5);
    }
    assert_int_equal(yibu_curl_cleanup(), 0);
    assert_int_equal(yibu_curl_cleanup(), 0);
}

static void every_code_has_a_sentence(void **state)
{
    (void)state;
    for (int code = 1; code < CURL_LAST; code++)
        assert_string_equal(yibu_curl_strerror(YIBU_CURL_ERROR(code)),
                            curl_easy_strerror((CURLcode)code));
    assert_string_equal(yibu_curl_strerror(-ECANCELED), yibu_strerror(-ECANCELED));
    assert_non_null(yibu_curl_strerror(YIBU_CURL_ERROR(CURL_LAST)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_suspends_its_task_and_returns_0),
        cmocka_unit_test(transfers_of_many_tasks_overlap),
        cmocka_unit_test(connections_are_used_again_by_other_handles),
        cmocka_unit_test(descriptors_that_come_again_are_watched_anew),
        cmocka_unit_test(descriptors_that_come_again_in_other_tasks_are_watched_anew),
        cmocka_unit_test(a_refused_connection_is_curls_code),
        cmocka_unit_test(a_cancel_breaks_the_transfer_off_and_leaves_the_handle_reusable),
        cmocka_unit_test(a_cancelled_task_starts_no_transfer),
        cmocka_unit_test(a_time_limit_ends_a_transfer),
        cmocka_unit_test(curls_own_time_limit_ends_a_transfer),
        cmocka_unit_test(a_handle_that_is_under_way_is_busy),
        cmocka_unit_test(a_callback_that_gives_up_ends_the_transfer),
        cmocka_unit_test(limits_of_the_multi_handle_hold),
        cmocka_unit_test(a_transfer_outside_a_task_is_refused),
        cmocka_unit_test(the_multi_handle_outlives_a_loop),
        cmocka_unit_test(every_code_has_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
