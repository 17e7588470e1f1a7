/* The watch for stalls: what holds a loop too long is named while it does. */
#include "stall.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void a_task_that_computes_is_reported_while_it_does(void **state)
{
    (void)state;
    heard h = {.about = {" compute_until_reported"}};
    test_run_watched(test_compute, &h); /* would never end otherwise */
    assert_non_null(strstr(h.text, "task \"culprit\", created at here.c:7, has held the loop"));
    assert_non_null(strstr(h.text, "made at yibu_run"));
    assert_non_null(strstr(h.text, "test_stall+0x"));
    assert_non_null(strstr(h.text, "yibu_to_process"));
    assert_non_null(strstr(h.text, "yibu_to_thread"));
    assert_true(h.last.held_ns >= YIBU_MS(LIMIT_MS));
    assert_true(h.last.frame_count >= 2);
    assert_int_equal(atomic_load(&h.ends), 1);
    assert_non_null(strstr(h.end_text, "task \"culprit\", created at here.c:7, held the loop"));
    assert_non_null(strstr(h.end_text, " ms in all"));
    assert_false(atomic_load(&h.ended_told));
}

static void the_stack_ends_where_the_tasks_does(void **state)
{
    (void)state;
    heard h = {.about = {" compute_until_reported"}};
    test_run_watched(test_compute, &h);
    assert_null(strstr(h.text, " main+0x"));
    assert_null(strstr(h.text, " yibu_run+0x"));
}

/* Blocking calls that are restarted: another thread ends them once the report is there. */

typedef struct gate {
    heard *heard;
    int ends[2];
    pthread_t opener;
} gate;

static void *open_gate(void *arg)
{
    gate *g = arg;
    while (atomic_load(&g->heard->reports) == 0)
        usleep(1000);
    assert_int_equal(write(g->ends[1], "x", 1), 1);
    return NULL;
}

__attribute__((noinline)) static void block_in_read(gate *g)
{
    char c = 0;
    assert_int_equal(read(g->ends[0], &c, 1), 1);
    assert_int_equal(c, 'x');
}

static intptr_t read_blocked(void *arg)
{
    gate g = {.heard = arg};
    assert_int_equal(pipe(g.ends), 0);
    assert_int_equal(pthread_create(&g.opener, NULL, open_gate, &g), 0);
    block_in_read(&g);
    pthread_join(g.opener, NULL);
    close(g.ends[0]);
    close(g.ends[1]);
    return 0;
}

static void a_task_that_blocks_in_read_is_reported_and_reads_on(void **state)
{
    (void)state;
    heard h = {
        .about = {"yibu_to_thread lets a thread wait", SIGNALS_BREAK_IN ? " block_in_read" : NULL}};
    test_run_watched(read_blocked, &h);
    if (SIGNALS_BREAK_IN)
        assert_non_null(strstr(h.text, "read+0x"));
    assert_true(h.last.cpu_ns <= h.last.held_ns / 2);
}

/* A sleep is what a signal ends: see signal(7). */
static intptr_t sleep_blocked(void *arg)
{
    heard *h = arg;
    struct timespec long_time = {.tv_sec = 3600};
    while (atomic_load(&h->reports) == 0) {
        assert_int_equal(nanosleep(&long_time, NULL), -1);
        assert_int_equal(errno, EINTR);
        test_spin(YIBU_MS(1));
    }
    return 0;
}

static void a_task_that_sleeps_in_the_kernel_is_reported_and_woken(void **state)
{
    (void)state;
    heard h = {.about = {"nanosleep+0x", " sleep_blocked+0x"}};
    test_run_watched(sleep_blocked, &h);
}

/* Callbacks. */

static void compute_in_callback(void *arg)
{
    compute_until_reported(arg, 1);
}

static void a_callback_that_computes_is_named(void **state)
{
    (void)state;
    heard h = {.who = "the callback compute_in_callback has held the loop made at "};
    yibu_loop_options options = test_watched(&h);
    yibu_loop *loop;
    yibu_timer timer = YIBU_TIMER_INIT;
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_int_equal(yibu_call_soon(loop, compute_in_callback, &h, NULL), 0);
    test_loop_drain(loop);
    atomic_store(&h.reports, 0);
    assert_int_equal(yibu_timer_start(loop, &timer, 1, compute_in_callback, &h), 0);
    test_loop_drain(loop);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_null(h.last.task_name);
}

typedef struct completion {
    yibu_op op;
    heard *heard;
} completion;

static void compute_on_completion(yibu_op *op, ssize_t result)
{
    assert_int_equal(result, 1);
    compute_until_reported(((completion *)(void *)op)->heard, 1);
}

/* The loop was waiting when it came, and called from where it waits. */
static void a_completion_that_computes_is_named(void **state)
{
    (void)state;
    heard h = {.who = "the callback compute_on_completion has held"};
    yibu_loop_options options = test_watched(&h);
    completion c = {.op.callback = compute_on_completion, .heard = &h};
    yibu_loop *loop;
    int ends[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_int_equal(yibu_op_recv(loop, &c.op, ends[0], &byte, 1), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    test_loop_drain(loop);
    assert_int_equal(yibu_loop_free(loop), 0);
    close(ends[0]);
    close(ends[1]);
}

/* The allocator. */

__attribute__((noinline)) static void allocate_without_end(heard *h)
{
    while (atomic_load(&h->reports) == 0) {
        void *pieces[16];
        for (size_t i = 0; i < 16; i++)
            pieces[i] = malloc(100 + 7000 * i);
        for (size_t i = 0; i < 16; i++)
            free(pieces[i]);
    }
}

static intptr_t allocate(void *arg)
{
    allocate_without_end(arg);
    return 0;
}

enum { STORM = YB_TEST_SLOWDOWN == 1 ? 300 : 20 };

static void stalls_inside_malloc_are_reported_every_time(void **state)
{
    (void)state;
    for (int i = 0; i < STORM; i++) {
        heard h = {.about = {SIGNALS_BREAK_IN ? " allocate_without_end" : NULL}};
        yibu_loop_options options = test_watched(&h);
        options.stall_limit_ns = YIBU_MS(1);
        test_run_with(&options, allocate, &h);
    }
}

/* Several loops. */

static void *run_in_thread(void *arg)
{
    test_run_watched(test_compute, arg);
    return NULL;
}

static void two_loops_that_stand_still_at_once_are_both_reported(void **state)
{
    (void)state;
    heard h[2] = {{.about = {" compute_until_reported"}}, {.about = {" compute_until_reported"}}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_in_thread, &h[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(atomic_load(&h[i].ends), 1);
    }
    assert_true(h[0].last.loop != h[1].last.loop);
}

/* Runs. */

/* Operations that are done at once are no change of runs. */
static intptr_t compute_between_operations(void *arg)
{
    heard *h = arg;
    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    while (atomic_load(&h->reports) == 0) {
        assert_int_equal(yibu_write(ends[1], "x", 1), 1);
        assert_int_equal(yibu_read(ends[0], &byte, 1), 1);
        test_use_cpu(YIBU_MS(LIMIT_MS) / 4);
    }
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static void a_task_that_never_lets_others_run_is_reported_though_it_does_io(void **state)
{
    (void)state;
    if (strcmp(test_backend() ? test_backend() : "", "epoll") != 0)
        skip(); /* on io_uring these operations suspend */
    heard h = {0};
    test_run_watched(compute_between_operations, &h);
}

static intptr_t be_short(void *arg)
{
    (void)arg;
    test_spin(YIBU_MS(1));
    return 0;
}

static intptr_t start_many_eagerly(void *arg)
{
    heard *h = arg;
    yibu_task_options eager = {.size = sizeof(eager), .eager = true};
    while (atomic_load(&h->reports) == 0)
        yibu_task_unref(yibu_create_task(be_short, NULL, &eager));
    return 0;
}

static void tasks_that_are_started_eagerly_count_as_their_creators_time(void **state)
{
    (void)state;
    heard h = {.who = "task \""};
    test_run_watched(start_many_eagerly, &h);
}

static intptr_t compute_for_four_reports(void *arg)
{
    compute_until_reported(arg, 4);
    return 0;
}

static void reports_come_again_when_the_stall_has_doubled(void **state)
{
    (void)state;
    heard h = {0};
    test_run_watched(compute_for_four_reports, &h);
    assert_int_equal(atomic_load(&h.ends), 1);
    for (int i = 0; i < 4; i++)
        assert_true(h.held_ns[i] >= YIBU_MS(LIMIT_MS) << i);
}

/* Ends. */

typedef struct late_handler {
    heard heard;
    atomic_bool over;
} late_handler;

/* Does not return before the stall is over, and others have run. */
static void hear_slowly(const yibu_stall *stall, void *arg)
{
    late_handler *late = arg;
    test_hear(stall, &late->heard);
    while (atomic_load(&late->heard.reports) > 0 && !atomic_load(&late->over))
        usleep(1000);
}

static intptr_t compute_then_let_others_run(void *arg)
{
    late_handler *late = arg;
    compute_until_reported(&late->heard, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    atomic_store(&late->over, true);
    return 0;
}

static void a_stall_may_end_while_it_is_told(void **state)
{
    (void)state;
    late_handler late = {.heard.reports = 0};
    yibu_loop_options options = test_watched(&late.heard);
    options.stall_handler = hear_slowly;
    options.stall_handler_arg = &late;
    test_run_with(&options, compute_then_let_others_run, &late);
    assert_int_equal(atomic_load(&late.heard.reports), 1);
    assert_int_equal(atomic_load(&late.heard.ends), 1);
}

/* Debug mode: the loop itself tells the end, exactly. */

typedef struct both {
    heard stalls;
    int slow;
    char slow_text[512];
} both;

static void hear_exception(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop;
    (void)code;
    both *b = arg;
    if (!strstr(message, "culprit"))
        return;
    b->slow++;
    snprintf(b->slow_text, sizeof(b->slow_text), "%s", message);
}

static void in_debug_mode_the_end_is_told_once_and_exactly(void **state)
{
    (void)state;
    both b = {.slow = 0};
    yibu_loop_options options = test_watched(&b.stalls);
    options.debug = true;
    options.slow_callback_duration_ns = YIBU_SECONDS(3600);
    options.exception_handler = hear_exception;
    options.exception_handler_arg = &b;
    test_run_with(&options, test_compute, &b.stalls);
    assert_non_null(strstr(b.stalls.text, "task \"culprit\", created at here.c:7, has held"));
    assert_int_equal(b.slow, 1);
    assert_non_null(
        strstr(b.slow_text, "task \"culprit\", created at here.c:7, held the loop for"));
    assert_int_equal(atomic_load(&b.stalls.ends), 1);
    assert_true(atomic_load(&b.stalls.ended_told)); /* so the default handler keeps quiet */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_computes_is_reported_while_it_does),
        cmocka_unit_test(the_stack_ends_where_the_tasks_does),
        cmocka_unit_test(a_task_that_blocks_in_read_is_reported_and_reads_on),
        cmocka_unit_test(a_task_that_sleeps_in_the_kernel_is_reported_and_woken),
        cmocka_unit_test(a_callback_that_computes_is_named),
        cmocka_unit_test(a_completion_that_computes_is_named),
        cmocka_unit_test(stalls_inside_malloc_are_reported_every_time),
        cmocka_unit_test(two_loops_that_stand_still_at_once_are_both_reported),
        cmocka_unit_test(a_task_that_never_lets_others_run_is_reported_though_it_does_io),
        cmocka_unit_test(tasks_that_are_started_eagerly_count_as_their_creators_time),
        cmocka_unit_test(reports_come_again_when_the_stall_has_doubled),
        cmocka_unit_test(a_stall_may_end_while_it_is_told),
        cmocka_unit_test(in_debug_mode_the_end_is_told_once_and_exactly),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
