/* Faults: each kind happens where it is asked for, to some seeds and not to others, and never
 * otherwise. */
#include <errno.h>
#include <sys/socket.h>

#include "sim.h"

enum { SEEDS = 200 };

/* How often runs ended with which result. */
typedef struct tally {
    int good;
    int codes[8]; /* of those looked for */
    int other;
    uint64_t faults;
} tally;

static void ignore_report(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)message;
    (void)code;
    (void)arg;
}

static tally explore(yibu_coroutine *body, yibu_sim_options options, const intptr_t *codes)
{
    tally t = {0};
    yibu_sim_report report = {.size = sizeof(report)};
    options.size = sizeof(options);
    options.report = &report;
    options.exception_handler = ignore_report;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        intptr_t r = yibu_sim_run(seed, body, NULL, &options);
        int i = 0;
        while (codes[i] != 0 && codes[i] != r)
            i++;
        t.good += r == 0;
        t.codes[i] += codes[i] != 0;
        t.other += r != 0 && codes[i] == 0;
        t.faults += report.faults;
    }
    unsetenv("CMOCKA_TEST_ABORT");
    return t;
}

/* A conversation over a connection, from which any failure is returned. */

static intptr_t echo_once(void *arg)
{
    int listener = *(int *)arg;
    char text[16];
    int fd = yibu_accept(listener, NULL);
    if (fd < 0)
        return fd;
    ssize_t n = yibu_recv(fd, text, sizeof(text));
    int r = n > 0 ? yibu_send_all(fd, text, (size_t)n, NULL) : (int)n;
    (void)yibu_close(fd);
    return r;
}

static intptr_t ask_once(void)
{
    char text[16];
    int fd = yibu_tcp_connect("10.0.0.1", 80);
    if (fd < 0)
        return fd;
    ssize_t r = yibu_send(fd, "question", 8);
    if (r > 0)
        r = yibu_recv(fd, text, sizeof(text));
    (void)yibu_close(fd);
    return r < 0 ? r : 0;
}

static intptr_t converse(void *arg)
{
    (void)arg;
    int listener = yibu_tcp_listen("10.0.0.1", 80, NULL);
    if (listener < 0)
        return listener;
    yibu_task *server = yibu_create_task(echo_once, &listener, NULL);
    intptr_t r = ask_once();
    (void)yibu_task_cancel(server);
    intptr_t served = yibu_await(server);
    yibu_task_unref(server);
    (void)yibu_close(listener);
    return r < 0 || served == -ECANCELED ? r : served;
}

static void without_faults_nothing_fails(void **state)
{
    (void)state;
    tally t = explore(converse, (yibu_sim_options){0}, (intptr_t[]){0});
    assert_int_equal(t.good, SEEDS);
    assert_int_equal(t.faults, 0);
}

static intptr_t accept_one(void *arg)
{
    (void)arg;
    int listener = yibu_tcp_listen("10.0.0.1", 80, NULL);
    int client = yibu_tcp_connect("10.0.0.1", 80);
    yibu_timeout limit;
    (void)yibu_timeout_begin(&limit, YIBU_SECONDS(1));
    intptr_t r = yibu_timeout_end(&limit, yibu_accept(listener, NULL));
    if (r >= 0)
        (void)yibu_close((int)r);
    (void)yibu_close(client);
    (void)yibu_close(listener);
    return r < 0 ? r : 0;
}

/* A connection that was aborted is passed over, and there is no other. */
static void accept_fails(void **state)
{
    (void)state;
    tally t = explore(accept_one, (yibu_sim_options){.accept_failure = 0.5},
                      (intptr_t[]){-EMFILE, -ENFILE, -ENOBUFS, -ETIMEDOUT, 0});
    assert_true(t.good > 0);
    for (int i = 0; i < 4; i++)
        assert_true(t.codes[i] > 0);
    assert_int_equal(t.other, 0);
}

static void connect_fails(void **state)
{
    (void)state;
    tally t = explore(converse, (yibu_sim_options){.connect_failure = 0.5},
                      (intptr_t[]){-ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, -ENETUNREACH, 0});
    assert_true(t.good > 0);
    for (int i = 0; i < 4; i++)
        assert_true(t.codes[i] > 0);
    assert_int_equal(t.other, 0);
}

static void read_fails(void **state)
{
    (void)state;
    tally t = explore(converse, (yibu_sim_options){.read_failure = 0.3},
                      (intptr_t[]){-ECONNRESET, -ETIMEDOUT, -EPIPE, 0});
    assert_true(t.good > 0 && t.codes[0] > 0 && t.codes[1] > 0);
    assert_int_equal(t.other, 0);
}

static void write_fails(void **state)
{
    (void)state;
    tally t = explore(converse, (yibu_sim_options){.write_failure = 0.3},
                      (intptr_t[]){-ECONNRESET, -EPIPE, 0});
    assert_true(t.good > 0 && t.codes[0] > 0 && t.codes[1] > 0);
    assert_int_equal(t.other, 0);
}

static void connections_are_reset(void **state)
{
    (void)state;
    tally t =
        explore(converse, (yibu_sim_options){.reset = 0.3}, (intptr_t[]){-ECONNRESET, -EPIPE, 0});
    assert_true(t.good > 0 && t.codes[0] > 0);
    assert_int_equal(t.other, 0);
}

static void an_interrupted_call_is_made_again(void **state)
{
    (void)state;
    tally t = explore(converse, (yibu_sim_options){.interrupt = 0.3}, (intptr_t[]){0});
    assert_int_equal(t.good, SEEDS);
    assert_true(t.faults > SEEDS / 2);
}

static intptr_t converse_in_time(void *arg)
{
    int64_t begin_ns = yibu_loop_time(yibu_get_running_loop());
    intptr_t r = converse(arg);
    int64_t took_ns = yibu_loop_time(yibu_get_running_loop()) - begin_ns;
    return r == 0 && took_ns > YIBU_MS(1) ? -ETIME : r;
}

static void a_partition_delays_and_heals(void **state)
{
    (void)state;
    tally t =
        explore(converse_in_time, (yibu_sim_options){.partition = 0.3}, (intptr_t[]){-ETIME, 0});
    assert_true(t.good > 0 && t.codes[0] > 0);
    assert_int_equal(t.other, 0);
}

/* Short transfers. */

static intptr_t send_a_hundred(void *arg)
{
    (void)arg;
    static const char bytes[100];
    char received[100];
    int listener = yibu_tcp_listen("10.0.0.1", 80, NULL);
    int client = yibu_tcp_connect("10.0.0.1", 80);
    int server = yibu_accept(listener, NULL);
    ssize_t sent = yibu_send(client, bytes, sizeof(bytes));
    assert_true(sent > 0 && sent <= 100);
    ssize_t got = yibu_recv(server, received, sizeof(received));
    assert_true(got > 0 && got <= sent);
    (void)yibu_close(client);
    (void)yibu_close(server);
    (void)yibu_close(listener);
    return sent < 100 ? -EMSGSIZE : got < 100 ? -EAGAIN : 0;
}

static void transfers_are_short(void **state)
{
    (void)state;
    tally t = explore(send_a_hundred, (yibu_sim_options){.short_transfer = 0.5},
                      (intptr_t[]){-EMSGSIZE, -EAGAIN, 0});
    assert_true(t.good > 0 && t.codes[0] > 0 && t.codes[1] > 0);
    assert_int_equal(t.other, 0);
}

/* Files. */

static intptr_t use_a_file(void *arg)
{
    (void)arg;
    char byte;
    FILE *file = tmpfile();
    assert_non_null(file);
    ssize_t r = yibu_write(fileno(file), "x", 1);
    rewind(file);
    if (r == 1)
        r = yibu_read(fileno(file), &byte, 1);
    (void)fclose(file);
    return r == 1 ? 0 : r;
}

static intptr_t write_ten(void *arg)
{
    (void)arg;
    FILE *file = tmpfile();
    assert_non_null(file);
    ssize_t n = yibu_write(fileno(file), "0123456789", 10);
    (void)fclose(file);
    assert_true(n > 0 && n <= 10);
    return n < 10 ? -EMSGSIZE : 0;
}

static void transfers_of_files_are_short(void **state)
{
    (void)state;
    tally t =
        explore(write_ten, (yibu_sim_options){.short_transfer = 0.3}, (intptr_t[]){-EMSGSIZE, 0});
    assert_true(t.good > 0 && t.codes[0] > 0);
    assert_int_equal(t.other, 0);
}

static void files_fail(void **state)
{
    (void)state;
    tally t = explore(use_a_file, (yibu_sim_options){.read_failure = 0.3, .write_failure = 0.3},
                      (intptr_t[]){-EIO, -ENOSPC, 0});
    assert_true(t.good > 0 && t.codes[0] > 0 && t.codes[1] > 0);
    assert_int_equal(t.other, 0);
}

/* Memory. */

static intptr_t return_0(void *arg)
{
    (void)arg;
    return 0;
}

static void do_nothing(void *arg)
{
    (void)arg;
}

static intptr_t allocate(void *arg)
{
    (void)arg;
    yibu_handle *handle;
    yibu_task *task = yibu_create_task(return_0, NULL, NULL);
    int r = yibu_call_later(yibu_get_running_loop(), YIBU_SECONDS(1), do_nothing, NULL, &handle);
    if (r == 0) {
        yibu_handle_cancel(handle);
        yibu_handle_unref(handle);
    }
    intptr_t awaited = yibu_await(task);
    yibu_task_unref(task);
    return r < 0 ? r : awaited;
}

static void allocations_fail(void **state)
{
    (void)state;
    tally t =
        explore(allocate, (yibu_sim_options){.allocation_failure = 0.3}, (intptr_t[]){-ENOMEM, 0});
    assert_true(t.good > 0 && t.codes[0] > 0);
    assert_int_equal(t.other, 0);
    t = explore(allocate, (yibu_sim_options){0}, (intptr_t[]){0});
    assert_int_equal(t.good, SEEDS);
}

/* Cancels. */

static intptr_t sleep_ten_times(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10; i++)
        if (yibu_sleep(YIBU_MS(1)) < 0)
            return -ECANCELED;
    return 0;
}

static intptr_t await_a_sleeper(void *arg)
{
    yibu_task *task = yibu_create_task(sleep_ten_times, arg, NULL);
    (void)yibu_task_set_name(task, "sleeper");
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return yibu_check_cancelled() < 0 ? -EINTR : r;
}

static void tasks_but_the_main_one_are_cancelled(void **state)
{
    (void)state;
    tally t =
        explore(await_a_sleeper, (yibu_sim_options){.cancel = 0.05}, (intptr_t[]){-ECANCELED, 0});
    assert_true(t.good > 0 && t.codes[0] > 0);
    assert_int_equal(t.other, 0);
}

static bool is_main(yibu_task *task, void *arg)
{
    (void)arg;
    return strcmp(yibu_task_get_name(task), "main") == 0;
}

static void the_program_says_which_tasks_may_be_cancelled(void **state)
{
    (void)state;
    tally t = explore(await_a_sleeper, (yibu_sim_options){.cancel = 0.05, .may_cancel = is_main},
                      (intptr_t[]){-EINTR, 0});
    assert_true(t.good > 0 && t.codes[0] > 0);
    assert_int_equal(t.other, 0);
}

/* When the task was cancelled: at each of its suspensions, in one seed or another. */
static intptr_t count_sleeps(void *arg)
{
    int *counts = arg;
    int i = 0;
    while (i < 5 && yibu_sleep(YIBU_MS(1)) == 0)
        i++;
    counts[i]++;
    return 0;
}

static intptr_t await_a_counter(void *arg)
{
    yibu_task *task = yibu_create_task(count_sleeps, arg, NULL);
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r;
}

static void a_cancel_comes_at_any_suspension(void **state)
{
    (void)state;
    int counts[6] = {0};
    yibu_sim_options options = {.size = sizeof(options), .cancel = 0.1};
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        assert_int_equal(yibu_sim_run(seed, await_a_counter, counts, &options), 0);
    for (int i = 0; i < 6; i++)
        assert_true(counts[i] > 0);
}

/* Time. */

static intptr_t yield_a_hundred_times(void *arg)
{
    (void)arg;
    int64_t begin_ns = yibu_loop_time(yibu_get_running_loop());
    for (int i = 0; i < 100; i++)
        (void)yibu_yield();
    int64_t took_ns = yibu_loop_time(yibu_get_running_loop()) - begin_ns;
    return took_ns > YIBU_US(10) && took_ns < YIBU_US(100) ? 0 : -ETIME;
}

static void steps_take_time_where_they_are_to(void **state)
{
    (void)state;
    tally t =
        explore(yield_a_hundred_times, (yibu_sim_options){.step_ns = YIBU_US(1)}, (intptr_t[]){0});
    assert_int_equal(t.good, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_faults_nothing_fails),
        cmocka_unit_test(accept_fails),
        cmocka_unit_test(connect_fails),
        cmocka_unit_test(read_fails),
        cmocka_unit_test(write_fails),
        cmocka_unit_test(connections_are_reset),
        cmocka_unit_test(an_interrupted_call_is_made_again),
        cmocka_unit_test(a_partition_delays_and_heals),
        cmocka_unit_test(transfers_are_short),
        cmocka_unit_test(transfers_of_files_are_short),
        cmocka_unit_test(files_fail),
        cmocka_unit_test(allocations_fail),
        cmocka_unit_test(tasks_but_the_main_one_are_cancelled),
        cmocka_unit_test(the_program_says_which_tasks_may_be_cancelled),
        cmocka_unit_test(a_cancel_comes_at_any_suspension),
        cmocka_unit_test(steps_take_time_where_they_are_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
