/* The server of a soak as a process of its own: each side has the descriptors that a process may
 * have to itself, and counts its own.
 *
 * The server checks what it hears by assertions, of which one that fails ends its process; what it
 * counts it reports through a pipe when its clients have gone. */
#ifndef SERVER_PROCESS_H
#define SERVER_PROCESS_H

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "soak.h"

typedef struct server_report {
    uint64_t frames, bytes, expired;
    long connections, most_connections; /* now, and the most at once */
    double cpu_seconds;
} server_report;

typedef struct server_process {
    pid_t id;
    int reports; /* its port comes first, its report when it ends */
    int hold;    /* it serves until this is closed */
} server_process;

/* What the server counts: in its process. */
static server_report served;

typedef struct server_orders {
    yibu_connection_handler *handler;
    int reports;
    int hold;
} server_orders;

static inline void served_begins(void)
{
    if (++served.connections > served.most_connections)
        served.most_connections = served.connections;
}

static inline void served_ends(void)
{
    served.connections--;
}

static inline intptr_t serve_while_held(void *arg)
{
    const server_orders *orders = arg;
    yibu_server *server;
    int r = yibu_start_server(orders->handler, NULL, "127.0.0.1", 0, NULL, &server);
    if (r < 0)
        return r;
    uint16_t port = yibu_server_port(server);
    assert_int_equal(write(orders->reports, &port, sizeof(port)), sizeof(port));
    r = yibu_wait_readable(orders->hold);
    yibu_server_close(server);
    int closed = yibu_server_wait_closed(server);
    yibu_server_free(server);
    return r < 0 ? r : closed;
}

static inline _Noreturn void be_server_process(server_orders *orders)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int before = count_descriptors();
    long blocks = soak_blocks;
    intptr_t r = yibu_run(serve_while_held, orders, NULL);
    if (r < 0)
        fail_msg("the server ends with %s", yibu_error_name(r));
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(soak_blocks, blocks);
    assert_int_equal(served.connections, 0);
    served.cpu_seconds = (double)clock() / CLOCKS_PER_SEC;
    assert_int_equal(write(orders->reports, &served, sizeof(served)), sizeof(served));
    _exit(0);
}

/* Starts one, before the library was used in this process; returns its port. */
static inline uint16_t start_server_process(server_process *server,
                                            yibu_connection_handler *handler)
{
    int reports[2], hold[2];
    uint16_t port;
    assert_int_equal(pipe2(reports, O_CLOEXEC), 0);
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    fflush(NULL);
    server->id = fork();
    assert_true(server->id >= 0);
    if (server->id == 0) {
        close(reports[0]);
        close(hold[1]);
        server_orders orders = {handler, reports[1], hold[0]};
        be_server_process(&orders);
    }
    close(reports[1]);
    close(hold[0]);
    server->reports = reports[0];
    server->hold = hold[1];
    if (read(server->reports, &port, sizeof(port)) != sizeof(port))
        fail_msg("the server's process does not begin");
    return port;
}

/* Once the clients have gone. */
static inline server_report end_server_process(server_process *server)
{
    server_report report;
    int status;
    close(server->hold);
    if (read(server->reports, &report, sizeof(report)) != sizeof(report))
        fail_msg("the server's process has failed");
    close(server->reports);
    assert_int_equal(waitpid(server->id, &status, 0), server->id);
    assert_int_equal(status, 0);
    return report;
}

#endif
