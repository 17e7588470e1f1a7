/* Programs that do anything at any time, with every fault there is: whatever happens, nothing
 * breaks, and a second run of the seed is the same. */
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>

#include "sim.h"

enum { WORKERS = 6, ACTIONS = 30, SOCKETS = 8, SEEDS = YB_TEST_SLOWDOWN > 1 ? 100 : 2000 };

typedef struct storm {
    int sockets[SOCKETS]; /* open ones, -1: none */
    yibu_lock lock;
    yibu_event event;
    yibu_semaphore semaphore;
} storm;

static int *any_socket(storm *s)
{
    return &s->sockets[yibu_sim_random(SOCKETS)];
}

static void keep(storm *s, int fd)
{
    int *place = any_socket(s);
    if (fd < 0)
        return;
    if (*place >= 0)
        (void)yibu_close(*place);
    *place = fd;
}

static const char *any_host(void)
{
    static const char *const hosts[] = {"10.0.0.1", "10.0.0.2", "127.0.0.1", "::1"};
    return hosts[yibu_sim_random(3) * yibu_sim_random(2)]; /* the first most of the time */
}

static void listen_somewhere(storm *s)
{
    yibu_listen_options options = {.size = sizeof(options), .backlog = 1, .reuse_port = true};
    keep(s, yibu_tcp_listen(any_host(), (uint16_t)(80 + yibu_sim_random(2)), &options));
}

static void connect_somewhere(storm *s)
{
    keep(s, yibu_tcp_connect(yibu_sim_random(4) ? any_host() : "server",
                             (uint16_t)(80 + yibu_sim_random(2))));
}

static void accept_somebody(storm *s)
{
    yibu_address peer;
    keep(s, yibu_accept(*any_socket(s), &peer));
}

static void send_something(storm *s)
{
    static const char bytes[3000];
    size_t size = yibu_sim_random(sizeof(bytes));
    if (yibu_sim_random(2))
        (void)yibu_send(*any_socket(s), bytes, size);
    else
        (void)yibu_send_all(*any_socket(s), bytes, size, NULL);
}

static void receive_something(storm *s)
{
    char bytes[2000];
    (void)yibu_recv(*any_socket(s), bytes, 1 + yibu_sim_random(sizeof(bytes) - 1));
}

static void wait_for_readiness(storm *s)
{
    if (yibu_sim_random(2))
        (void)yibu_wait_readable(*any_socket(s));
    else
        (void)yibu_wait_writable(*any_socket(s));
}

static void end_a_socket(storm *s)
{
    int *place = any_socket(s);
    if (yibu_sim_random(2)) {
        (void)yibu_shutdown(*place, (int)yibu_sim_random(3));
        return;
    }
    (void)yibu_close(*place);
    *place = -1;
}

static void harm_the_network(storm *s)
{
    (void)s;
    const char *a = any_host(), *b = yibu_sim_random(2) ? any_host() : NULL;
    switch (yibu_sim_random(4)) {
    case 0:
        (void)yibu_sim_partition(a, b);
        break;
    case 1:
        (void)yibu_sim_reset(a, b);
        break;
    case 2:
        (void)yibu_sim_set_host(a);
        break;
    default:
        (void)yibu_sim_heal(a, b);
    }
}

static intptr_t return_argument(void *arg)
{
    return (intptr_t)arg;
}

static intptr_t nothing(yibu_bytes input, yibu_buffer *output)
{
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(nothing);

static void work_elsewhere(storm *s)
{
    struct addrinfo *list;
    yibu_buffer output = {0};
    (void)s;
    switch (yibu_sim_random(3)) {
    case 0:
        (void)yibu_to_thread(return_argument, NULL);
        break;
    case 1:
        (void)yibu_to_process(&nothing_job, (yibu_bytes){"x", 1}, &output, NULL);
        yibu_buffer_free(&output);
        break;
    default:
        if (yibu_getaddrinfo("server", NULL, NULL, &list) == 0)
            freeaddrinfo(list);
    }
}

static void meet_the_others(storm *s)
{
    if (yibu_lock_acquire(&s->lock) == 0) {
        (void)yibu_sleep((int64_t)yibu_sim_random(YIBU_MS(2)));
        (void)yibu_lock_release(&s->lock);
    }
    if (yibu_semaphore_acquire(&s->semaphore) == 0) {
        (void)yibu_yield();
        (void)yibu_semaphore_release(&s->semaphore);
    }
    yibu_event_set(&s->event);
    (void)yibu_event_wait(&s->event);
}

static void act(storm *s)
{
    static void (*const actions[])(
        storm * s) = {listen_somewhere,  connect_somewhere,  connect_somewhere, accept_somebody,
                      accept_somebody,   send_something,     send_something,    receive_something,
                      receive_something, wait_for_readiness, end_a_socket,      harm_the_network,
                      work_elsewhere,    meet_the_others};
    actions[yibu_sim_random(sizeof(actions) / sizeof(actions[0]))](s);
}

static intptr_t work(void *arg)
{
    storm *s = arg;
    for (int i = 0; i < ACTIONS; i++) {
        yibu_timeout limit;
        if (yibu_timeout_begin(&limit, 1 + (int64_t)yibu_sim_random(YIBU_SECONDS(1))) < 0)
            break;
        act(s);
        (void)yibu_timeout_end(&limit, 0);
        if (yibu_check_cancelled() < 0)
            break;
    }
    return 0;
}

static intptr_t storm_around(void *arg)
{
    storm s = {
        .lock = YIBU_LOCK_INIT, .event = YIBU_EVENT_INIT, .semaphore = YIBU_SEMAPHORE_INIT(2)};
    yibu_task *tasks[WORKERS];
    (void)arg;
    for (int i = 0; i < SOCKETS; i++)
        s.sockets[i] = -1;
    s.sockets[0] = yibu_tcp_listen("10.0.0.1", 80, NULL);
    for (int i = 0; i < WORKERS; i++)
        tasks[i] = yibu_create_task(work, &s, NULL);
    for (int i = 0; i < WORKERS; i++) {
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
    }
    for (int i = 0; i < SOCKETS; i++)
        if (s.sockets[i] >= 0 && yibu_sim_random(2))
            (void)yibu_close(s.sockets[i]); /* the others are left to the run's end */
    return 0;
}

static const yibu_sim_host hosts[] = {{"server", "10.0.0.1"}, {"server", "10.0.0.2"}, {NULL, NULL}};

static yibu_sim_report run_once(uint64_t seed)
{
    yibu_sim_report report = {.size = sizeof(report)};
    yibu_sim_options options = {.size = sizeof(options),
                                .cancel = 0.001,
                                .allocation_failure = 0.003,
                                .accept_failure = 0.05,
                                .connect_failure = 0.05,
                                .read_failure = 0.05,
                                .write_failure = 0.05,
                                .interrupt = 0.1,
                                .job_failure = 0.2,
                                .lookup_failure = 0.2,
                                .latency_ns = YIBU_US(100),
                                .jitter_ns = YIBU_MS(50),
                                .bandwidth = 100000,
                                .buffer_bytes = 1024,
                                .short_transfer = 0.2,
                                .reset = 0.02,
                                .partition = 0.05,
                                .step_ns = YIBU_US(10),
                                .hosts = hosts,
                                .report = &report};
    intptr_t r = yibu_sim_run(seed, storm_around, NULL, &options);
    if (r != 0)
        fail_msg("seed %llu: %s\n%s", (unsigned long long)seed, yibu_error_name(r), report.text);
    return report;
}

static void a_storm_breaks_nothing_and_replays(void **state)
{
    (void)state;
    uint64_t faults = 0;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        yibu_sim_report first = run_once(seed), second = run_once(seed);
        if (memcmp(&first, &second, sizeof(first)) != 0)
            fail_msg("seed %llu does not replay", (unsigned long long)seed);
        faults += first.faults;
    }
    unsetenv("CMOCKA_TEST_ABORT");
    assert_true(faults > SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_storm_breaks_nothing_and_replays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
