/* Servers on many cores: starting, spreading connections, what belongs to a loop. */
#include "cores.h"
#include "platform/valgrind.h"
#include "process.h"

#include <sched.h>
#include <semaphore.h>

static const yibu_cores_options two = {.size = sizeof(two), .loops = 2};

static void connections_are_served_and_the_end_leaves_nothing_behind(void **state)
{
    (void)state;
    int before = count_descriptors();
    yibu_cores *cores = start_cores(echo_lines, NULL, &two);
    assert_int_equal(yibu_cores_count(cores), 2);
    for (int i = 0; i < 50; i++) {
        int fd = connect_client(yibu_cores_port(cores));
        say(fd, "hello\n");
        expect(fd, "hello\n");
        close(fd);
    }
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    assert_int_equal(yibu_cores_connections(cores), 0);
    yibu_cores_free(cores);
    assert_int_equal(count_descriptors(), before);
}

/* A loop of a task that starts, waits and frees them. */
LOOP_TEST(a_task_can_start_and_wait_for_them)
{
    yibu_cores *cores = start_cores(echo_lines, NULL, &two);
    yibu_stream *stream;
    char *line;
    assert_int_equal(yibu_open_connection("127.0.0.1", yibu_cores_port(cores), NULL, &stream), 0);
    assert_int_equal(yibu_stream_write(stream, "a\n", 2), 0);
    assert_int_equal(yibu_stream_readline(stream, &line), 2);
    yibu_stream_free(stream);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
    return 0;
}

LOOP_TEST(a_wait_that_is_cancelled_leaves_them_running)
{
    yibu_cores *cores = start_cores(echo_lines, NULL, &two);
    yibu_timeout limit;
    assert_int_equal(yibu_timeout_begin(&limit, YIBU_MS(5)), 0);
    assert_int_equal(yibu_timeout_end(&limit, yibu_cores_wait(cores)), -ETIMEDOUT);
    int fd = connect_client(yibu_cores_port(cores));
    say(fd, "still\n");
    expect(fd, "still\n");
    close(fd);
    yibu_cores_free(cores);
    return 0;
}

/* What belongs to a loop. */

typedef struct counts {
    atomic_int set_up, torn_down, served[8];
    atomic_int fails_at; /* index + 1 of the loop whose setup fails */
} counts;

static int set_up(yibu_core *core, void *arg)
{
    counts *c = arg;
    char name[16];
    assert_ptr_equal(yibu_current_core(), core);
    assert_int_equal(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
    assert_int_equal(strncmp(name, "test/", 5), 0);
    assert_int_equal(atoi(name + 5), yibu_core_index(core));
    int r = yibu_sleep(YIBU_MS(1)); /* cancelled where another one has failed */
    if (r < 0)
        return r;
    if (atomic_load(&c->fails_at) == (int)yibu_core_index(core) + 1)
        return -EUCLEAN;
    yibu_core_set_state(core, &c->served[yibu_core_index(core)]);
    atomic_fetch_add(&c->set_up, 1);
    return 0;
}

static void tear_down(yibu_core *core, void *arg)
{
    counts *c = arg;
    assert_ptr_equal(yibu_core_state(core), &c->served[yibu_core_index(core)]);
    assert_int_equal(yibu_core_connections(core), 0);
    (void)yibu_sleep(YIBU_MS(1));
    atomic_fetch_add(&c->torn_down, 1);
}

static intptr_t count_service(yibu_stream *stream, void *arg)
{
    (void)arg;
    atomic_fetch_add((atomic_int *)yibu_core_state(yibu_current_core()), 1);
    return echo_lines(stream, NULL);
}

static const yibu_cores_options with_state = {
    .size = sizeof(with_state), .loops = 3, .name = "test", .setup = set_up, .teardown = tear_down};

static void each_loop_is_set_up_and_torn_down_in_its_own_thread(void **state)
{
    (void)state;
    counts c = {0};
    assert_null(yibu_current_core());
    yibu_cores *cores = start_cores(count_service, &c, &with_state);
    assert_int_equal(c.set_up, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(yibu_core_index(yibu_cores_core(cores, i)), i);
        assert_ptr_equal(yibu_core_cores(yibu_cores_core(cores, i)), cores);
    }
    assert_null(yibu_cores_core(cores, 3));
    for (int i = 0; i < 100; i++) {
        int fd = connect_client(yibu_cores_port(cores));
        say(fd, "x\n");
        expect(fd, "x\n");
        close(fd);
    }
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    assert_int_equal(c.torn_down, 3);
    assert_int_equal(c.served[0] + c.served[1] + c.served[2], 100);
    for (int i = 0; i < 3; i++)
        assert_true(c.served[i] > 0); /* the kernel spreads them by their ports */
    yibu_cores_free(cores);
}

static void a_loop_that_fails_to_set_up_stops_all(void **state)
{
    (void)state;
    int before = count_descriptors();
    for (int index = 0; index < 3; index++) {
        counts c = {.fails_at = index + 1};
        yibu_cores *cores = NULL;
        assert_int_equal(yibu_start_cores(count_service, &c, "127.0.0.1", 0, &with_state, &cores),
                         -EUCLEAN);
        assert_null(cores);
        assert_int_equal(c.set_up, c.torn_down);
        assert_int_equal(count_descriptors(), before);
    }
}

static int wait_or_fail(yibu_core *core, void *arg)
{
    (void)arg;
    return yibu_core_index(core) == 1 ? -EUCLEAN : yibu_sleep(YIBU_SECONDS(100));
}

static void a_failing_loop_cancels_the_setup_of_the_others(void **state)
{
    (void)state;
    yibu_cores *cores;
    const yibu_cores_options options = {.size = sizeof(options), .loops = 3, .setup = wait_or_fail};
    int r = yibu_start_cores(echo_lines, NULL, "127.0.0.1", 0, &options, &cores);
    assert_int_equal(r, -EUCLEAN);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    yibu_cores *cores;
    yibu_cores_options options = {.size = 1};
    assert_int_equal(yibu_start_cores(NULL, NULL, NULL, 0, NULL, &cores), -EINVAL);
    assert_int_equal(yibu_start_cores(echo_lines, NULL, NULL, 0, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_start_cores(echo_lines, NULL, NULL, 0, &options, &cores), -EINVAL);
    options = (yibu_cores_options){.size = sizeof(options), .loops = 100000};
    assert_int_equal(yibu_start_cores(echo_lines, NULL, NULL, 0, &options, &cores), -EINVAL);
    const yibu_loop_options no_backend = {.size = sizeof(no_backend), .backend = "smoke"};
    options = (yibu_cores_options){.size = sizeof(options), .loops = 2, .loop = &no_backend};
    assert_int_equal(yibu_start_cores(echo_lines, NULL, NULL, 0, &options, &cores), -EINVAL);
    assert_int_equal(yibu_start_cores(echo_lines, NULL, "192.0.2.1", 0, &two, &cores),
                     -EADDRNOTAVAIL);
    assert_int_equal(yibu_start_unix_cores(echo_lines, NULL, "/nowhere/at/all", &two, &cores),
                     -ENOENT);
    yibu_cores_stop(NULL);
    yibu_cores_free(NULL);
}

static void a_port_in_use_is_said(void **state)
{
    (void)state;
    uint16_t port;
    yibu_cores *cores;
    int listener = listen_anywhere(&port); /* without SO_REUSEPORT */
    assert_int_equal(yibu_start_cores(echo_lines, NULL, "127.0.0.1", port, &two, &cores),
                     -EADDRINUSE);
    close(listener);
}

static void a_name_is_looked_up_by_a_plain_thread_too(void **state)
{
    (void)state;
    yibu_cores *cores;
    int r = yibu_start_cores(echo_lines, NULL, "localhost", 0, &two, &cores);
    if (r == YIBU_EAI_NONAME || r == YIBU_EAI_AGAIN)
        skip(); /* no table of names here */
    assert_int_equal(r, 0);
    int fd = try_to_connect(yibu_cores_port(cores));
    assert_true(fd >= 0 || fd == -ECONNREFUSED); /* where localhost is ::1 alone */
    if (fd >= 0)
        close(fd);
    yibu_cores_free(cores);
}

/* Where the threads run. */

static int note_cpu(yibu_core *core, void *arg)
{
    int *cpus = arg;
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    assert_int_equal(CPU_COUNT(&set), 1);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET((size_t)cpu, &set))
            cpus[yibu_core_index(core)] = cpu;
    return 0;
}

static void pinned_loops_have_a_core_each(void **state)
{
    (void)state;
    cpu_set_t own;
    int cpus[8] = {-1, -1, -1};
    assert_int_equal(sched_getaffinity(0, sizeof(own), &own), 0);
    yibu_cores_options options = {
        .size = sizeof(options), .loops = 3, .pin = true, .setup = note_cpu};
    yibu_cores *cores = start_cores(echo_lines, cpus, &options);
    yibu_cores_free(cores);
    for (int i = 0; i < 3; i++)
        assert_true(cpus[i] >= 0 && CPU_ISSET((size_t)cpus[i], &own));
    if (CPU_COUNT(&own) >= 2)
        assert_int_not_equal(cpus[0], cpus[1]);
}

static void as_many_loops_as_cores_are_the_default(void **state)
{
    (void)state;
    cpu_set_t own;
    assert_int_equal(sched_getaffinity(0, sizeof(own), &own), 0);
    yibu_cores *cores = start_cores(echo_lines, NULL, NULL);
    assert_int_equal(yibu_cores_count(cores), CPU_COUNT(&own));
    yibu_cores_free(cores);
}

static void two_loops_share_one_core(void **state)
{
    (void)state;
    cpu_set_t own, one;
    assert_int_equal(sched_getaffinity(0, sizeof(own), &own), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &own))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    yibu_cores *cores = start_cores(echo_lines, NULL, &two);
    for (int i = 0; i < 100; i++) {
        int fd = connect_client(yibu_cores_port(cores));
        say(fd, "one core\n");
        expect(fd, "one core\n");
        close(fd);
    }
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
    assert_int_equal(sched_setaffinity(0, sizeof(own), &own), 0);
}

/* Spreading. */

static void balanced_loops_have_as_many_connections_each(void **state)
{
    (void)state;
    enum { CLIENTS = 200 };
    int fds[CLIENTS];
    yibu_cores_options options = {.size = sizeof(options), .loops = 4, .balance = true};
    yibu_cores *cores = start_cores(echo_lines, NULL, &options);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = connect_client(yibu_cores_port(cores));
        say(fds[i], "x\n");
        expect(fds[i], "x\n");
    }
    assert_int_equal(yibu_cores_connections(cores), CLIENTS);
    for (unsigned i = 0; i < 4; i++) {
        size_t own = yibu_core_connections(yibu_cores_core(cores, i));
        assert_in_range(own, CLIENTS / 4 - 10, CLIENTS / 4 + 10);
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
}

static int connect_to_path(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static void all_loops_serve_one_unix_socket(void **state)
{
    (void)state;
    enum { CLIENTS = 100 };
    char path[64];
    int fds[CLIENTS], before = count_descriptors();
    yibu_cores *cores;
    snprintf(path, sizeof(path), "/tmp/yibu-cores-%d", (int)getpid());
    assert_int_equal(yibu_start_unix_cores(echo_lines, NULL, path, &two, &cores), 0);
    assert_int_equal(yibu_cores_port(cores), 0);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = connect_to_path(path);
        assert_true(fds[i] >= 0);
        say(fds[i], "x\n");
        expect(fds[i], "x\n");
    }
    for (unsigned i = 0; i < 2; i++)
        assert_in_range(yibu_core_connections(yibu_cores_core(cores, i)), 40, 60);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    assert_int_equal(connect_to_path(path), -ENOENT);
    yibu_cores_free(cores);
    assert_int_equal(count_descriptors(), before);
}

/* Descriptors run out, and come back. */

static atomic_int reports;

static void count_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)arg;
    if (code != -EMFILE)
        fprintf(stderr, "%s\n", message);
    atomic_fetch_add(&reports, code == -EMFILE);
}

static int run_out_of_descriptors(void *arg)
{
    (void)arg;
    const yibu_loop_options loop = {.size = sizeof(loop), .exception_handler = count_report};
    yibu_cores_options options = {.size = sizeof(options), .loops = 2, .loop = &loop};
    yibu_cores *cores = start_cores(echo_lines, NULL, &options);
    enum { CLIENTS = 30 };
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) /* more than the server's side will have room for */
        fds[i] = connect_client(yibu_cores_port(cores));
    while (yibu_cores_connections(cores) < CLIENTS)
        usleep(1000);
    int last = dup(0);
    close(last);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)last + 1; /* one more: the client's */
    setrlimit(RLIMIT_NOFILE, &limit);
    int waiting = connect_client(yibu_cores_port(cores));
    while (atomic_load(&reports) == 0)
        usleep(1000);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    usleep(200000);
    getrusage(RUSAGE_SELF, &after);
    int64_t used_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000 +
                      after.ru_utime.tv_usec - before.ru_utime.tv_usec +
                      (after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
                      after.ru_stime.tv_usec - before.ru_stime.tv_usec;
    assert_true(used_us < 50000 * YB_TEST_SLOWDOWN); /* it does not spin */
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    say(waiting, "at last\n");
    expect(waiting, "at last\n");
    close(waiting);
    yibu_cores_stop(cores);
    int r = yibu_cores_wait(cores);
    yibu_cores_free(cores);
    return -r;
}

static void accepting_recovers_from_a_lack_of_descriptors_without_spinning(void **state)
{
    (void)state;
    test_result result;
    if (YB_UNDER_VALGRIND) /* which accepts beyond the limit, and then drops the connection */
        return;
    test_in_process(run_out_of_descriptors, NULL, &result);
    assert_true(test_exited(&result, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_served_and_the_end_leaves_nothing_behind),
        cmocka_unit_test(a_task_can_start_and_wait_for_them),
        cmocka_unit_test(a_wait_that_is_cancelled_leaves_them_running),
        cmocka_unit_test(each_loop_is_set_up_and_torn_down_in_its_own_thread),
        cmocka_unit_test(a_loop_that_fails_to_set_up_stops_all),
        cmocka_unit_test(a_failing_loop_cancels_the_setup_of_the_others),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(a_port_in_use_is_said),
        cmocka_unit_test(a_name_is_looked_up_by_a_plain_thread_too),
        cmocka_unit_test(pinned_loops_have_a_core_each),
        cmocka_unit_test(as_many_loops_as_cores_are_the_default),
        cmocka_unit_test(two_loops_share_one_core),
        cmocka_unit_test(balanced_loops_have_as_many_connections_each),
        cmocka_unit_test(all_loops_serve_one_unix_socket),
        cmocka_unit_test(accepting_recovers_from_a_lack_of_descriptors_without_spinning),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
