/* Connections that move from one loop to another. */
#include "cores.h"
#include "gate.h"

static const yibu_cores_options two = {.size = sizeof(two), .loops = 2};

static yibu_core *other_core(void)
{
    yibu_core *own = yibu_current_core();
    return yibu_cores_core(yibu_core_cores(own), 1 - yibu_core_index(own));
}

/* Says on which loop it is, then echoes. */
static intptr_t go_on(yibu_stream *stream, void *arg)
{
    char text[32];
    unsigned from = *(unsigned *)arg;
    free(arg);
    snprintf(text, sizeof(text), "moved %s\n",
             yibu_core_index(yibu_current_core()) == from ? "nowhere" : "on");
    int r = yibu_stream_write(stream, text, strlen(text));
    return r < 0 ? r : echo_lines(stream, NULL);
}

static unsigned *own_index(void)
{
    unsigned *index = malloc(sizeof(*index));
    assert_non_null(index);
    *index = yibu_core_index(yibu_current_core());
    return index;
}

/* Reads one line, and hands the rest over. */
static intptr_t read_line_and_move(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *line;
    ssize_t n = yibu_stream_readline(stream, &line);
    if (n <= 0)
        return n;
    int r = yibu_stream_write(stream, line, (size_t)n);
    assert_int_equal(r, 0);
    r = yibu_core_hand_over(other_core(), stream, go_on, own_index());
    assert_int_equal(r, 0);
    assert_true(yibu_stream_is_closing(stream));
    assert_int_equal(yibu_stream_write(stream, "x", 1), -EPIPE);
    return 0;
}

static void a_stream_moves_with_what_was_read_already(void **state)
{
    (void)state;
    int before = count_descriptors();
    yibu_cores *cores = start_cores(read_line_and_move, NULL, &two);
    for (int i = 0; i < 50; i++) {
        int fd = connect_client(yibu_cores_port(cores));
        say(fd, "first\nsecond\nthi");
        expect(fd, "first\nmoved on\nsecond\n");
        say(fd, "rd\n");
        expect(fd, "third\n");
        close(fd);
    }
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
    assert_int_equal(count_descriptors(), before);
}

/* A megabyte is on its way out when the connection moves. */
enum { BULK = 1 << 20 };

static intptr_t write_and_move(yibu_stream *stream, void *arg)
{
    (void)arg;
    uint8_t *bytes = new_stream(BULK);
    assert_int_equal(yibu_stream_write(stream, bytes, BULK), 0);
    free(bytes);
    return yibu_core_hand_over(other_core(), stream, go_on, own_index());
}

static void what_was_written_goes_out_before(void **state)
{
    (void)state;
    yibu_cores *cores = start_cores(write_and_move, NULL, &two);
    int fd = connect_client(yibu_cores_port(cores));
    uint8_t *bytes = malloc(BULK);
    for (size_t got = 0; got < BULK;) {
        ssize_t n = recv(fd, bytes + got, BULK - got, 0);
        assert_true(n > 0);
        got += (size_t)n;
    }
    check_stream(bytes, BULK, 0);
    free(bytes);
    expect(fd, "moved on\n");
    close(fd);
    yibu_cores_free(cores);
}

/* To and fro, many at once. */
static intptr_t hop(yibu_stream *stream, void *arg)
{
    (void)arg;
    char *line;
    ssize_t n = yibu_stream_readline(stream, &line);
    if (n <= 0)
        return n;
    int r = yibu_stream_write(stream, line, (size_t)n);
    return r < 0 ? r : yibu_core_hand_over(other_core(), stream, NULL, NULL);
}

static void connections_hop_between_loops_and_lose_nothing(void **state)
{
    (void)state;
    enum { CLIENTS = 64, HOPS = 30 };
    int fds[CLIENTS];
    char text[32];
    yibu_cores *cores = start_cores(hop, NULL, &two);
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = connect_client(yibu_cores_port(cores));
    for (int h = 0; h < HOPS; h++) {
        for (int i = 0; i < CLIENTS; i++) {
            snprintf(text, sizeof(text), "%d of %d\n", h, i);
            say(fds[i], text);
        }
        for (int i = 0; i < CLIENTS; i++) {
            snprintf(text, sizeof(text), "%d of %d\n", h, i);
            expect(fds[i], text);
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
}

static void a_loop_takes_connections_of_others_while_it_drains(void **state)
{
    (void)state;
    enum { CLIENTS = 20 };
    int fds[CLIENTS];
    yibu_cores *cores = start_cores(hop, NULL, &two);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = connect_client(yibu_cores_port(cores));
        say(fds[i], "before\n");
        expect(fds[i], "before\n");
    }
    yibu_cores_stop(cores);
    for (int h = 0; h < 20; h++)
        for (int i = 0; i < CLIENTS; i++) {
            say(fds[i], "while\n");
            expect(fds[i], "while\n");
        }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
}

/* Descriptors that others accepted. */

static void any_thread_hands_a_descriptor_over(void **state)
{
    (void)state;
    yibu_cores *cores = start_cores(echo_lines, NULL, &two);
    int pairs[10][2];
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
        yibu_core *core = yibu_cores_least_loaded(cores);
        assert_int_equal(yibu_core_hand_over_fd(core, pairs[i][1], NULL, NULL), 0);
    }
    for (unsigned i = 0; i < 2; i++)
        assert_in_range(yibu_core_connections(yibu_cores_core(cores, i)), 3, 7);
    for (int i = 0; i < 10; i++) {
        say(pairs[i][0], "here\n");
        expect(pairs[i][0], "here\n");
        close(pairs[i][0]);
    }
    assert_int_equal(yibu_core_hand_over_fd(yibu_cores_core(cores, 0), -1, NULL, NULL), -EBADF);
    assert_int_equal(yibu_core_hand_over_fd(NULL, 0, NULL, NULL), -EINVAL);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    int left[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, left), 0);
    assert_int_equal(yibu_core_hand_over_fd(yibu_cores_core(cores, 0), left[0], NULL, NULL),
                     YIBU_ESHUTDOWN);
    close(left[0]); /* still ours */
    close(left[1]);
    yibu_cores_free(cores);
}

/* A failed move leaves the stream as it is. */

typedef struct verdict {
    atomic_int cancelled, shut, closing, moved;
    yibu_cores *ended;
} verdict;

static intptr_t move_in_vain(void *arg)
{
    return yibu_core_hand_over(other_core(), arg, NULL, NULL);
}

static intptr_t try_and_go_on(yibu_stream *stream, void *arg)
{
    verdict *v = arg;
    char *line;
    if (yibu_stream_readline(stream, &line) <= 0)
        return 0;
    yibu_task *task = yibu_create_task(move_in_vain, stream, NULL);
    yibu_task_cancel(task);
    v->cancelled = (int)yibu_await(task);
    yibu_task_unref(task);
    v->shut = yibu_core_hand_over(yibu_cores_core(v->ended, 0), stream, NULL, NULL);
    assert_int_equal(yibu_stream_write(stream, "intact\n", 7), 0);
    intptr_t r = echo_lines(stream, NULL);
    yibu_stream_close(stream);
    v->closing = yibu_core_hand_over(other_core(), stream, NULL, NULL);
    return r;
}

static void a_move_that_fails_leaves_the_stream_as_it_is(void **state)
{
    (void)state;
    verdict v = {0};
    v.ended = start_cores(echo_lines, NULL, &two);
    yibu_cores_stop(v.ended);
    assert_int_equal(yibu_cores_wait(v.ended), 0);
    yibu_cores *cores = start_cores(try_and_go_on, &v, &two);
    int fd = connect_client(yibu_cores_port(cores));
    say(fd, "try\nmore\n");
    expect(fd, "intact\nmore\n");
    close(fd);
    yibu_cores_stop(cores);
    assert_int_equal(yibu_cores_wait(cores), 0);
    yibu_cores_free(cores);
    yibu_cores_free(v.ended);
    assert_int_equal(v.cancelled, -ECANCELED);
    assert_int_equal(v.shut, YIBU_ESHUTDOWN);
    assert_int_equal(v.closing, -EPIPE);
}

/* Descriptors that are handed over while everything is aborted. */

enum { FLOOD = 200, FLOODS = 30 };

typedef struct flood {
    yibu_cores *cores;
    int ends[FLOOD], count;
    atomic_int begun;
} flood;

/* Until the loop takes no more. */
static void *pour(void *arg)
{
    flood *f = arg;
    int r = 0;
    for (f->count = 0; r == 0 && f->count < FLOOD; f->count++) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        f->ends[f->count] = ends[0];
        r = yibu_core_hand_over_fd(yibu_cores_core(f->cores, 0), ends[1], NULL, NULL);
        if (r < 0)
            close(ends[1]); /* still ours */
        f->begun = 1;
    }
    return NULL;
}

static void connections_on_their_way_when_all_is_aborted_are_closed(void **state)
{
    (void)state;
    flood f = {0};
    int before = count_descriptors();
    for (int i = 0; i < FLOODS; i++) {
        pthread_t thread;
        f.cores = start_cores(echo_lines, NULL, &two);
        f.begun = 0;
        assert_int_equal(pthread_create(&thread, NULL, pour, &f), 0);
        while (!f.begun)
            sched_yield();
        yibu_cores_abort(f.cores);
        assert_int_equal(yibu_cores_wait(f.cores), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        yibu_cores_free(f.cores);
        while (f.count-- > 0) {
            expect_end(f.ends[f.count]);
            close(f.ends[f.count]);
        }
    }
    assert_int_equal(count_descriptors(), before);
}

/* A loop whose thread is held when it is to begin to serve. */

static sem_t released;

static intptr_t hold_thread(void *arg)
{
    (void)arg;
    wait_on(&released);
    return 0;
}

static int hold_first_loop(yibu_core *core, void *arg)
{
    (void)arg;
    return yibu_core_index(core) == 0 ? yibu_spawn(hold_thread, NULL) : 0;
}

static void a_loop_that_never_served_takes_no_connections_once_it_has_ended(void **state)
{
    (void)state;
    const yibu_cores_options held = {.size = sizeof(held), .loops = 2, .setup = hold_first_loop};
    int ends[2];
    assert_int_equal(sem_init(&released, 0, 0), 0);
    yibu_cores *cores = start_cores(echo_lines, NULL, &held);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    yibu_cores_abort(cores);
    sem_post(&released);
    assert_int_equal(yibu_cores_wait(cores), 0);
    assert_int_equal(yibu_core_hand_over_fd(yibu_cores_core(cores, 0), ends[0], NULL, NULL),
                     YIBU_ESHUTDOWN);
    close(ends[0]); /* still ours */
    close(ends[1]);
    yibu_cores_free(cores);
}

/* From a loop that is none of them. */
LOOP_TEST(a_loop_of_ones_own_hands_connections_over)
{
    yibu_cores *cores = start_cores(echo_lines, NULL, &two);
    uint16_t port;
    int listener = listen_anywhere(&port);
    for (int i = 0; i < 20; i++) {
        int client = connect_client(port);
        int fd = yibu_accept(listener, NULL);
        yibu_stream *stream;
        char *data;
        assert_int_equal(yibu_stream_new(fd, NULL, &stream), 0);
        say(client, "line\n");
        assert_int_equal(yibu_stream_peek(stream, 2, &data), 5);
        yibu_core *core = yibu_cores_least_loaded(cores);
        assert_int_equal(yibu_core_hand_over(core, stream, NULL, NULL), 0);
        yibu_stream_free(stream);
        expect(client, "line\n");
        say(client, "more\n");
        expect(client, "more\n");
        close(client);
    }
    assert_int_equal(yibu_close(listener), 0);
    yibu_cores_free(cores);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_moves_with_what_was_read_already),
        cmocka_unit_test(what_was_written_goes_out_before),
        cmocka_unit_test(connections_hop_between_loops_and_lose_nothing),
        cmocka_unit_test(a_loop_takes_connections_of_others_while_it_drains),
        cmocka_unit_test(any_thread_hands_a_descriptor_over),
        cmocka_unit_test(a_move_that_fails_leaves_the_stream_as_it_is),
        cmocka_unit_test(connections_on_their_way_when_all_is_aborted_are_closed),
        cmocka_unit_test(a_loop_that_never_served_takes_no_connections_once_it_has_ended),
        cmocka_unit_test(a_loop_of_ones_own_hands_connections_over),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
