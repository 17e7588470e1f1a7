/* The watch for stalls: what holds a loop too long is named while it does. */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "process.h"

/* ThreadSanitizer delays signals until a call that it knows to block, of which read is none. */
#ifdef YB_SANITIZE_THREAD
enum { SIGNALS_BREAK_IN = false };
#else
enum { SIGNALS_BREAK_IN = true };
#endif

enum { LIMIT_MS = 20 * YB_TEST_SLOWDOWN };

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* What the handler heard, which the loop's thread may read meanwhile. */
typedef struct heard {
    const char *about; /* other stalls are not counted: the machine may be busy; NULL: all are */
    atomic_int reports, ends;
    atomic_bool ended_told;
    pthread_t thread;
    yibu_stall last; /* its strings are gone */
    int64_t held_ns[64];
    char text[16384];
    char end_text[512];
} heard;

static void hear(const yibu_stall *stall, void *arg)
{
    heard *h = arg;
    if (h->about && !strstr(stall->text, h->about))
        return;
    h->thread = pthread_self();
    if (stall->ended) {
        snprintf(h->end_text, sizeof(h->end_text), "%s", stall->text);
        atomic_store(&h->ended_told, stall->told);
        atomic_fetch_add(&h->ends, 1);
        return;
    }
    int n = atomic_load(&h->reports);
    h->last = *stall;
    if (n < 64)
        h->held_ns[n] = stall->held_ns;
    snprintf(h->text, sizeof(h->text), "%s", stall->text);
    atomic_store(&h->reports, n + 1);
}

static yibu_loop_options watched(heard *h)
{
    return (yibu_loop_options){
        .size = sizeof(yibu_loop_options),
        .stall_limit_ns = YIBU_MS(LIMIT_MS),
        .stall_handler = hear,
        .stall_handler_arg = h,
    };
}

/* Runs fn(h) in a task of that name. */
static intptr_t create_and_await(void *arg)
{
    void **call = arg;
    yibu_task_options options = {.size = sizeof(options), .name = "culprit"};
    yibu_coroutine *fn;
    memcpy(&fn, &call[0], sizeof(fn));
    yibu_task *task = yibu_create_task_at(fn, call[1], &options, "here.c:7");
    intptr_t r = yibu_await(task);
    yibu_task_unref(task);
    return r;
}

static void run_watched(yibu_coroutine *fn, heard *h)
{
    void *call[2] = {NULL, h};
    memcpy(&call[0], &fn, sizeof(fn));
    yibu_loop_options options = watched(h);
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    h->about = h->about ? h->about : "culprit";
    assert_int_equal(yibu_run(create_and_await, call, &options), 0);
}

/* Calls clock_gettime, where ThreadSanitizer lets the signal in. */
__attribute__((noinline)) static void compute_until_reported(heard *h, int times)
{
    volatile unsigned work_done = 0;
    while (atomic_load(&h->reports) < times) {
        for (int i = 0; i < 10000; i++)
            work_done++;
        (void)now();
    }
    work_done++;
}

static intptr_t compute(void *arg)
{
    compute_until_reported(arg, 1);
    return 0;
}

static void a_task_that_computes_is_reported_while_it_does(void **state)
{
    (void)state;
    heard h = {0};
    run_watched(compute, &h); /* would never end otherwise */
    assert_non_null(strstr(h.text, "task \"culprit\", created at here.c:7, has held the loop"));
    assert_non_null(strstr(h.text, "made at yibu_run"));
    assert_non_null(strstr(h.text, " compute_until_reported"));
    assert_non_null(strstr(h.text, "test_stall+0x"));
    assert_non_null(strstr(h.text, "yibu_to_process"));
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
    heard h = {0};
    run_watched(compute, &h);
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
    heard h = {0};
    run_watched(read_blocked, &h);
    if (SIGNALS_BREAK_IN) {
        assert_non_null(strstr(h.text, "block_in_read"));
        assert_non_null(strstr(h.text, "read+0x"));
    }
    assert_non_null(strstr(h.text, "yibu_to_thread lets a thread wait"));
    assert_true(h.last.cpu_ns < h.last.held_ns / 2);
}

/* A sleep is what a signal ends: see signal(7). */
static intptr_t sleep_blocked(void *arg)
{
    heard *h = arg;
    struct timespec long_time = {.tv_sec = 3600};
    assert_int_equal(nanosleep(&long_time, NULL), -1);
    assert_int_equal(errno, EINTR);
    compute_until_reported(h, 1);
    return 0;
}

static void a_task_that_sleeps_in_the_kernel_is_reported_and_woken(void **state)
{
    (void)state;
    heard h = {0};
    run_watched(sleep_blocked, &h);
    assert_non_null(strstr(h.text, " sleep_blocked+0x"));
    assert_non_null(strstr(h.text, "nanosleep+0x"));
}

/* Callbacks. */

static void compute_in_callback(void *arg)
{
    compute_until_reported(arg, 1);
}

static void a_callback_that_computes_is_named(void **state)
{
    (void)state;
    heard h = {.about = "the callback compute_in_callback has held the loop made at "};
    yibu_loop_options options = watched(&h);
    yibu_loop *loop;
    yibu_timer timer = YIBU_TIMER_INIT;
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_int_equal(yibu_call_soon(loop, compute_in_callback, &h, NULL), 0);
    test_loop_drain(loop);
    assert_int_equal(atomic_load(&h.reports), 1);
    atomic_store(&h.reports, 0);
    assert_int_equal(yibu_timer_start(loop, &timer, 1, compute_in_callback, &h), 0);
    test_loop_drain(loop);
    assert_int_equal(atomic_load(&h.reports), 1);
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
    heard h = {.about = "the callback compute_on_completion has held"};
    yibu_loop_options options = watched(&h);
    completion c = {.op.callback = compute_on_completion, .heard = &h};
    yibu_loop *loop;
    int ends[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    assert_int_equal(yibu_op_recv(loop, &c.op, ends[0], &byte, 1), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    test_loop_drain(loop);
    assert_int_equal(atomic_load(&h.reports), 1);
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

enum { STORM = YB_TEST_SLOWDOWN == 1 ? 1000 : 20 };

static void stalls_inside_malloc_are_reported_every_time(void **state)
{
    (void)state;
    for (int i = 0; i < STORM; i++) {
        heard h = {0};
        void *call[2] = {NULL, &h};
        yibu_coroutine *fn = allocate;
        memcpy(&call[0], &fn, sizeof(fn));
        yibu_loop_options options = watched(&h);
        options.stall_limit_ns = YIBU_MS(1);
        assert_int_equal(yibu_run(create_and_await, call, &options), 0);
        assert_true(atomic_load(&h.reports) >= 1);
        assert_true(!SIGNALS_BREAK_IN || strstr(h.text, "allocate_without_end"));
    }
}

/* Several loops. */

static void *run_in_thread(void *arg)
{
    run_watched(compute, arg);
    return NULL;
}

static void two_loops_that_stand_still_at_once_are_both_reported(void **state)
{
    (void)state;
    heard h[2] = {0};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_in_thread, &h[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        assert_non_null(strstr(h[i].text, "compute_until_reported"));
        assert_int_equal(atomic_load(&h[i].ends), 1);
    }
    assert_true(h[0].last.loop != h[1].last.loop);
}

/* What is no stall. */

static void spin(int64_t duration_ns)
{
    for (int64_t end = now() + duration_ns; now() < end;)
        ;
}

static intptr_t compute_in_parts(void *arg)
{
    (void)arg;
    for (int i = 0; i < 400; i++) {
        spin(YIBU_MS(1));
        assert_int_equal(i % 3 ? yibu_yield() : yibu_sleep(0), 0);
    }
    return 0;
}

/* A busy machine may take the processor away from any part: hence the wide margin. */
static void many_short_runs_are_no_stall(void **state)
{
    (void)state;
    heard h = {0};
    yibu_loop_options options = watched(&h);
    options.stall_limit_ns = YIBU_MS(100);
    yibu_loop *loop;
    for (int attempt = 0; attempt < 5; attempt++) {
        atomic_store(&h.reports, 0);
        assert_int_equal(yibu_loop_new(&options, &loop), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(yibu_spawn(compute_in_parts, NULL), 0);
        test_loop_drain(loop);
        assert_int_equal(yibu_loop_free(loop), 0);
        if (atomic_load(&h.reports) == 0)
            return;
    }
    fail_msg("%s", h.text);
}

static intptr_t sleep_well(void *arg)
{
    (void)arg;
    return yibu_sleep(YIBU_MS(10 * LIMIT_MS));
}

static void a_loop_that_waits_is_no_stall(void **state)
{
    (void)state;
    heard h = {0};
    yibu_loop_options options = watched(&h);
    for (int attempt = 0; attempt < 5; attempt++) {
        atomic_store(&h.reports, 0);
        assert_int_equal(yibu_run(sleep_well, NULL, &options), 0);
        if (atomic_load(&h.reports) == 0)
            return;
    }
    fail_msg("%s", h.text);
}

/* What happens between turns is its driver's. */
static void a_loop_that_does_not_run_is_no_stall(void **state)
{
    (void)state;
    heard h = {0};
    yibu_loop_options options = watched(&h);
    yibu_loop *loop;
    assert_int_equal(yibu_loop_new(&options, &loop), 0);
    yibu_loop_run_once(loop, 0);
    spin(YIBU_MS(5 * LIMIT_MS));
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(atomic_load(&h.reports), 0);
}

/* Operations that are done at once are no change of runs. */
static intptr_t compute_between_operations(void *arg)
{
    heard *h = arg;
    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(yibu_write(ends[1], "x", 1), 1);
        assert_int_equal(yibu_read(ends[0], &byte, 1), 1);
        spin(YIBU_MS(LIMIT_MS) / 4);
    }
    close(ends[0]);
    close(ends[1]);
    return h->about == NULL;
}

static void a_task_that_never_lets_others_run_is_reported_though_it_does_io(void **state)
{
    (void)state;
    if (strcmp(test_backend() ? test_backend() : "", "epoll") != 0)
        skip(); /* on io_uring these operations suspend */
    heard h = {0};
    run_watched(compute_between_operations, &h);
    assert_true(atomic_load(&h.reports) >= 1);
}

static intptr_t be_short(void *arg)
{
    (void)arg;
    spin(YIBU_MS(1));
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
    heard h = {.about = "task \""};
    run_watched(start_many_eagerly, &h);
    assert_true(atomic_load(&h.reports) >= 1);
}

/* Limits. */

static intptr_t compute_for_three_reports(void *arg)
{
    compute_until_reported(arg, 3);
    return 0;
}

static void reports_come_again_when_the_stall_has_doubled(void **state)
{
    (void)state;
    heard h = {0};
    run_watched(compute_for_three_reports, &h);
    assert_int_equal(atomic_load(&h.reports), 3);
    assert_int_equal(atomic_load(&h.ends), 1);
    assert_true(h.held_ns[1] >= h.held_ns[0] + YIBU_MS(LIMIT_MS) / 2);
    assert_true(h.held_ns[2] >= h.held_ns[1] + YIBU_MS(LIMIT_MS));
}

static void the_limit_is_off_where_nobody_says_otherwise(void **state)
{
    yibu_loop *loop = *state;
    yibu_loop_set_debug(loop, false); /* whatever $YIBU_DEBUG is */
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
    assert_int_equal(yibu_loop_set_stall_limit(loop, -1), -EINVAL);
    assert_int_equal(yibu_loop_set_stall_limit(loop, YIBU_SECONDS(2)), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_SECONDS(2));
    assert_int_equal(yibu_loop_set_stall_limit(loop, 1), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_MS(1));
    assert_int_equal(yibu_loop_set_stall_limit(loop, YIBU_FOREVER), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
    assert_int_equal(yibu_loop_set_stall_limit(loop, 0), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
    assert_int_equal(yibu_loop_set_stall_limit(NULL, 0), -EINVAL);
    assert_int_equal(yibu_loop_set_stall_handler(NULL, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_loop_get_stall_limit(NULL), YIBU_FOREVER);
}

static void debug_mode_has_a_limit_that_follows_the_slow_duration(void **state)
{
    yibu_loop *loop = *state;
    yibu_loop_set_debug(loop, true);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_MS(100));
    yibu_loop_set_slow_callback_duration(loop, YIBU_SECONDS(3));
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_SECONDS(3));
    yibu_loop_set_slow_callback_duration(loop, 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_MS(100));
    assert_int_equal(yibu_loop_set_stall_limit(loop, YIBU_FOREVER), 0);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
    assert_int_equal(yibu_loop_set_stall_limit(loop, 0), 0);
    yibu_loop_set_debug(loop, false);
    assert_int_equal(yibu_loop_get_stall_limit(loop), YIBU_FOREVER);
}

static void the_watchdogs_thread_ends_with_the_last_loop(void **state)
{
    (void)state;
    heard h = {0};
    run_watched(compute, &h);
    char name[32];
    assert_int_not_equal(pthread_equal(h.thread, pthread_self()), 1);
    assert_int_equal(pthread_getname_np(pthread_self(), name, sizeof(name)), 0);
    assert_string_not_equal(name, "yibu-watchdog");
    struct sigaction action;
    assert_int_equal(sigaction(SIGURG, NULL, &action), 0);
    assert_true(action.sa_handler == SIG_DFL);
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
    both b = {.stalls.about = "culprit"};
    void *call[2] = {NULL, &b.stalls};
    yibu_coroutine *fn = compute;
    memcpy(&call[0], &fn, sizeof(fn));
    yibu_loop_options options = watched(&b.stalls);
    options.debug = true;
    options.slow_callback_duration_ns = YIBU_SECONDS(3600);
    options.exception_handler = hear_exception;
    options.exception_handler_arg = &b;
    assert_int_equal(yibu_run(create_and_await, call, &options), 0);
    assert_non_null(strstr(b.stalls.text, "task \"culprit\", created at here.c:7, has held"));
    assert_int_equal(b.slow, 1);
    assert_non_null(
        strstr(b.slow_text, "task \"culprit\", created at here.c:7, held the loop for"));
    assert_int_equal(atomic_load(&b.stalls.ends), 1);
    assert_true(atomic_load(&b.stalls.ended_told)); /* so the default handler keeps quiet */
}

/* Signals. */

static atomic_int urgent;

static void on_urgent(int number)
{
    (void)number;
    atomic_fetch_add(&urgent, 1);
}

static intptr_t raise_and_compute(void *arg)
{
    raise(SIGURG);
    kill(getpid(), SIGURG);
    while (atomic_load(&urgent) < 2)
        (void)now();
    compute_until_reported(arg, 1);
    return 0;
}

static void the_programs_own_handler_of_the_signal_gets_what_others_send(void **state)
{
    (void)state;
    heard h = {0};
    struct sigaction mine = {.sa_handler = on_urgent}, before, after;
    atomic_store(&urgent, 0);
    assert_int_equal(sigaction(SIGURG, &mine, &before), 0);
    run_watched(raise_and_compute, &h);
    assert_int_equal(atomic_load(&urgent), 2);
    assert_non_null(strstr(h.text, "raise_and_compute+0x"));
    assert_int_equal(sigaction(SIGURG, &before, &after), 0);
    assert_true(after.sa_handler == on_urgent);
}

static intptr_t take_the_signal_and_compute(void *arg)
{
    struct sigaction mine = {.sa_handler = on_urgent};
    assert_int_equal(sigaction(SIGURG, &mine, NULL), 0);
    compute_until_reported(arg, 1);
    return 0;
}

static void a_program_that_takes_the_signal_for_itself_gets_reports_without_stack(void **state)
{
    (void)state;
    heard h = {0};
    atomic_store(&urgent, 0);
    run_watched(take_the_signal_and_compute, &h);
    signal(SIGURG, SIG_DFL);
    assert_int_equal(atomic_load(&urgent), 0);
    assert_non_null(strstr(h.text, "the program has a handler of SIGURG of its own"));
    assert_int_equal(h.last.frame_count, 0);
    heard again = {0};
    run_watched(compute, &again); /* and the signal can be had again */
    assert_non_null(strstr(again.text, "compute_until_reported"));
}

static intptr_t block_the_signal_and_compute(void *arg)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    compute_until_reported(arg, 1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return 0;
}

static void a_thread_that_blocks_the_signal_is_reported_without_stack(void **state)
{
    (void)state;
    heard h = {0};
    run_watched(block_the_signal_and_compute, &h);
    assert_non_null(strstr(h.text, "task \"culprit\", created at here.c:7, has held the loop"));
    assert_non_null(strstr(h.text, "its thread blocks SIGURG"));
}

/* Processes. */

static int stall_in_child(void *arg)
{
    (void)arg;
    heard h = {0};
    run_watched(compute, &h);
    return strstr(h.text, "compute_until_reported") ? 0 : 1;
}

static intptr_t fork_while_watched(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20; i++) {
        test_result result;
        test_in_process(stall_in_child, NULL, &result);
        assert_true(test_exited(&result, 0));
    }
    return 0;
}

static void a_forked_child_may_watch_loops_of_its_own(void **state)
{
    (void)state;
    heard h = {0};
#ifdef YB_SANITIZE_THREAD
    skip(); /* it takes threads in such a child for those that it knew in the parent */
#endif
    run_watched(fork_while_watched, &h);
}

static intptr_t block_for_the_default_handler(void *arg)
{
    (void)arg;
    spin(YIBU_MS(5 * LIMIT_MS));
    return 0;
}

static int stall_with_default_handler(void *arg)
{
    yibu_loop_options options = {.size = sizeof(options), .stall_limit_ns = YIBU_MS(LIMIT_MS)};
    return (int)yibu_run(block_for_the_default_handler, arg, &options);
}

static void the_default_handler_prints_to_standard_error(void **state)
{
    (void)state;
    test_result result;
    test_in_process(stall_with_default_handler, NULL, &result);
    assert_true(test_exited(&result, 0));
    assert_non_null(strstr(result.said, "yibu: task \"main\", created at "));
    assert_non_null(strstr(result.said, "block_for_the_default_handler+0x"));
    assert_non_null(strstr(result.said, " ms in all\n"));
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
        cmocka_unit_test(many_short_runs_are_no_stall),
        cmocka_unit_test(a_loop_that_waits_is_no_stall),
        cmocka_unit_test(a_loop_that_does_not_run_is_no_stall),
        cmocka_unit_test(a_task_that_never_lets_others_run_is_reported_though_it_does_io),
        cmocka_unit_test(tasks_that_are_started_eagerly_count_as_their_creators_time),
        cmocka_unit_test(reports_come_again_when_the_stall_has_doubled),
        loop_unit_test(the_limit_is_off_where_nobody_says_otherwise),
        loop_unit_test(debug_mode_has_a_limit_that_follows_the_slow_duration),
        cmocka_unit_test(the_watchdogs_thread_ends_with_the_last_loop),
        cmocka_unit_test(in_debug_mode_the_end_is_told_once_and_exactly),
        cmocka_unit_test(the_programs_own_handler_of_the_signal_gets_what_others_send),
        cmocka_unit_test(a_program_that_takes_the_signal_for_itself_gets_reports_without_stack),
        cmocka_unit_test(a_thread_that_blocks_the_signal_is_reported_without_stack),
        cmocka_unit_test(a_forked_child_may_watch_loops_of_its_own),
        cmocka_unit_test(the_default_handler_prints_to_standard_error),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
