/* Servers: a task for each connection. */
#include <errno.h>
#include <netdb.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "hush.h"
#include "platform/valgrind.h"
#include "sim.h"
#include "streams.h"

/* Sends every line back; NULL arg, or a count of those who came. */
static intptr_t echo(yibu_stream *stream, void *arg)
{
    char *line;
    ssize_t n;
    int *count = arg;
    if (count)
        ++*count;
    while ((n = yibu_stream_readline(stream, &line)) > 0) {
        int r = yibu_stream_write(stream, line, (size_t)n);
        if (r == 0)
            r = yibu_stream_drain(stream);
        if (r < 0)
            return r;
    }
    return n;
}

static yibu_server *start(yibu_connection_handler *handler, void *arg,
                          const yibu_server_options *options)
{
    yibu_server *server;
    assert_int_equal(yibu_start_server(handler, arg, "127.0.0.1", 0, options, &server), 0);
    assert_true(yibu_server_is_serving(server));
    return server;
}

static yibu_stream *join(yibu_server *server)
{
    yibu_stream *stream;
    assert_int_equal(yibu_open_connection("127.0.0.1", yibu_server_port(server), NULL, &stream), 0);
    return stream;
}

static void ask(yibu_stream *stream, const char *question)
{
    char *line;
    assert_int_equal(yibu_stream_write(stream, question, strlen(question)), 0);
    ssize_t n = yibu_stream_readline(stream, &line);
    assert_int_equal(n, strlen(question));
    assert_memory_equal(line, question, strlen(question));
}

static void stop(yibu_server *server)
{
    yibu_server_close(server);
    assert_int_equal(yibu_server_wait_closed(server), 0);
    yibu_server_free(server);
}

LOOP_TEST(each_connection_has_a_task_of_its_own)
{
    yibu_server *server = start(echo, NULL, NULL);
    yibu_stream *clients[20];
    for (int i = 0; i < 20; i++)
        clients[i] = join(server);
    for (int i = 20; i-- > 0;)
        ask(clients[i], "who is there\n");
    assert_int_equal(yibu_server_connections(server), 20);
    for (int i = 0; i < 20; i++)
        yibu_stream_free(clients[i]);
    stop(server);
    return 0;
}

LOOP_TEST(a_closed_server_listens_no_more_and_serves_who_is_there)
{
    yibu_server *server = start(echo, NULL, NULL);
    uint16_t port = yibu_server_port(server);
    yibu_stream *client = join(server), *late;
    ask(client, "before\n");
    yibu_server_close(server);
    assert_false(yibu_server_is_serving(server));
    assert_int_equal(yibu_server_sockets(server, NULL, 0), 0);
    assert_int_equal(yibu_open_connection("127.0.0.1", port, NULL, &late), -ECONNREFUSED);
    ask(client, "after\n");
    yibu_stream_free(client);
    stop(server);
    return 0;
}

static intptr_t greet(yibu_stream *stream, void *arg)
{
    return yibu_stream_write(stream, arg, strlen(arg));
}

LOOP_TEST(what_a_handler_wrote_goes_out_after_it_has_returned)
{
    enum { LENGTH = 5000000 };
    char *text = malloc(LENGTH + 1);
    memset(text, 'x', LENGTH);
    text[LENGTH] = '\0';
    yibu_server *server = start(greet, text, NULL);
    yibu_stream *client = join(server);
    char *data;
    assert_int_equal(yibu_stream_read_all(client, SIZE_MAX, &data), LENGTH);
    assert_int_equal(data[LENGTH - 1], 'x');
    yibu_stream_free(client);
    stop(server);
    free(text);
    return 0;
}

static void end_clients(void (*act)(yibu_server *server))
{
    yibu_server *server = start(echo, NULL, NULL);
    yibu_stream *client = join(server);
    ask(client, "hello\n");
    yibu_server_close(server);
    act(server);
    char *line;
    assert_true(yibu_stream_readline(client, &line) <= 0);
    stop(server);
    yibu_stream_free(client);
}

LOOP_TEST(clients_can_be_closed_and_aborted)
{
    end_clients(yibu_server_close_clients);
    end_clients(yibu_server_abort_clients);
    return 0;
}

static intptr_t serve_forever(void *arg)
{
    return yibu_server_serve_forever(arg);
}

LOOP_TEST(serve_forever_ends_when_the_server_is_closed)
{
    yibu_server *server = start(echo, NULL, NULL);
    yibu_task *task = yibu_create_task(serve_forever, server, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    assert_false(yibu_task_done(task));
    yibu_server_close(server);
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    stop(server);
    return 0;
}

LOOP_TEST(serve_forever_closes_the_server_when_it_is_cancelled)
{
    yibu_server *server = start(echo, NULL, NULL);
    yibu_task *task = yibu_create_task(serve_forever, server, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    assert_false(yibu_server_is_serving(server));
    yibu_task_unref(task);
    yibu_server_free(server);
    return 0;
}

LOOP_TEST(no_more_than_max_connections_are_served_at_once)
{
    const yibu_server_options options = {.size = sizeof(options), .max_connections = 1};
    int count = 0;
    yibu_server *server = start(echo, &count, &options);
    yibu_stream *first = join(server), *second = join(server);
    ask(first, "first\n");
    assert_int_equal(yibu_stream_write(second, "second\n", 7), 0);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    assert_int_equal(count, 1);
    yibu_stream_free(first);
    char *line;
    assert_int_equal(yibu_stream_readline(second, &line), 7);
    assert_int_equal(count, 2);
    yibu_stream_free(second);
    stop(server);
    return 0;
}

static void note(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    ((intptr_t *)arg)[0]++;
    ((intptr_t *)arg)[1] = code;
}

static intptr_t fail_at_once(yibu_stream *stream, void *arg)
{
    (void)stream;
    (void)arg;
    return -EPROTO;
}

LOOP_TEST(a_handler_s_failure_is_told)
{
    intptr_t told[2] = {0, 0};
    yibu_loop_set_exception_handler(yibu_get_running_loop(), note, told);
    yibu_server *server = start(fail_at_once, NULL, NULL);
    yibu_stream *client = join(server);
    char *line;
    assert_int_equal(yibu_stream_readline(client, &line), 0);
    stop(server);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(told[0], 1);
    assert_int_equal(told[1], -EPROTO);
    yibu_stream_free(client);
    return 0;
}

enum { DESCRIPTORS = 64 };

static void limit_descriptors(rlim_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = count < limit.rlim_max ? count : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Takes all descriptors but one.  Returns how many. */
static int use_up_descriptors(int taken[DESCRIPTORS])
{
    int count = 0;
    while ((taken[count] = dup(0)) >= 0)
        count++;
    assert_true(count > 0);
    close(taken[--count]);
    return count;
}

LOOP_TEST(a_server_without_descriptors_says_so_once_and_goes_on)
{
    if (YB_UNDER_VALGRIND) /* which accepts beyond the limit, and then drops the connection */
        return 0;
    intptr_t told[2] = {0, 0};
    yibu_loop_set_exception_handler(yibu_get_running_loop(), note, told);
    limit_descriptors(DESCRIPTORS);
    int count = 0, taken[DESCRIPTORS];
    yibu_server *server = start(echo, &count, NULL);
    yibu_stream *first = join(server);
    ask(first, "first\n");
    int takes = use_up_descriptors(taken);
    yibu_stream *second = join(server); /* takes the last one */
    assert_int_equal(yibu_stream_write(second, "second\n", 7), 0);
    while (told[0] == 0)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_int_equal(yibu_sleep(YIBU_MS(20)), 0);
    assert_int_equal(told[0], 1);
    assert_int_equal(told[1], -EMFILE);
    assert_int_equal(count, 1);
    yibu_stream_free(first); /* gives two back, once the server sees it */
    char *line;
    assert_int_equal(yibu_stream_readline(second, &line), 7);
    while (takes > 0)
        close(taken[--takes]);
    limit_descriptors(RLIM_INFINITY);
    assert_int_equal(told[0], 1);
    yibu_stream_free(second);
    stop(server);
    return 0;
}

/* A system with nothing on it has no /etc/hosts either. */
static const char *local_host(void)
{
    struct addrinfo *list;
    if (yibu_getaddrinfo("localhost", NULL, NULL, &list) < 0)
        return "127.0.0.1";
    freeaddrinfo(list);
    return "localhost";
}

LOOP_TEST(a_server_listens_on_every_address_of_its_host_at_one_port)
{
    const char *host = local_host();
    yibu_server *server;
    assert_int_equal(yibu_start_server(echo, NULL, host, 0, NULL, &server), 0);
    int sockets[8];
    size_t count = yibu_server_sockets(server, sockets, 8);
    assert_true(count >= 1);
    for (size_t i = 0; i < count; i++) {
        yibu_address address;
        assert_int_equal(yibu_getsockname(sockets[i], &address), 0);
        assert_int_equal(yibu_address_port(&address), yibu_server_port(server));
    }
    yibu_server *other;
    assert_int_equal(yibu_start_server(echo, NULL, host, yibu_server_port(server), NULL, &other),
                     -EADDRINUSE);
    assert_int_equal(yibu_start_server(NULL, NULL, NULL, 0, NULL, &other), -EINVAL);
    assert_int_equal(yibu_start_server(echo, NULL, "no.such.host.invalid", 0, NULL, &other) < 0, 1);
    stop(server);
    assert_int_equal(yibu_start_server(echo, NULL, NULL, 0, NULL, &server), 0);
    yibu_stream *client = join(server);
    ask(client, "everywhere\n");
    yibu_stream_free(client);
    stop(server);
    return 0;
}

static intptr_t leave_everything_open(void *arg)
{
    yibu_server **servers = arg;
    servers[0] = start(echo, NULL, NULL);
    servers[1] = start(echo, NULL, NULL);
    yibu_stream *client = join(servers[0]);
    ask(client, "hello\n");
    yibu_server_free(servers[0]);
    ask(client, "freed\n");
    yibu_stream_free(client);
    client = join(servers[1]);
    ask(client, "hello\n");
    yibu_stream_close(client);
    return (intptr_t)client;
}

static void the_end_of_the_loop_ends_servers_too(void **state)
{
    (void)state;
    int before = count_descriptors();
    yibu_server *servers[2];
    yibu_stream *client = (yibu_stream *)yibu_run(leave_everything_open, servers, NULL);
    yibu_stream_free(client);
    yibu_server_free(servers[1]);
    assert_int_equal(count_descriptors(), before);
}

/* Unix sockets. */

static char folder[64], name[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/yibu-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(name, sizeof(name), "%s/socket", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(name);
    return rmdir(folder);
}

static yibu_server *start_unix(const char *path)
{
    yibu_server *server;
    assert_int_equal(yibu_start_unix_server(echo, NULL, path, NULL, &server), 0);
    return server;
}

static void ask_unix(const char *path)
{
    yibu_stream *client;
    assert_int_equal(yibu_open_unix_connection(path, NULL, &client), 0);
    ask(client, "over a path\n");
    yibu_stream_free(client);
}

static bool exists(const char *path)
{
    struct stat file;
    return lstat(path, &file) == 0;
}

LOOP_TEST(a_unix_server_removes_its_path_when_it_closes)
{
    yibu_server *server = start_unix(name), *other;
    ask_unix(name);
    assert_int_equal(yibu_start_unix_server(echo, NULL, name, NULL, &other), -EADDRINUSE);
    ask_unix(name);
    stop(server);
    assert_false(exists(name));
    return 0;
}

LOOP_TEST(a_stale_path_is_replaced)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    memcpy(un.sun_path, name, strlen(name));
    int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&un, sizeof(un)), 0);
    close(dead);
    assert_true(exists(name));
    yibu_server *server = start_unix(name);
    ask_unix(name);
    stop(server);
    return 0;
}

LOOP_TEST(a_path_that_is_somebody_else_s_stays)
{
    yibu_server *server = start_unix(name), *other;
    unlink(name);
    FILE *file = fopen(name, "w");
    fclose(file);
    stop(server);
    assert_true(exists(name));
    assert_int_equal(yibu_start_unix_server(echo, NULL, name, NULL, &other), -EADDRINUSE);
    assert_true(exists(name));
    return 0;
}

LOOP_TEST(an_abstract_name_needs_no_path)
{
    char abstract[64];
    snprintf(abstract, sizeof(abstract), "@yibu-test-%d", (int)getpid());
    yibu_server *server = start_unix(abstract), *other;
    ask_unix(abstract);
    assert_int_equal(yibu_start_unix_server(echo, NULL, abstract, NULL, &other), -EADDRINUSE);
    assert_int_equal(yibu_server_port(server), 0);
    stop(server);
    return 0;
}

/* The simulator. */

static intptr_t talk(void *arg)
{
    (void)arg;
    yibu_stream *stream;
    int r = yibu_open_connection("127.0.0.1", 7, NULL, &stream);
    if (r < 0)
        return r;
    char *line;
    ssize_t n = 0;
    for (int i = 0; i < 3 && n >= 0; i++) {
        n = yibu_stream_write(stream, "line\n", 5);
        if (n == 0)
            n = yibu_stream_readline(stream, &line);
        if (n > 0)
            assert_memory_equal(line, "line\n", 5);
    }
    yibu_stream_free(stream);
    return n == 5 ? 0 : n == 0 ? -ECONNRESET : n;
}

static intptr_t serve_many(bool all_must_succeed)
{
    enum { CLIENTS = 8 };
    const yibu_server_options options = {.size = sizeof(options),
                                         .max_connections = yibu_sim_random(4)};
    yibu_server *server;
    yibu_task *clients[CLIENTS];
    assert_int_equal(yibu_start_server(echo, NULL, "127.0.0.1", 7, &options, &server), 0);
    for (int i = 0; i < CLIENTS; i++)
        clients[i] = yibu_create_task(talk, NULL, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        intptr_t r = yibu_await(clients[i]);
        if (all_must_succeed)
            assert_int_equal(r, 0);
        yibu_task_unref(clients[i]);
    }
    stop(server);
    return 0;
}

SIM_TEST_WITH(a_server_serves_whoever_comes, 1000, .latency_ns = YIBU_MS(1),
              .jitter_ns = YIBU_MS(5), .short_transfer = 0.3, .exception_handler = test_hush)
{
    return serve_many(true);
}

SIM_TEST_WITH(a_server_outlives_everything, 2000, .latency_ns = YIBU_MS(1), .jitter_ns = YIBU_MS(5),
              .short_transfer = 0.3, .accept_failure = 0.2, .connect_failure = 0.1,
              .read_failure = 0.02, .write_failure = 0.02, .reset = 0.02,
              .exception_handler = test_hush)
{
    return serve_many(false);
}

#define unix_unit_test(NAME) cmocka_unit_test_setup_teardown(NAME, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_connection_has_a_task_of_its_own),
        cmocka_unit_test(a_closed_server_listens_no_more_and_serves_who_is_there),
        cmocka_unit_test(what_a_handler_wrote_goes_out_after_it_has_returned),
        cmocka_unit_test(clients_can_be_closed_and_aborted),
        cmocka_unit_test(serve_forever_ends_when_the_server_is_closed),
        cmocka_unit_test(serve_forever_closes_the_server_when_it_is_cancelled),
        cmocka_unit_test(no_more_than_max_connections_are_served_at_once),
        cmocka_unit_test(a_handler_s_failure_is_told),
        cmocka_unit_test(a_server_without_descriptors_says_so_once_and_goes_on),
        cmocka_unit_test(a_server_listens_on_every_address_of_its_host_at_one_port),
        cmocka_unit_test(the_end_of_the_loop_ends_servers_too),
        unix_unit_test(a_unix_server_removes_its_path_when_it_closes),
        unix_unit_test(a_stale_path_is_replaced),
        unix_unit_test(a_path_that_is_somebody_else_s_stays),
        unix_unit_test(an_abstract_name_needs_no_path),
        cmocka_unit_test(a_server_serves_whoever_comes),
        cmocka_unit_test(a_server_outlives_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
