/* A loop driven by another one: wait until its descriptor is readable, then run a turn. */
#include "loop.h"
#include "sockets.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>

/* poll(2), which io_uring may interrupt without a signal. */
static int poll_one(int fd, int timeout_ms)
{
    struct pollfd query = {.fd = fd, .events = POLLIN};
    int n;
    do
        n = poll(&query, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Waits at most timeout_ms; whether the loop says that it has something to do. */
static bool due(yibu_loop *loop, int timeout_ms)
{
    int fd = yibu_loop_fd(loop);
    assert_true(fd >= 0);
    return poll_one(fd, timeout_ms) == 1;
}

/* The outer loop: poll(2) and a turn, until *done. */
static void drive(yibu_loop *loop, const bool *done)
{
    int fd = yibu_loop_fd(loop);
    assert_true(fd >= 0);
    while (!*done) {
        assert_int_equal(poll_one(fd, 20000), 1);
        assert_true(yibu_loop_run_once(loop, 0) >= 0);
    }
}

static void an_idle_loop_is_not_readable(void **state)
{
    yibu_loop *loop = *state;
    assert_false(due(loop, 0));
    yibu_loop_run_once(loop, 0);
    assert_false(due(loop, 10));
}

static void a_call_makes_the_loop_readable(void **state)
{
    yibu_loop *loop = *state;
    bool done = false;
    assert_false(due(loop, 0));
    yibu_call_soon(loop, test_set, &done, NULL);
    assert_true(due(loop, 0));
    yibu_loop_run_once(loop, 0);
    assert_true(done);
    assert_false(due(loop, 0));
}

static void a_timer_makes_the_loop_readable_in_time(void **state)
{
    yibu_loop *loop = *state;
    bool done = false;
    int64_t start = yibu_loop_time(loop);
    yibu_call_later(loop, YIBU_MS(5 * YB_TEST_SLOWDOWN), test_set, &done, NULL);
    assert_false(due(loop, 0));
    drive(loop, &done);
    assert_true(yibu_loop_time(loop) - start >= YIBU_MS(5 * YB_TEST_SLOWDOWN));
    assert_false(due(loop, 10));
}

static void a_far_timer_is_reached_without_spinning(void **state)
{
    yibu_loop *loop = *state;
    bool done = false;
    int turns = 0;
    yibu_call_later(loop, YIBU_MS(300), test_set, &done, NULL);
    int fd = yibu_loop_fd(loop);
    while (!done) {
        assert_int_equal(poll_one(fd, 20000), 1);
        yibu_loop_run_once(loop, 0);
        turns++;
    }
    assert_true(turns < 20);
}

static void a_cancelled_timer_leaves_the_loop_quiet(void **state)
{
    yibu_loop *loop = *state;
    bool done = false;
    yibu_handle *handle;
    yibu_call_later(loop, YIBU_MS(5), test_set, &done, &handle);
    assert_false(due(loop, 0));
    yibu_handle_cancel(handle);
    yibu_handle_unref(handle);
    assert_false(due(loop, 20));
    assert_false(done);
}

typedef struct post {
    yibu_loop *loop;
    bool done;
} post;

static void *post_once(void *arg)
{
    post *p = arg;
    yibu_call_soon_threadsafe(p->loop, test_set, &p->done);
    return NULL;
}

static void a_call_from_another_thread_makes_the_loop_readable(void **state)
{
    yibu_loop *loop = *state;
    for (int round = 0; round < 200; round++) {
        post p = {loop, false};
        pthread_t thread;
        assert_false(due(loop, 0));
        assert_int_equal(pthread_create(&thread, NULL, post_once, &p), 0);
        drive(loop, &p.done);
        pthread_join(thread, NULL);
        yibu_loop_run_once(loop, 0); /* a wake-up may come after the call that it announced */
    }
    assert_false(due(loop, 5)); /* the wake-up was consumed */
}

typedef struct transfer {
    ssize_t result;
    bool done;
} transfer;

static void note_result(yibu_op *op, ssize_t result)
{
    transfer *t = op->arg;
    t->result = result;
    t->done = true;
}

static void an_operation_makes_the_loop_readable(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    char byte;
    test_pair(pair);
    transfer t = {0};
    yibu_op op = {.callback = note_result, .arg = &t};
    assert_int_equal(yibu_op_recv(loop, &op, pair[0], &byte, 1), 0);
    assert_false(due(loop, 5));
    assert_int_equal(write(pair[1], "x", 1), 1);
    drive(loop, &t.done);
    assert_int_equal(t.result, 1);
    assert_false(due(loop, 5));
    test_close_pair(pair);
}

static void count_and_drain(void *arg)
{
    int *fd_and_count = arg;
    char byte;
    assert_int_equal(read(fd_and_count[0], &byte, 1), 1);
    fd_and_count[1]++;
}

static void a_watch_makes_the_loop_readable(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    int fd_and_count[2] = {pair[0], 0};
    yibu_add_reader(loop, pair[0], count_and_drain, fd_and_count);
    for (int i = 0; i < 10; i++) {
        while (due(loop, 0)) /* io_uring has a completion or two of its own to work off */
            yibu_loop_run_once(loop, 0);
        assert_int_equal(write(pair[1], "x", 1), 1);
        while (fd_and_count[1] == i) {
            assert_true(due(loop, 20000));
            yibu_loop_run_once(loop, 0);
        }
    }
    yibu_remove_reader(loop, pair[0]);
    test_loop_drain(loop);
    test_close_pair(pair);
}

/* The descriptor may be asked for when operations are under way already (on io_uring they then
 * move to another ring): none is lost, none happens twice. */
static void operations_under_way_survive_the_first_request_for_the_descriptor(void **state)
{
    yibu_loop *loop = *state;
    enum { BIG = 1 << 20 };
    int data[2], full[2], quiet[2];
    yibu_address address;
    char byte = 0, *big = calloc(2, BIG);
    size_t sent = 0;
    test_pair(data);
    test_pair(full);
    test_pair(quiet);
    int listener = test_listen(&address);
    transfer received = {0}, polled = {0}, accepted = {0}, all = {0}, slept = {0}, gone = {0};
    yibu_op recv = {.callback = note_result, .arg = &received};
    yibu_op poll_op = {.callback = note_result, .arg = &polled};
    yibu_op accept = {.callback = note_result, .arg = &accepted};
    yibu_op send = {.callback = note_result, .arg = &all};
    yibu_op sleep = {.callback = note_result, .arg = &slept};
    yibu_op cancelled = {.callback = note_result, .arg = &gone};
    yibu_op_recv(loop, &recv, data[0], &byte, 1);
    yibu_op_poll(loop, &poll_op, data[1], YIBU_READABLE);
    yibu_op_accept(loop, &accept, listener, NULL);
    yibu_op_send_all(loop, &send, full[0], big, BIG, &sent);
    yibu_op_sleep(loop, &sleep, YIBU_MS(2));
    yibu_op_poll(loop, &cancelled, quiet[0], YIBU_READABLE);
    yibu_loop_run_once(loop, 0);
    assert_int_equal(yibu_op_cancel(&cancelled), 0);

    int fd = yibu_loop_fd(loop);
    assert_true(fd >= 0);
    assert_int_equal(yibu_loop_fd(loop), fd);
    assert_int_equal(received.done + polled.done + accepted.done + all.done + gone.done, 0);
    assert_int_equal(write(data[1], "x", 1), 1);
    assert_int_equal(write(data[0], "y", 1), 1);
    int client = test_connect(&address);
    drive(loop, &received.done);
    drive(loop, &polled.done);
    drive(loop, &accepted.done);
    drive(loop, &slept.done);
    drive(loop, &gone.done);
    for (size_t rest = BIG; rest > 0;) {
        ssize_t n = read(full[1], big + BIG, BIG);
        rest -= n > 0 ? (size_t)n : 0;
        if (!all.done)
            yibu_loop_run_once(loop, 0);
    }
    drive(loop, &all.done);
    assert_int_equal(received.result, 1);
    assert_int_equal(byte, 'x');
    assert_int_equal(polled.result, YIBU_READABLE);
    assert_int_equal(gone.result, -ECANCELED);
    assert_int_equal(all.result, BIG);
    assert_true(accepted.result >= 0);
    assert_int_equal(yibu_loop_run_once(loop, 0), 0);
    close((int)accepted.result);
    close(client);
    close(listener);
    test_close_pair(data);
    test_close_pair(full);
    test_close_pair(quiet);
    free(big);
}

static void ask_for_descriptor(void *arg)
{
    *(int *)arg = yibu_loop_fd(yibu_get_running_loop());
}

static void the_first_request_is_refused_from_inside(void **state)
{
    int result = 0;
    yibu_call_soon(*state, ask_for_descriptor, &result, NULL);
    yibu_loop_run_once(*state, 0);
    assert_int_equal(result, YIBU_EBUSY);
    int fd = yibu_loop_fd(*state);
    yibu_call_soon(*state, ask_for_descriptor, &result, NULL);
    yibu_loop_run_once(*state, 0);
    assert_int_equal(result, fd);
}

/* Whole programs. */

typedef struct echo {
    int fd;
    bool done;
    int echoed;
} echo;

static intptr_t echo_server(void *arg)
{
    echo *e = arg;
    char buffer[64];
    ssize_t n;
    while ((n = yibu_recv(e->fd, buffer, sizeof(buffer))) > 0)
        if (yibu_send_all(e->fd, buffer, (size_t)n, NULL) < 0)
            break;
    return n;
}

static intptr_t echo_client(void *arg)
{
    echo *e = arg;
    for (int i = 0; i < 100; i++) {
        char byte = (char)i, answer = 0;
        if (yibu_send(e->fd, &byte, 1) != 1 || yibu_recv(e->fd, &answer, 1) != 1 || answer != byte)
            break;
        e->echoed++;
        if (i % 20 == 0)
            yibu_sleep(YIBU_MS(1));
    }
    yibu_shutdown(e->fd, SHUT_WR);
    e->done = true;
    return 0;
}

static void tasks_run_on_a_loop_driven_from_outside(void **state)
{
    yibu_loop *loop = *state;
    int pair[2];
    test_pair(pair);
    echo server = {.fd = pair[0]}, client = {.fd = pair[1]};
    yibu_task *tasks[] = {yibu_create_task(echo_server, &server, NULL),
                          yibu_create_task(echo_client, &client, NULL)};
    drive(loop, &client.done);
    assert_int_equal(client.echoed, 100);
    while (!yibu_task_done(tasks[0])) {
        assert_true(due(loop, 20000));
        yibu_loop_run_once(loop, 0);
    }
    yibu_task_unref(tasks[0]);
    yibu_task_unref(tasks[1]);
    test_close_pair(pair);
}

/* One loop of Yibu drives another, of the other backend, in another thread's stead: the outer one
 * watches the descriptor of the inner one.  They must be of different threads, so the inner one is
 * handed only its descriptor and a turn through a callback of its own thread: poll(2) there. */
typedef struct inner {
    pthread_t thread;
    yibu_loop *outer;
    const char *backend;
    int fd;
    pthread_barrier_t step;
    bool done; /* of the inner thread */
    bool seen; /* of the outer loop */
} inner;

static void *run_inner(void *arg)
{
    inner *i = arg;
    yibu_loop *loop;
    yibu_loop_options options = {.size = sizeof(options), .backend = i->backend};
    int pair[2];
    char byte;
    transfer t = {0};
    yibu_op op = {.callback = note_result, .arg = &t};
    test_pair(pair);
    if (yibu_loop_new(&options, &loop) < 0)
        abort();
    if (yibu_op_recv(loop, &op, pair[0], &byte, 1) < 0)
        abort();
    i->fd = yibu_loop_fd(loop);
    pthread_barrier_wait(&i->step); /* the outer loop watches */
    pthread_barrier_wait(&i->step);
    (void)!write(pair[1], "x", 1);
    pthread_barrier_wait(&i->step); /* the outer loop has seen it */
    while (!t.done)
        yibu_loop_run_once(loop, 0);
    i->done = t.result == 1;
    yibu_loop_free(loop);
    test_close_pair(pair);
    return NULL;
}

static void see(void *arg)
{
    inner *i = arg;
    i->seen = true;
    yibu_remove_reader(i->outer, i->fd);
}

static void drive_inner(yibu_loop *outer, const char *backend)
{
    inner i = {.outer = outer, .backend = backend};
    pthread_barrier_init(&i.step, NULL, 2);
    assert_int_equal(pthread_create(&i.thread, NULL, run_inner, &i), 0);
    pthread_barrier_wait(&i.step);
    assert_int_equal(yibu_add_reader(outer, i.fd, see, &i), 0);
    for (int turn = 0; turn < 3; turn++)
        yibu_loop_run_once(outer, YIBU_MS(1));
    assert_false(i.seen);
    pthread_barrier_wait(&i.step);
    test_loop_until(outer, &i.seen);
    pthread_barrier_wait(&i.step);
    pthread_join(i.thread, NULL);
    pthread_barrier_destroy(&i.step);
    assert_true(i.done);
}

static void a_loop_can_watch_one_of_either_backend(void **state)
{
    drive_inner(*state, "epoll");
    drive_inner(*state, "io_uring");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        loop_unit_test(an_idle_loop_is_not_readable),
        loop_unit_test(a_call_makes_the_loop_readable),
        loop_unit_test(a_timer_makes_the_loop_readable_in_time),
        loop_unit_test(a_far_timer_is_reached_without_spinning),
        loop_unit_test(a_cancelled_timer_leaves_the_loop_quiet),
        loop_unit_test(a_call_from_another_thread_makes_the_loop_readable),
        loop_unit_test(an_operation_makes_the_loop_readable),
        loop_unit_test(a_watch_makes_the_loop_readable),
        loop_unit_test(operations_under_way_survive_the_first_request_for_the_descriptor),
        loop_unit_test(the_first_request_is_refused_from_inside),
        loop_unit_test(tasks_run_on_a_loop_driven_from_outside),
        loop_unit_test(a_loop_can_watch_one_of_either_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
