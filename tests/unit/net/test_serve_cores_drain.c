/* How servers on many cores end. */
#include "cores.h"
#include "process.h"

#include "platform/sanitizer.h"

#include <semaphore.h>

static const yibu_cores_options two = {.size = sizeof(two), .loops = 2};

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void connections_go_on_while_the_server_drains(void **state)
{
    (void)state;
    yibu_cores *cores = start_cores(echo_lines, NULL, &two);
    uint16_t port = yibu_cores_port(cores);
    int fd = connect_client(port);
    say(fd, "before\n");
    expect(fd, "before\n");
    yibu_cores_stop(cores);
    int refused;
    while ((refused = try_to_connect(port)) >= 0)
        close(refused); /* one whose handshake had begun */
    assert_int_equal(refused, -ECONNREFUSED);
    say(fd, "after\n");
    expect(fd, "after\n");
    assert_int_equal(yibu_cores_connections(cores), 1);
    close(fd);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
}

static atomic_int ends;

static intptr_t wait_for_ever(yibu_stream *stream, void *arg)
{
    (void)arg;
    int r = yibu_stream_write(stream, "in\n", 3);
    if (r == 0)
        r = yibu_sleep(YIBU_FOREVER);
    atomic_fetch_add(&ends, r == -ECANCELED);
    return r;
}

static void what_does_not_end_in_time_is_aborted_and_cancelled(void **state)
{
    (void)state;
    int fds[10];
    yibu_cores_options options = two;
    options.drain_ns = YIBU_MS(200);
    yibu_cores *cores = start_cores(wait_for_ever, NULL, &options);
    ends = 0;
    for (int i = 0; i < 10; i++) {
        fds[i] = connect_client(yibu_cores_port(cores));
        expect(fds[i], "in\n");
    }
    int64_t began = now_ms();
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    assert_true(now_ms() - began >= 200);
    assert_int_equal(ends, 10);
    for (int i = 0; i < 10; i++) {
        expect_end(fds[i]);
        close(fds[i]);
    }
    yibu_cores_free(cores);
}

static void an_abort_does_not_wait(void **state)
{
    (void)state;
    yibu_cores_options options = two;
    options.drain_ns = YIBU_FOREVER;
    yibu_cores *cores = start_cores(wait_for_ever, NULL, &options);
    ends = 0;
    int fd = connect_client(yibu_cores_port(cores));
    expect(fd, "in\n");
    yibu_cores_stop(cores);
    yibu_cores_abort(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    assert_int_equal(ends, 1);
    expect_end(fd);
    close(fd);
    yibu_cores_free(cores);
}

/* What the kernel had accepted is served, although its loops look at it only while they drain. */

static sem_t blocked;

static void block_the_loop(void *arg)
{
    sem_post(&blocked);
    usleep(*(useconds_t *)arg);
}

static intptr_t block_then_echo(yibu_stream *stream, void *arg)
{
    char *line;
    ssize_t n = yibu_stream_readline(stream, &line);
    if (n > 0 && memcmp(line, "block", 5) == 0)
        block_the_loop(arg);
    if (n > 0)
        (void)yibu_stream_write(stream, line, (size_t)n);
    return n < 0 ? n : 0;
}

static void fill_the_lines(yibu_cores *cores, int (*connect_one)(void *arg), void *arg)
{
    enum { CLIENTS = 100 };
    int fds[CLIENTS], blockers[8];
    for (int i = 0; i < 8; i++) { /* both loops, by all odds */
        blockers[i] = connect_one(arg);
        say(blockers[i], "block\n");
    }
    sem_wait(&blocked);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = connect_one(arg);
        assert_true(fds[i] >= 0);
        say(fds[i], "queued\n");
    }
    yibu_cores_stop(cores);
    for (int i = 0; i < CLIENTS; i++) {
        expect(fds[i], "queued\n");
        close(fds[i]);
    }
    for (int i = 0; i < 8; i++)
        close(blockers[i]);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
}

static int connect_tcp(void *arg)
{
    return connect_client(*(uint16_t *)arg);
}

static void what_waits_in_line_is_served_first(void **state)
{
    (void)state;
    useconds_t blocked_us = 30000;
    sem_init(&blocked, 0, 0);
    yibu_cores *cores = start_cores(block_then_echo, &blocked_us, &two);
    uint16_t port = yibu_cores_port(cores);
    fill_the_lines(cores, connect_tcp, &port);
    sem_destroy(&blocked);
}

static int connect_unix(void *arg)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *name = arg;
    memcpy(address.sun_path + 1, name + 1, strlen(name) - 1);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&address, length) == 0)
        return fd;
    close(fd);
    return -1;
}

static void what_waits_at_a_unix_socket_is_served_first(void **state)
{
    (void)state;
    char name[64];
    useconds_t blocked_us = 30000;
    yibu_cores *cores;
    sem_init(&blocked, 0, 0);
    snprintf(name, sizeof(name), "@yibu-cores-drain-%d-%s", (int)getpid(),
             test_backend() ? test_backend() : "");
    assert_int_equal(yibu_start_unix_cores(block_then_echo, &blocked_us, name, &two, &cores), 0);
    fill_the_lines(cores, connect_unix, name);
    assert_int_equal(connect_unix(name), -1);
    sem_destroy(&blocked);
}

/* Clients come all the time while it stops: who was accepted is served, to the last byte. */

typedef struct crowd {
    uint16_t port;
    atomic_bool refused;
    atomic_int served, reset;
} crowd;

static void *come_and_go(void *arg)
{
    crowd *c = arg;
    while (!atomic_load(&c->refused)) {
        char byte = 'x';
        int fd = try_to_connect(c->port);
        if (fd < 0) {
            atomic_store(&c->refused, true);
            break;
        }
        struct timeval limit = {.tv_sec = 20};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        bool served = send(fd, "x\n", 2, MSG_NOSIGNAL) == 2 && recv(fd, &byte, 1, 0) == 1;
        atomic_fetch_add(served ? &c->served : &c->reset, 1);
        struct linger linger = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        close(fd);
    }
    return NULL;
}

static void no_connection_is_lost_while_clients_come_all_the_time(void **state)
{
    (void)state;
    enum { THREADS = 8, ROUNDS = 3 };
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t threads[THREADS];
        yibu_cores *cores = start_cores(echo_lines, NULL, &two);
        crowd c = {.port = yibu_cores_port(cores)};
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &c), 0);
        while (atomic_load(&c.served) < 300)
            usleep(1000);
        yibu_cores_stop(cores);
        assert_int_equal(yibu_cores_wait(cores), 0);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(c.reset, 0);
        yibu_cores_free(cores);
    }
}

/* Signals. */

static int serve_until_a_signal_comes(void *arg)
{
    const yibu_cores_options *options = arg;
    return -yibu_serve_cores(wait_for_ever, NULL, "127.0.0.1", 0, options);
}

static atomic_uint ready_loops;

static int say_the_port(yibu_core *core, void *arg)
{
    (void)arg;
    if (atomic_fetch_add(&ready_loops, 1) == 1)
        fprintf(stderr, "port %u\n", yibu_cores_port(yibu_core_cores(core)));
    return 0;
}

/* The port it says, once it accepts connections there. */
static int connect_to_process(test_process *process)
{
    char said[64] = "";
    assert_true(read(process->errors, said, sizeof(said) - 1) > 0);
    int port = atoi(said + strlen("port ")), fd;
    while ((fd = try_to_connect((uint16_t)port)) == -ECONNREFUSED)
        usleep(1000); /* bound, and not yet listening */
    assert_true(fd >= 0);
    expect(fd, "in\n");
    return fd;
}

/* ThreadSanitizer keeps a signal back while the ring waits. */
static bool signals_come_late(void)
{
    const char *backend = test_backend();
    return YB_TSAN && !(backend && strcmp(backend, "epoll") == 0);
}

static void a_signal_stops_and_a_second_one_aborts(void **state)
{
    (void)state;
    if (signals_come_late())
        skip();
    static const int numbers[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 2; i++) {
        yibu_cores_options options = two;
        options.setup = say_the_port;
        options.drain_ns = YIBU_FOREVER;
        test_process process;
        test_result result;
        test_process_start(serve_until_a_signal_comes, &options, &process);
        int fd = connect_to_process(&process);
        kill(process.pid, numbers[i]);
        usleep(20000);
        assert_int_equal(waitpid(process.pid, NULL, WNOHANG), 0); /* the connection holds it */
        kill(process.pid, numbers[1 - i]);
        expect_end(fd);
        close(fd);
        test_process_finish(&process, &result);
        assert_true(test_exited(&result, 0));
    }
}

static intptr_t serve_in_a_task(void *arg)
{
    return yibu_serve_cores(echo_lines, NULL, "127.0.0.1", 0, arg);
}

LOOP_TEST(cancelling_a_task_that_serves_stops_it)
{
    struct sigaction action;
    yibu_cores_options options = two;
    int before = count_descriptors();
    yibu_task *task = yibu_create_task(serve_in_a_task, &options, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(20)), 0);
    sigaction(SIGTERM, NULL, &action);
    assert_true(action.sa_flags & SA_SIGINFO);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    sigaction(SIGTERM, NULL, &action);
    assert_true(action.sa_handler == SIG_DFL);
    assert_int_equal(count_descriptors(), before);
    return 0;
}

static void stopping_from_another_thread_again_and_again_is_fine(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        yibu_cores *cores = start_cores(echo_lines, NULL, &two);
        for (int n = 0; n < i % 3; n++)
            yibu_cores_stop(cores);
        if (i % 2)
            yibu_cores_abort(cores);
        else
            yibu_cores_stop(cores);
        assert_int_equal(yibu_cores_wait(cores), 0);
        assert_int_equal(yibu_cores_wait(cores), 0);
        yibu_cores_stop(cores);
        yibu_cores_free(cores);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_go_on_while_the_server_drains),
        cmocka_unit_test(what_does_not_end_in_time_is_aborted_and_cancelled),
        cmocka_unit_test(an_abort_does_not_wait),
        cmocka_unit_test(what_waits_in_line_is_served_first),
        cmocka_unit_test(what_waits_at_a_unix_socket_is_served_first),
        cmocka_unit_test(no_connection_is_lost_while_clients_come_all_the_time),
        cmocka_unit_test(a_signal_stops_and_a_second_one_aborts),
        cmocka_unit_test(cancelling_a_task_that_serves_stops_it),
        cmocka_unit_test(stopping_from_another_thread_again_and_again_is_fine),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
