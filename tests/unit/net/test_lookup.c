/* What becomes of look-ups, by a resolver of the test's own in libc's place: it answers when it is
 * told to, and counts what it gave out and got back. */
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "gate.h"
#include "streams.h"

static gate asked;
static _Atomic(int) lists, answers;
static uint16_t open_port;

static struct addrinfo *new_entry(const char *host, uint16_t port)
{
    struct addrinfo *entry = calloc(1, sizeof(*entry) + sizeof(struct sockaddr_in6));
    yibu_address address;
    assert_int_equal(yibu_address_parse(host, port, &address), 0);
    memcpy(entry + 1, &address.storage, address.length);
    entry->ai_addr = (struct sockaddr *)(void *)(entry + 1);
    entry->ai_addrlen = address.length;
    entry->ai_family = address.storage.ss_family;
    entry->ai_socktype = SOCK_STREAM;
    return entry;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    (void)service;
    assert_non_null(hints);
    if (strncmp(host, "slow", 4) == 0)
        (void)pass_gate(&asked);
    if (strcmp(host, "busy.test") == 0)
        return EAI_AGAIN;
    if (strcmp(host, "failing.test") == 0)
        return EAI_FAIL;
    if (strcmp(host, "broken.test") == 0) {
        errno = EIO;
        return EAI_SYSTEM;
    }
    atomic_fetch_add(&lists, 1);
    *ret_list = new_entry("224.0.0.1", open_port); /* where TCP cannot go */
    if (strcmp(host, "nowhere.test") != 0)
        (*ret_list)->ai_next = new_entry("127.0.0.1", open_port);
    atomic_fetch_add(&answers, 1); /* last: a list that was answered is counted */
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    assert_non_null(list);
    atomic_fetch_sub(&lists, 1);
    for (struct addrinfo *next; list; list = next) {
        next = list->ai_next;
        free(list);
    }
}

static int open_asked(void **state)
{
    (void)state;
    gate_open(&asked);
    atomic_store(&answers, 0);
    return 0;
}

static int close_asked(void **state)
{
    (void)state;
    gate_close(&asked);
    return atomic_load(&lists);
}

static intptr_t look_up(void *arg)
{
    struct addrinfo *list;
    int r = yibu_getaddrinfo(arg, "1", NULL, &list);
    if (r == 0)
        freeaddrinfo(list);
    return r;
}

LOOP_TEST(failures_of_the_resolver_have_their_codes)
{
    assert_int_equal(look_up("busy.test"), YIBU_EAI_AGAIN);
    assert_int_equal(look_up("failing.test"), YIBU_EAI_FAIL);
    assert_int_equal(look_up("broken.test"), -EIO);
    return 0;
}

LOOP_TEST(the_loop_goes_on_while_the_resolver_takes_its_time)
{
    yibu_task *task = yibu_create_task(look_up, "slow.test", NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&asked.started);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_false(yibu_task_done(task));
    sem_post(&asked.go);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    return 0;
}

LOOP_TEST(a_cancelled_look_up_returns_before_the_resolver_does)
{
    yibu_task *task = yibu_create_task(look_up, "slow.test", NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&asked.started);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_int_equal(atomic_load(&answers), 0);
    yibu_task_unref(task);
    sem_post(&asked.go);
    while (atomic_load(&answers) == 0 || atomic_load(&lists) > 0)
        assert_int_equal(yibu_sleep(0), 0);
    return 0;
}

static void wait_for_answer(void)
{
    sem_post(&asked.go);
    while (atomic_load(&answers) == 0 || atomic_load(&lists) > 0)
        sched_yield();
}

static intptr_t expire_once_asked(void *limit)
{
    wait_on(&asked.started);
    return yibu_timeout_reschedule(limit, 0);
}

LOOP_TEST(a_time_limit_holds_however_long_the_resolver_takes)
{
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_FOREVER);
    assert_int_equal(yibu_spawn(expire_once_asked, &limit), 0);
    assert_int_equal(yibu_timeout_end(&limit, look_up("slow.test")), -ETIMEDOUT);
    wait_for_answer();
    return 0;
}

static intptr_t cancel_a_look_up(void *arg)
{
    (void)arg;
    yibu_task *task = yibu_create_task(look_up, "slow.test", NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&asked.started);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    return 0;
}

static void the_end_of_the_loop_does_not_wait_for_a_resolver_nobody_asks_any_more(void **state)
{
    (void)state;
    assert_int_equal(yibu_run(cancel_a_look_up, NULL, NULL), 0);
    assert_int_equal(atomic_load(&answers), 0);
    wait_for_answer();
}

THREADS_TEST(1, a_look_up_that_waits_for_a_thread_is_withdrawn)
{
    yibu_task *first = yibu_create_task(look_up, "slow.test", NULL);
    yibu_task *second = yibu_create_task(look_up, "slow.test", NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&asked.started);
    yibu_task_cancel(second);
    assert_int_equal(yibu_await(second), -ECANCELED);
    sem_post(&asked.go);
    assert_int_equal(yibu_await(first), 0);
    assert_int_equal(atomic_load(&answers), 1);
    yibu_task_unref(first);
    yibu_task_unref(second);
    return 0;
}

/* Cancels at the moment of the answer: the list is had by somebody and freed by somebody. */
LOOP_TEST(no_list_is_lost_when_cancel_and_answer_race)
{
    for (int i = 0; i < 300; i++) {
        yibu_task *task = yibu_create_task(look_up, "slow.test", NULL);
        assert_int_equal(yibu_sleep(0), 0);
        wait_on(&asked.started);
        sem_post(&asked.go);
        for (int spins = (i * 37) % 2000; spins > 0; spins--)
            atomic_thread_fence(memory_order_seq_cst);
        yibu_task_cancel(task);
        intptr_t r = yibu_await(task);
        assert_true(r == 0 || r == -ECANCELED);
        yibu_task_unref(task);
    }
    while (atomic_load(&answers) < 300 || atomic_load(&lists) > 0)
        assert_int_equal(yibu_sleep(0), 0);
    return 0;
}

typedef struct query {
    yibu_op op; /* first: its callback converts by cast */
    int calls;
    ssize_t result;
} query;

static void note_end(yibu_op *op, ssize_t result)
{
    query *q = (query *)op;
    q->calls++;
    q->result = result;
}

static void run_until_called(yibu_loop *loop, const query *q)
{
    while (q->calls == 0)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
}

static void the_callback_form_copies_its_strings_and_hands_the_list_over(void **state)
{
    (void)state;
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    query q = {.op = {.callback = note_end}};
    struct addrinfo *list = NULL;
    char host[] = "slow.test", service[] = "1";
    assert_int_equal(yibu_op_getaddrinfo(loop, &q.op, host, service, NULL, &list), 0);
    memset(host, 'x', sizeof(host) - 1);
    memset(service, 'x', sizeof(service) - 1);
    sem_post(&asked.go);
    assert_int_equal(q.calls, 0);
    run_until_called(loop, &q);
    assert_int_equal(q.result, 0);
    assert_non_null(list);
    freeaddrinfo(list);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void the_callback_form_is_cancelled_at_once(void **state)
{
    (void)state;
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    query q = {.op = {.callback = note_end}};
    struct addrinfo *list = NULL;
    assert_int_equal(yibu_op_getaddrinfo(loop, &q.op, "slow.test", NULL, NULL, &list), 0);
    wait_on(&asked.started);
    assert_int_equal(yibu_op_cancel(&q.op), 0);
    run_until_called(loop, &q);
    assert_int_equal(q.result, -ECANCELED);
    assert_null(list);
    assert_int_equal(yibu_op_getaddrinfo(loop, &q.op, "x.test", NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(q.calls, 1);
    wait_for_answer();
}

LOOP_TEST(connect_tries_one_address_after_another)
{
    int listener = listen_anywhere(&open_port);
    int fd = yibu_tcp_connect("both.test", open_port);
    assert_true(fd >= 0);
    int accepted = yibu_accept(listener, NULL);
    assert_true(accepted >= 0);
    assert_int_equal(yibu_close(fd), 0);
    assert_int_equal(yibu_close(accepted), 0);
    assert_int_equal(yibu_close(listener), 0);
    return 0;
}

LOOP_TEST(connect_reports_the_last_address_s_error)
{
    int descriptors = count_descriptors();
    int listener = listen_anywhere(&open_port);
    assert_int_equal(yibu_close(listener), 0);
    assert_int_equal(yibu_tcp_connect("nowhere.test", open_port), -ENETUNREACH);
    assert_int_equal(yibu_tcp_connect("both.test", open_port), -ECONNREFUSED);
    assert_int_equal(yibu_tcp_connect("failing.test", open_port), YIBU_EAI_FAIL);
    assert_int_equal(count_descriptors(), descriptors);
    return 0;
}

#define LOOKUP_TEST(NAME) cmocka_unit_test_setup_teardown(NAME, open_asked, close_asked)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOOKUP_TEST(failures_of_the_resolver_have_their_codes),
        LOOKUP_TEST(the_loop_goes_on_while_the_resolver_takes_its_time),
        LOOKUP_TEST(a_cancelled_look_up_returns_before_the_resolver_does),
        LOOKUP_TEST(a_time_limit_holds_however_long_the_resolver_takes),
        LOOKUP_TEST(the_end_of_the_loop_does_not_wait_for_a_resolver_nobody_asks_any_more),
        LOOKUP_TEST(a_look_up_that_waits_for_a_thread_is_withdrawn),
        LOOKUP_TEST(no_list_is_lost_when_cancel_and_answer_race),
        LOOKUP_TEST(the_callback_form_copies_its_strings_and_hands_the_list_over),
        LOOKUP_TEST(the_callback_form_is_cancelled_at_once),
        LOOKUP_TEST(connect_tries_one_address_after_another),
        LOOKUP_TEST(connect_reports_the_last_address_s_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
