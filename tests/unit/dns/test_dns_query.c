/* Queries: what is joined, kept, cancelled, given up, and what a server can do wrong. */
#include "dns_zone.h"

#include <netinet/in.h>
#include <sys/resource.h>

LOOP_TEST(a_query_has_the_records_of_its_type)
{
    yibu_dns *dns = plain_resolver();
    yibu_dns_answer *answer;
    assert_int_equal(yibu_dns_query(dns, "One.Example.", YIBU_DNS_A, &answer), 0);
    assert_int_equal(answer->count, 1);
    assert_int_equal(answer->records[0].type, YIBU_DNS_A);
    assert_int_equal(answer->records[0].ttl, 60);
    assert_string_equal(answer->records[0].name, "one.example");
    assert_int_equal(ntohl(answer->records[0].a.s_addr), 0xc0000201);
    assert_false(answer->from_cache);
    yibu_dns_answer_free(answer);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(no_name_no_records_and_no_server_are_told_apart)
{
    yibu_dns *dns = plain_resolver();
    yibu_dns_answer *answer;
    assert_int_equal(yibu_dns_query(dns, "empty.example", YIBU_DNS_A, &answer), 0);
    assert_int_equal(answer->count, 0);
    yibu_dns_answer_free(answer);
    assert_int_equal(query(dns, "unknown.example", YIBU_DNS_A), YIBU_EAI_NONAME);
    assert_int_equal(query(dns, "failing.example", YIBU_DNS_A), YIBU_EAI_AGAIN);
    assert_int_equal(query(dns, "short.example", YIBU_DNS_A), YIBU_EAI_FAIL);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(what_is_no_name_is_refused)
{
    yibu_dns *dns = plain_resolver();
    char label[80], name[2000];
    memset(label, 'a', 64);
    label[64] = '\0';
    memset(name, 'a', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(query(dns, "", YIBU_DNS_A), -EINVAL);
    assert_int_equal(query(dns, label, YIBU_DNS_A), -EINVAL);
    assert_int_equal(query(dns, name, YIBU_DNS_A), -EINVAL);
    assert_int_equal(query(dns, NULL, YIBU_DNS_A), -EINVAL);
    assert_int_equal(query(NULL, "one.example", YIBU_DNS_A), -EINVAL);
    assert_int_equal(yibu_dns_query(dns, "one.example", YIBU_DNS_A, NULL), -EINVAL);
    assert_int_equal(atomic_load(&server.asked), 0);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(an_answer_that_does_not_fit_is_fetched_by_tcp)
{
    yibu_dns *dns = plain_resolver();
    yibu_dns_answer *answer;
    assert_int_equal(yibu_dns_query(dns, "many.example", YIBU_DNS_A, &answer), 0);
    assert_int_equal(answer->count, 100);
    yibu_dns_answer_free(answer);
    assert_int_equal(atomic_load(&server.asked_by_tcp), 1);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(tcp_can_be_asked_for)
{
    yibu_dns_options options = asking_server();
    options.use_tcp = true;
    yibu_dns *dns = new_resolver(&options);
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    assert_int_equal(atomic_load(&server.asked), 1);
    assert_int_equal(atomic_load(&server.asked_by_tcp), 1);
    yibu_dns_free(dns);
    return 0;
}

typedef struct asker {
    yibu_dns *dns;
    const char *name;
} asker;

static intptr_t ask(void *arg)
{
    const asker *a = arg;
    return query(a->dns, a->name, YIBU_DNS_A);
}

static yibu_task *start(asker *a)
{
    yibu_task *task = yibu_create_task(ask, a, NULL);
    assert_non_null(task);
    assert_int_equal(yibu_sleep(0), 0);
    return task;
}

static intptr_t end(yibu_task *task)
{
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r;
}

LOOP_TEST(the_same_question_at_once_is_one_query)
{
    enum { ASKERS = 20 };
    asker a = {plain_resolver(), "slow.example"};
    yibu_task *tasks[ASKERS];
    for (int i = 0; i < ASKERS; i++)
        tasks[i] = start(&a);
    wait_on(&silence.started);
    assert_int_equal(stats_of(a.dns).under_way, 1);
    sem_post(&silence.go);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(end(tasks[i]), 0);
    assert_int_equal(atomic_load(&server.asked), 1);
    assert_int_equal(stats_of(a.dns).joined, ASKERS - 1);
    yibu_dns_free(a.dns);
    return 0;
}

LOOP_TEST(a_cancel_returns_at_once_and_leaves_the_others_alone)
{
    int descriptors = test_count_descriptors();
    asker a = {plain_resolver(), "slow.example"};
    yibu_task *first = start(&a), *second = start(&a);
    wait_on(&silence.started);
    yibu_task_cancel(first);
    assert_int_equal(end(first), -ECANCELED);
    sem_post(&silence.go);
    assert_int_equal(end(second), 0);
    yibu_dns_free(a.dns);
    assert_int_equal(test_count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(a_query_that_nobody_waits_for_leaves_no_socket)
{
    asker a = {plain_resolver(), "silent.example"};
    int descriptors = test_count_descriptors();
    yibu_task *task = start(&a);
    assert_int_equal(test_count_descriptors(), descriptors + 1);
    yibu_task_cancel(task);
    assert_int_equal(end(task), -ECANCELED);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(test_count_descriptors(), descriptors);
    assert_int_equal(stats_of(a.dns).under_way, 0);
    assert_int_equal(query(a.dns, "one.example", YIBU_DNS_A), 0);
    yibu_dns_free(a.dns);
    return 0;
}

/* Cancelled after so many turns of the loop: before it was sent, while it waits, as its answer
 * comes. */
LOOP_TEST(a_query_can_be_cancelled_at_every_point)
{
    asker a = {plain_resolver(), "one.example"};
    int descriptors = test_count_descriptors(), ended = 0;
    for (int turns = 0; turns < 40; turns++) {
        yibu_task *task = yibu_create_task(ask, &a, NULL);
        for (int i = 0; i < turns && !yibu_task_done(task); i++)
            assert_int_equal(yibu_sleep(turns % 2 ? YIBU_US(20) : 0), 0);
        yibu_task_cancel(task);
        intptr_t r = end(task);
        assert_true(r == 0 || r == -ECANCELED);
        ended += r == 0;
    }
    print_message("%d of 40 had ended\n", ended);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(test_count_descriptors(), descriptors);
    yibu_dns_free(a.dns);
    return 0;
}

LOOP_TEST(a_time_limit_ends_a_query_that_nobody_answers)
{
    yibu_dns *dns = plain_resolver();
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(5));
    assert_int_equal(yibu_timeout_end(&limit, query(dns, "silent.example", YIBU_DNS_A)),
                     -ETIMEDOUT);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(a_server_that_does_not_answer_is_tried_as_often_as_said)
{
    yibu_dns_options options = asking_server();
    options.timeout_ns = YIBU_MS(10);
    options.tries = 3;
    yibu_dns *dns = new_resolver(&options);
    assert_int_equal(query(dns, "silent.example", YIBU_DNS_A), YIBU_EAI_AGAIN);
    assert_int_equal(atomic_load(&server.asked), 3);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(a_dead_server_is_passed_over)
{
    yibu_address closed;
    assert_int_equal(yibu_close(test_listen(&closed)), 0);
    char servers[80];
    snprintf(servers, sizeof(servers), "127.0.0.1:%u,%s", yibu_address_port(&closed),
             server.address);
    yibu_dns_options options = asking_server();
    options.servers = servers;
    yibu_dns *dns = new_resolver(&options);
    for (int i = 0; i < 3; i++)
        assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    yibu_dns_free(dns);
    return 0;
}

/* The kernel tells that nobody is there to the second one; the first must not wait for its
 * limit. */
LOOP_TEST(a_dead_server_is_passed_over_by_all_queries_at_once)
{
    enum { NAMES = 10 };
    yibu_address closed;
    assert_int_equal(yibu_close(test_listen(&closed)), 0);
    char servers[80];
    snprintf(servers, sizeof(servers), "127.0.0.1:%u,%s", yibu_address_port(&closed),
             server.address);
    yibu_dns_options options = asking_server();
    options.servers = servers;
    yibu_dns *dns = new_resolver(&options);
    static char names[NAMES][32];
    asker askers[NAMES];
    yibu_task *tasks[NAMES];
    yibu_timeout limit;
    yibu_timeout_begin(&limit, options.timeout_ns / 2);
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d.example", i);
        askers[i] = (asker){dns, names[i]};
        tasks[i] = yibu_create_task(ask, &askers[i], NULL);
    }
    intptr_t r = 0;
    for (int i = 0; i < NAMES; i++)
        r |= end(tasks[i]);
    assert_int_equal(yibu_timeout_end(&limit, r), 0);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(only_so_many_queries_are_under_way)
{
    enum { NAMES = 50, MOST = 4 };
    yibu_dns_options options = asking_server();
    options.max_queries = MOST;
    yibu_dns *dns = new_resolver(&options);
    static char names[NAMES][32];
    asker askers[NAMES];
    yibu_task *tasks[NAMES];
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d.example", i);
        askers[i] = (asker){dns, names[i]};
        tasks[i] = yibu_create_task(ask, &askers[i], NULL);
    }
    assert_int_equal(yibu_sleep(0), 0);
    yibu_dns_stats stats = stats_of(dns);
    assert_true(stats.under_way <= MOST);
    for (int i = 0; i < NAMES; i++)
        assert_int_equal(end(tasks[i]), 0);
    assert_int_equal(stats_of(dns).waiting, 0);
    assert_int_equal(atomic_load(&server.asked), NAMES);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(a_line_that_is_full_refuses)
{
    yibu_dns_options options = asking_server();
    options.max_queries = 1;
    options.max_waiting = 1;
    asker first = {new_resolver(&options), "silent.example"}, second = {first.dns, "two.example"};
    yibu_task *a = start(&first), *b = start(&second);
    assert_int_equal(query(first.dns, "three.example", YIBU_DNS_A), -ENOBUFS);
    yibu_task_cancel(a);
    assert_int_equal(end(a), -ECANCELED);
    assert_int_equal(end(b), 0);
    yibu_dns_free(first.dns);
    return 0;
}

/* --- the cache -------------------------------------------------------------------------------- */

static yibu_dns *caching_resolver(size_t entries)
{
    yibu_dns_options options = asking_server();
    options.cache_entries = entries;
    return new_resolver(&options);
}

LOOP_TEST(what_is_known_is_not_asked_again)
{
    yibu_dns *dns = caching_resolver(10);
    yibu_dns_answer *answer;
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    assert_int_equal(yibu_dns_query(dns, "ONE.example", YIBU_DNS_A, &answer), 0);
    assert_true(answer->from_cache);
    assert_true(answer->records[0].ttl <= 60);
    yibu_dns_answer_free(answer);
    assert_int_equal(atomic_load(&server.asked), 1);
    assert_int_equal(stats_of(dns).cache_hits, 1);
    yibu_dns_flush(dns);
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    assert_int_equal(atomic_load(&server.asked), 2);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(that_there_is_nothing_is_kept_too_and_failures_are_not)
{
    yibu_dns *dns = caching_resolver(10);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(query(dns, "unknown.example", YIBU_DNS_A), YIBU_EAI_NONAME);
        assert_int_equal(query(dns, "empty.example", YIBU_DNS_A), 0);
    }
    assert_int_equal(atomic_load(&server.asked), 2);
    int before = atomic_load(&server.asked);
    assert_int_equal(query(dns, "failing.example", YIBU_DNS_A), YIBU_EAI_AGAIN);
    assert_int_equal(query(dns, "failing.example", YIBU_DNS_A), YIBU_EAI_AGAIN);
    assert_int_equal(query(dns, "passing.example", YIBU_DNS_A), 0);
    assert_int_equal(query(dns, "passing.example", YIBU_DNS_A), 0);
    assert_true(atomic_load(&server.asked) >= before + 4);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(an_answer_is_kept_for_its_time)
{
    yibu_dns_options options = asking_server();
    options.cache_entries = 10;
    options.max_ttl_ns = YIBU_MS(20);
    yibu_dns *dns = new_resolver(&options);
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    assert_int_equal(yibu_sleep(YIBU_MS(21)), 0);
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    assert_int_equal(atomic_load(&server.asked), 2);
    assert_int_equal(stats_of(dns).cache_hits, 0);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(the_cache_is_bounded_and_keeps_what_is_used)
{
    yibu_dns *dns = caching_resolver(2);
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    assert_int_equal(query(dns, "two.example", YIBU_DNS_A), 0);
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    assert_int_equal(query(dns, "three.example", YIBU_DNS_A), 0); /* two is dropped */
    assert_int_equal(stats_of(dns).cached, 2);
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    assert_int_equal(atomic_load(&server.asked), 3);
    yibu_dns_free(dns);
    return 0;
}

/* --- configuration and ends ------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

LOOP_TEST(a_reload_takes_the_new_configuration_and_leaves_queries_alone)
{
    char path[] = "/tmp/yibu-resolv-XXXXXX";
    close(mkstemp(path));
    write_file(path, "search old.example\noptions ndots:5\n");
    yibu_dns_options options = asking_server();
    options.resolvconf_path = path;
    options.search = NULL;
    options.cache_entries = 10;
    asker a = {new_resolver(&options), "slow.example"};
    struct addrinfo *list;
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_CANONNAME};
    assert_int_equal(yibu_dns_getaddrinfo(a.dns, "host", NULL, &hints, &list), 0);
    assert_string_equal(list->ai_canonname, "host.old.example");
    freeaddrinfo(list);
    yibu_task *task = start(&a);
    wait_on(&silence.started);
    write_file(path, "search new.example\n");
    assert_int_equal(yibu_dns_reload(a.dns), 0);
    assert_int_equal(stats_of(a.dns).cached, 0);
    sem_post(&silence.go);
    assert_int_equal(end(task), 0);
    assert_int_equal(yibu_dns_getaddrinfo(a.dns, "host", NULL, &hints, &list), 0);
    assert_string_equal(list->ai_canonname, "host.new.example");
    freeaddrinfo(list);
    yibu_dns_free(a.dns);
    unlink(path);
    return 0;
}

LOOP_TEST(the_end_of_a_resolver_ends_its_queries)
{
    int descriptors = test_count_descriptors();
    asker a = {plain_resolver(), "silent.example"};
    yibu_task *task = start(&a);
    yibu_dns_free(a.dns);
    assert_int_equal(end(task), YIBU_ESHUTDOWN);
    assert_int_equal(test_count_descriptors(), descriptors);
    return 0;
}

typedef struct call {
    yibu_op op; /* first: its callback converts by cast */
    yibu_dns *dns;
    yibu_dns_answer *answer;
    int calls;
    ssize_t result;
    bool frees;
} call;

static void note_end(yibu_op *op, ssize_t result)
{
    call *c = (call *)op;
    c->calls++;
    c->result = result;
    if (c->frees)
        yibu_dns_free(c->dns);
}

static void run_until_called(yibu_loop *loop, const call *c)
{
    while (c->calls == 0)
        assert_true(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0);
}

static void the_callback_form_never_calls_back_at_once(void **state)
{
    (void)state;
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_dns *dns = caching_resolver(10);
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        call c = {.op = {.callback = note_end}};
        char name[] = "one.example";
        assert_int_equal(yibu_dns_op_query(dns, &c.op, name, YIBU_DNS_A, &c.answer), 0);
        memset(name, 'x', sizeof(name) - 1);
        assert_int_equal(c.calls, 0);
        run_until_called(loop, &c);
        assert_int_equal(c.result, 0);
        yibu_dns_answer_free(c.answer);
    }
    assert_int_equal(atomic_load(&server.asked), 1);
    yibu_dns_free(dns);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void the_callback_form_is_cancelled(void **state)
{
    (void)state;
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_dns *dns = plain_resolver();
    call c = {.op = {.callback = note_end}};
    assert_int_equal(yibu_dns_op_query(dns, &c.op, "silent.example", YIBU_DNS_A, &c.answer), 0);
    assert_int_equal(yibu_op_cancel(&c.op), 0);
    run_until_called(loop, &c);
    assert_int_equal(c.result, -ECANCELED);
    assert_null(c.answer);
    assert_int_equal(yibu_dns_op_query(dns, NULL, "one.example", YIBU_DNS_A, &c.answer), -EINVAL);
    yibu_dns_free(dns);
    assert_int_equal(yibu_loop_free(loop), 0);
}

static void a_callback_may_free_the_resolver(void **state)
{
    (void)state;
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    yibu_dns *dns = plain_resolver();
    call first = {.op = {.callback = note_end}, .dns = dns, .frees = true};
    call second = {.op = {.callback = note_end}};
    assert_int_equal(yibu_dns_op_query(dns, &first.op, "one.example", YIBU_DNS_A, &first.answer),
                     0);
    assert_int_equal(
        yibu_dns_op_query(dns, &second.op, "silent.example", YIBU_DNS_A, &second.answer), 0);
    run_until_called(loop, &first);
    assert_int_equal(first.result, 0);
    assert_int_equal(second.calls, 1);
    assert_int_equal(second.result, YIBU_ESHUTDOWN);
    yibu_dns_answer_free(first.answer);
    assert_int_equal(yibu_loop_free(loop), 0);
}

typedef struct leftover {
    call c;
    yibu_dns *dns;
} leftover;

/* With its socket, which the resolver would drop in the next turn. */
static intptr_t leave_a_query_behind(void *arg)
{
    leftover *l = arg;
    l->dns = plain_resolver();
    l->c.op.callback = note_end;
    int r = yibu_dns_op_query(l->dns, &l->c.op, "silent.example", YIBU_DNS_A, &l->c.answer);
    return r < 0 ? r : yibu_op_cancel(&l->c.op);
}

static void a_resolver_may_outlive_its_loop(void **state)
{
    (void)state;
    leftover l = {.dns = NULL};
    int descriptors = test_count_descriptors();
    assert_int_equal(yibu_run(leave_a_query_behind, &l, NULL), 0);
    yibu_dns_free(l.dns);
    assert_int_equal(l.c.result, -ECANCELED);
    assert_int_equal(test_count_descriptors(), descriptors);
}

/* Others' cancels do not pile up behind a query that takes its time. */
LOOP_TEST(a_storm_of_cancels_leaves_a_query_alone)
{
    enum { MOST = 4, CANCELS = 50 };
    int descriptors = test_count_descriptors();
    yibu_dns_options options = asking_server();
    options.max_queries = MOST;
    asker patient = {new_resolver(&options), "slow.example"};
    yibu_task *waiting = start(&patient);
    wait_on(&silence.started);
    for (int i = 0; i < CANCELS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d.example", i);
        asker hasty = {patient.dns, name};
        yibu_task *task = start(&hasty);
        assert_true(stats_of(patient.dns).under_way <= MOST);
        yibu_task_cancel(task);
        assert_int_equal(end(task), -ECANCELED);
        assert_true(test_count_descriptors() <= descriptors + 2);
    }
    sem_post(&silence.go);
    assert_int_equal(end(waiting), 0);
    assert_int_equal(stats_of(patient.dns).under_way, 0);
    yibu_dns_free(patient.dns);
    assert_int_equal(test_count_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(a_query_in_line_can_be_cancelled)
{
    yibu_dns_options options = asking_server();
    options.max_queries = 1;
    asker first = {new_resolver(&options), "silent.example"}, second = {first.dns, "two.example"};
    yibu_task *a = start(&first), *b = start(&second);
    assert_int_equal(stats_of(first.dns).waiting, 1);
    yibu_task_cancel(b);
    assert_int_equal(end(b), -ECANCELED);
    assert_int_equal(stats_of(first.dns).waiting, 0);
    yibu_task_cancel(a);
    assert_int_equal(end(a), -ECANCELED);
    yibu_dns_free(first.dns);
    return 0;
}

static intptr_t ask_from_a_loop_of_its_own(void *arg)
{
    (void)arg;
    yibu_dns *dns = plain_resolver();
    intptr_t r = 0;
    for (int i = 0; i < 20 && r == 0; i++)
        r = query(dns, "one.example", YIBU_DNS_A);
    yibu_dns_free(dns);
    return r;
}

static void *run_loop(void *arg)
{
    (void)arg;
    return (void *)yibu_run(ask_from_a_loop_of_its_own, NULL, NULL);
}

static void every_thread_has_a_resolver_of_its_own(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_loop, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
}

static void options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    yibu_dns *dns = NULL;
    yibu_dns_options options = asking_server();
    assert_int_equal(yibu_dns_new(&options, &dns), YIBU_ENOTASK);
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    options.servers = "not an address";
    assert_int_equal(yibu_dns_new(&options, &dns), -EINVAL);
    options.servers = "";
    assert_int_equal(yibu_dns_new(&options, &dns), -EINVAL);
    options = asking_server();
    options.edns_bytes = 100;
    assert_int_equal(yibu_dns_new(&options, &dns), -EINVAL);
    options = asking_server();
    options.timeout_ns = -1;
    assert_int_equal(yibu_dns_new(&options, &dns), -EINVAL);
    options.size = 1;
    assert_int_equal(yibu_dns_new(&options, &dns), -EINVAL);
    assert_int_equal(yibu_dns_new(NULL, NULL), -EINVAL);
    assert_null(dns);
    yibu_dns_free(NULL);
    assert_int_equal(yibu_loop_free(loop), 0);
}

LOOP_TEST(answers_without_sense_do_no_harm)
{
    yibu_dns_options options = asking_server();
    options.cache_entries = 100;
    options.tries = 1;
    yibu_dns *dns = new_resolver(&options);
    static const uint16_t types[] = {YIBU_DNS_A, YIBU_DNS_TXT, YIBU_DNS_SOA, YIBU_DNS_MX, 255};
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof(name), "nonsense%d.example", i);
        int r = query(dns, name, types[i % 5]);
        if (r != 0 && r != YIBU_EAI_FAIL && r != YIBU_EAI_NONAME && r != YIBU_EAI_AGAIN)
            fail_msg("%s: %s", name, yibu_error_name(r));
    }
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    yibu_dns_free(dns);
    return 0;
}

LOOP_TEST(without_a_descriptor_for_a_socket_it_says_so_and_recovers)
{
    yibu_dns *dns = plain_resolver();
    struct rlimit limit, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    int next = dup(0);
    close(next);
    none.rlim_cur = (rlim_t)next;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int r = query(dns, "one.example", YIBU_DNS_A);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(r, -EMFILE);
    assert_int_equal(query(dns, "one.example", YIBU_DNS_A), 0);
    yibu_dns_free(dns);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_query_has_the_records_of_its_type),
        SERVER_TEST(no_name_no_records_and_no_server_are_told_apart),
        SERVER_TEST(what_is_no_name_is_refused),
        SERVER_TEST(an_answer_that_does_not_fit_is_fetched_by_tcp),
        SERVER_TEST(tcp_can_be_asked_for),
        SERVER_TEST(the_same_question_at_once_is_one_query),
        SERVER_TEST(a_cancel_returns_at_once_and_leaves_the_others_alone),
        SERVER_TEST(a_query_that_nobody_waits_for_leaves_no_socket),
        SERVER_TEST(a_query_can_be_cancelled_at_every_point),
        SERVER_TEST(a_time_limit_ends_a_query_that_nobody_answers),
        SERVER_TEST(a_server_that_does_not_answer_is_tried_as_often_as_said),
        SERVER_TEST(a_dead_server_is_passed_over),
        SERVER_TEST(a_dead_server_is_passed_over_by_all_queries_at_once),
        SERVER_TEST(only_so_many_queries_are_under_way),
        SERVER_TEST(a_line_that_is_full_refuses),
        SERVER_TEST(what_is_known_is_not_asked_again),
        SERVER_TEST(that_there_is_nothing_is_kept_too_and_failures_are_not),
        SERVER_TEST(an_answer_is_kept_for_its_time),
        SERVER_TEST(the_cache_is_bounded_and_keeps_what_is_used),
        SERVER_TEST(a_reload_takes_the_new_configuration_and_leaves_queries_alone),
        SERVER_TEST(the_end_of_a_resolver_ends_its_queries),
        SERVER_TEST(the_callback_form_never_calls_back_at_once),
        SERVER_TEST(the_callback_form_is_cancelled),
        SERVER_TEST(a_callback_may_free_the_resolver),
        SERVER_TEST(a_resolver_may_outlive_its_loop),
        SERVER_TEST(a_storm_of_cancels_leaves_a_query_alone),
        SERVER_TEST(a_query_in_line_can_be_cancelled),
        SERVER_TEST(every_thread_has_a_resolver_of_its_own),
        SERVER_TEST(options_that_make_no_sense_are_refused),
        SERVER_TEST(answers_without_sense_do_no_harm),
        SERVER_TEST(without_a_descriptor_for_a_socket_it_says_so_and_recovers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
