/* What a connection costs that waits: memory of the process for each, with a task and without.
 *
 * A server is a process of its own, and so are its peers, which connect from several loopback
 * addresses and then do nothing.  Where a process may not have enough descriptors there are several
 * servers, which hold their connections at the same time.  What the kernel keeps for a socket is
 * not the process's, and not counted. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "soak.h"

enum {
    WARM = 100,
    PORTS_EACH = 10000,
    SERVERS_MAX = 64,
    WITH_TASK_MAX = 6144,
    CALLBACK_MAX = 1536
};

static struct {
    uint16_t port;
    long arrived, wanted;
    yibu_event all;
} idle;

/* Resident memory of the process. */
static long resident_bytes(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    (void)fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}

/* The peers. */

static int connect_from(long index, uint16_t port)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(index / PORTS_EACH));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0 ||
        connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
        return -1;
    return fd;
}

/* Connects as many as it reads, and holds them until the other end is closed. */
static void be_peers(int orders)
{
    long index = 0, more;
    uint16_t port;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(orders, &port, sizeof(port)) != sizeof(port))
        _exit(1);
    while (read(orders, &more, sizeof(more)) == sizeof(more))
        for (; more > 0; more--)
            if (connect_from(index++, port) < 0)
                _exit(2);
    _exit(0);
}

static void order(int orders, long more)
{
    assert_int_equal(write(orders, &more, sizeof(more)), sizeof(more));
}

/* The server's two forms. */

static void count_arrival(void)
{
    if (++idle.arrived == idle.wanted)
        yibu_event_set(&idle.all);
}

static intptr_t wait_for_a_line(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *line;
    count_arrival();
    ssize_t n = yibu_stream_readline(stream, &line);
    return n == -ECONNRESET ? 0 : n;
}

static void connection_made(yibu_protocol *protocol, yibu_transport *transport)
{
    (void)protocol;
    (void)transport;
    count_arrival();
}

static const yibu_protocol_methods quiet_methods = {.size = sizeof(quiet_methods),
                                                    .connection_made = connection_made};
static yibu_protocol quiet = {&quiet_methods};

static yibu_protocol *make_quiet(void *arg)
{
    (void)arg;
    return &quiet;
}

/* Measuring. */

static int wait_for(long count, int orders)
{
    idle.wanted = idle.arrived + count;
    yibu_event_clear(&idle.all);
    order(orders, count);
    int r = yibu_event_wait(&idle.all);
    /* What was put off until the loop is idle, and what tasks do after they were counted. */
    return r < 0 ? r : yibu_sleep(soak_is_full() ? YIBU_SECONDS(3) : YIBU_MS(100));
}

/* Bytes for each of count connections, beyond those that came first. */
static int measure(yibu_server *server, int orders, long count, double *ret_bytes)
{
    uint16_t port = yibu_server_port(server);
    assert_int_equal(write(orders, &port, sizeof(port)), sizeof(port));
    int r = wait_for(WARM, orders);
    if (r < 0)
        return r;
    long before = resident_bytes();
    r = wait_for(count, orders);
    *ret_bytes = (double)(resident_bytes() - before) / (double)count;
    assert_int_equal(yibu_server_connections(server), WARM + count);
    return r;
}

typedef struct trial {
    bool with_task;
    int orders; /* to the peers */
    int report; /* where the result is written */
    int hold;   /* the connections are held until this ends */
    long count;
} trial;

static int hold_and_report(yibu_server *server, const trial *t)
{
    double bytes;
    int r = measure(server, t->orders, t->count, &bytes);
    if (r < 0)
        return r;
    assert_int_equal(write(t->report, &bytes, sizeof(bytes)), sizeof(bytes));
    return yibu_wait_readable(t->hold);
}

static intptr_t serve(void *arg)
{
    trial *t = arg;
    yibu_server *server;
    int r = t->with_task ? yibu_start_server(wait_for_a_line, NULL, "127.0.0.1", 0, NULL, &server)
                         : yibu_create_server(make_quiet, NULL, "127.0.0.1", 0, NULL, &server);
    if (r < 0)
        return r;
    r = hold_and_report(server, t);
    (void)close(t->orders);
    yibu_server_close(server);
    yibu_server_abort_clients(server);
    int closed = yibu_server_wait_closed(server);
    yibu_server_free(server);
    return r < 0 ? r : closed;
}

/* A server's process, with the peers as its child. */
static void be_server(trial *t)
{
    int ends[2], status;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    assert_int_equal(pipe(ends), 0);
    pid_t peers = fork();
    assert_true(peers >= 0);
    if (peers == 0) {
        close(ends[1]);
        be_peers(ends[0]);
    }
    close(ends[0]);
    t->orders = ends[1];
    int before = count_descriptors() - 1;
    assert_int_equal(yibu_run(serve, t, NULL), 0);
    assert_int_equal(waitpid(peers, &status, 0), peers);
    assert_int_equal(status, 0);
    assert_int_equal(count_descriptors(), before);
    _exit(0);
}

/* The most that a connection of any of them costs. */
static double hear_reports(int reports, long servers)
{
    double most = 0, bytes;
    for (long i = 0; i < servers; i++) {
        if (read(reports, &bytes, sizeof(bytes)) != sizeof(bytes))
            fail_msg("a server has ended early");
        most = bytes > most ? bytes : most;
    }
    return most;
}

static double hold_idle_connections(bool with_task)
{
    long wanted = soak_scale(2000, 100000);
    long each = soak_allow_descriptors(wanted + 500) - 500;
    long servers = (wanted + each - 1) / each;
    int reports[2], hold[2], status;
    pid_t ids[SERVERS_MAX];
    assert_true(servers <= SERVERS_MAX);
    assert_int_equal(pipe(reports), 0);
    assert_int_equal(pipe(hold), 0);
    fflush(NULL);
    for (long i = 0; i < servers; i++) {
        trial t = {.with_task = with_task, .report = reports[1], .hold = hold[0]};
        t.count = (i < servers - 1 ? each : wanted - i * each) - WARM;
        ids[i] = fork();
        assert_true(ids[i] >= 0);
        if (ids[i] == 0) {
            close(hold[1]);
            close(reports[0]);
            be_server(&t);
        }
    }
    close(reports[1]);
    double bytes = hear_reports(reports[0], servers);
    close(hold[1]);
    for (long i = 0; i < servers; i++) {
        assert_int_equal(waitpid(ids[i], &status, 0), ids[i]);
        assert_int_equal(status, 0);
    }
    close(hold[0]);
    close(reports[0]);
    printf("%ld idle connections %s, of %ld server(s): %.0f bytes each\n", wanted,
           with_task ? "with a task" : "in callback form", servers, bytes);
    return bytes;
}

static void an_idle_connection_with_a_task_costs_at_most_six_kibibytes(void **state)
{
    (void)state;
    assert_true(hold_idle_connections(true) <= WITH_TASK_MAX);
}

static void an_idle_connection_in_callback_form_costs_at_most_one_and_a_half(void **state)
{
    (void)state;
    assert_true(hold_idle_connections(false) <= CALLBACK_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_in_callback_form_costs_at_most_one_and_a_half),
        cmocka_unit_test(an_idle_connection_with_a_task_costs_at_most_six_kibibytes),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
