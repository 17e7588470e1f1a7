/* Jobs that do what they should not: they fail alone, and others find the worker, or another one,
 * as it should be. */
#include "jobs.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Some are wrong on purpose in ways that instruments end the process for, or see as their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(YB_VALGRIND)
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

/* Why a worker died. */

static intptr_t overflow(const volatile char *below)
{
    volatile char frame[512];
    frame[0] = *below;
    return *below == 'o' ? overflow(frame) + frame[0] : 0;
}

static void *overflow_in_thread(void *arg)
{
    return (void *)overflow(arg);
}

static intptr_t overflow_of_another(const char *how)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, overflow_in_thread, (void *)(uintptr_t)how) != 0)
        return -EAGAIN;
    return pthread_join(thread, NULL);
}

static volatile int *volatile bad_address = (int *)16;

static intptr_t die(yibu_bytes input, yibu_buffer *output)
{
    char how = *(const char *)input.data;
    (void)output;
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    switch (how) {
    case 'o':
        return overflow(&how);
    case 'O':
        how = 'o';
        return overflow_of_another(&how);
    case 's':
        *bad_address = 1;
        break;
    case 'e':
        exit(7);
    case '_':
        _exit(8);
    case 'a':
        abort();
    case 'l':
        for (;;)
            getppid();
    case 'S':
        raise(SIGSTOP);
        break;
    default:
        break;
    }
    return 0;
}
YIBU_JOB(die);

static void expect_reason(const char *how, yibu_job_reason reason, int signal_number,
                          int exit_status, const char *words)
{
    yibu_job_report report;
    char text[200];
    bool stuck = *how == 'l' || *how == 'S';
    intptr_t r = call_with(&die_job, (yibu_bytes){how, 1}, stuck ? YIBU_MS(50) : 0, &report);
    assert_int_equal(r, stuck ? -ETIMEDOUT : YIBU_EWORKER);
    assert_int_equal(report.reason, reason);
    if (INSTRUMENTED && exit_status < 0)
        return; /* an instrument may turn the signal into an exit */
    assert_int_equal(report.signal, signal_number);
    assert_int_equal(report.exit_status, exit_status);
    assert_true(yibu_job_report_describe(&report, text, sizeof(text)) < (int)sizeof(text));
    if (!strstr(text, words))
        fail_msg("%s", text);
    assert_true(call(&tell_pid_job, NOTHING) > 0);
}

LOOP_TEST(report_tells_why_a_worker_died)
{
    expect_reason("o", YIBU_JOB_REASON_STACK_OVERFLOW, SIGSEGV, -1,
                  "was killed by SIGSEGV (stack overflow) after ");
    expect_reason("e", YIBU_JOB_REASON_EXIT, 0, 7, "exited with status 7 after ");
    expect_reason("_", YIBU_JOB_REASON_EXIT, 0, 8, "exited with status 8 after ");
    expect_reason("l", YIBU_JOB_REASON_TIME_LIMIT, SIGKILL, -1, "by SIGKILL (time limit) after ");
    expect_reason("S", YIBU_JOB_REASON_TIME_LIMIT, SIGKILL, -1, "by SIGKILL (time limit) after ");
    if (INSTRUMENTED)
        return 0;
    expect_reason("s", YIBU_JOB_REASON_SIGNAL, SIGSEGV, -1, "was killed by SIGSEGV after ");
    expect_reason("a", YIBU_JOB_REASON_SIGNAL, SIGABRT, -1, "was killed by SIGABRT after ");
    return 0;
}

LOOP_TEST(overflow_in_a_thread_of_a_job_ends_its_worker)
{
    yibu_job_report report;
    assert_int_equal(call_with(&die_job, TEXT("O"), 0, &report), YIBU_EWORKER);
    assert_int_equal(report.exit_status == -1 ? report.signal : SIGSEGV, SIGSEGV);
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

static intptr_t say_hello_and_sleep(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    int r = yibu_job_send("hello", 5);
    sleep(1000);
    return r;
}
YIBU_JOB(say_hello_and_sleep);

static void cancel_it(yibu_bytes message, void *arg)
{
    (void)message;
    yibu_task_cancel(arg);
}

LOOP_TEST(cancel_is_told_as_the_reason)
{
    yibu_job_report report = {.size = sizeof(report)};
    yibu_job_options options = {.size = sizeof(options),
                                .report = &report,
                                .on_message = cancel_it,
                                .message_arg = yibu_current_task()};
    assert_int_equal(yibu_to_process(&say_hello_and_sleep_job, NOTHING, NULL, &options),
                     -ECANCELED);
    assert_int_equal(report.reason, YIBU_JOB_REASON_CANCELLED);
    return 0;
}

/* What jobs leave in their process. */

static void on_signal(int signal_number)
{
    (void)signal_number;
}

/* Long enough for the worker to look at its state afterwards. */
static intptr_t disturb(yibu_bytes input, yibu_buffer *output)
{
    sigset_t set;
    struct rlimit limit;
    (void)input, (void)output;
    umask(0777);
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR1, on_signal);
    signal(SIGSEGV, SIG_DFL);
    alarm(1);
    setenv("YIBU_TEST_LEFT", "1", 1);
    unsetenv("PATH");
    if (chdir("/proc/self") < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    limit.rlim_cur = 16;
    setrlimit(RLIMIT_NOFILE, &limit);
    usleep(1000);
    return getpid();
}
YIBU_JOB(disturb);

typedef struct process_state {
    mode_t mask;
    int blocked, ignored, caught;
    bool left, path;
    unsigned alarm;
    rlim_t files;
    char folder[200];
} process_state;

static process_state state_of_this(void)
{
    process_state s = {.left = getenv("YIBU_TEST_LEFT"), .path = getenv("PATH")};
    struct rlimit limit = {0};
    sigset_t set;
    struct sigaction action;
    umask(s.mask = umask(0));
    sigprocmask(SIG_BLOCK, NULL, &set);
    for (int i = 1; i < NSIG; i++) {
        s.blocked += sigismember(&set, i) == 1;
        if (sigaction(i, NULL, &action) < 0)
            continue;
        s.ignored += action.sa_handler == SIG_IGN;
        s.caught += action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL;
    }
    s.alarm = alarm(0);
    getrlimit(RLIMIT_NOFILE, &limit);
    s.files = limit.rlim_cur;
    if (!getcwd(s.folder, sizeof(s.folder)))
        s.folder[0] = '\0';
    return s;
}

static intptr_t show_state(yibu_bytes input, yibu_buffer *output)
{
    process_state s = state_of_this();
    (void)input;
    int r = yibu_buffer_append(output, &s, sizeof(s));
    return r < 0 ? r : getpid();
}
YIBU_JOB(show_state);

static intptr_t get_state(process_state *ret_state)
{
    yibu_buffer output = {0};
    intptr_t pid = yibu_to_process(&show_state_job, NOTHING, &output, NULL);
    assert_true(pid > 0);
    memcpy(ret_state, output.data, sizeof(*ret_state));
    yibu_buffer_free(&output);
    return pid;
}

static intptr_t expect_restored(void *arg)
{
    process_state before, after;
    (void)arg;
    intptr_t pid = get_state(&before);
    assert_int_equal(call(&disturb_job, NOTHING), pid);
    assert_int_equal(get_state(&after), pid);
    assert_int_equal(after.mask, before.mask);
    assert_int_equal(after.blocked, before.blocked);
    assert_int_equal(after.ignored, before.ignored);
    assert_int_equal(after.caught, before.caught);
    assert_false(after.left);
    assert_true(after.path);
    assert_int_equal(after.alarm, 0);
    assert_int_equal(after.files, before.files);
    assert_string_equal(after.folder, before.folder);
    return 0;
}

static void state_that_a_job_changes_is_put_back_for_the_next(void **state)
{
    (void)state;
    setenv("PATH", "/bin:/usr/bin", 1);
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(expect_restored, NULL, &options), 0);
}

/* A folder of its own that it leaves, and that goes. */
static intptr_t lose_folder(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    usleep(1000);
    return rmdir(input.data) == 0 && chdir("/") == 0 ? getpid() : -errno;
}
YIBU_JOB(lose_folder);

static intptr_t expect_replaced(void *arg)
{
    intptr_t pid = call(&tell_pid_job, NOTHING);
    assert_true(pid > 0);
    assert_int_equal(call(&lose_folder_job, (yibu_bytes){arg, strlen(arg) + 1}), pid);
    intptr_t next = call(&tell_pid_job, NOTHING);
    assert_true(next > 0 && next != pid);
    return 0;
}

static void worker_that_cannot_be_put_back_is_replaced(void **state)
{
    char folder[] = "/tmp/yibu-test-XXXXXX", before[4096];
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(yibu_run(expect_replaced, folder, &options), 0);
    assert_int_equal(chdir(before), 0);
}

/* What jobs start. */

/* A process that has left the worker's group and session, and its parent. */
static intptr_t start_daemon(yibu_bytes input, yibu_buffer *output)
{
    int ends[2];
    pid_t daemon = 0;
    (void)input, (void)output;
    if (pipe(ends) < 0)
        return -errno;
    pid_t child = fork();
    if (child == 0) {
        setsid();
        daemon = fork();
        if (daemon == 0)
            for (;;)
                pause();
        _exit(write(ends[1], &daemon, sizeof(daemon)) != sizeof(daemon));
    }
    if (child < 0 || read(ends[0], &daemon, sizeof(daemon)) != sizeof(daemon))
        return -ECHILD;
    close(ends[0]);
    close(ends[1]);
    waitpid(child, NULL, 0);
    return daemon;
}
YIBU_JOB(start_daemon);

static intptr_t end_worker_of_daemon(void *arg)
{
    (void)arg;
    pid_t daemon = (pid_t)call(&start_daemon_job, NOTHING);
    assert_true(daemon > 0 && process_alive(daemon));
    assert_int_equal(call(&die_job, TEXT("_")), YIBU_EWORKER);
    expect_gone(daemon);
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

static intptr_t only_start_daemon(void *arg)
{
    *(pid_t *)arg = (pid_t)call(&start_daemon_job, NOTHING);
    return 0;
}

static void daemons_of_jobs_end_with_their_worker(void **state)
{
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    pid_t daemon = 0;
    (void)state;
    assert_int_equal(yibu_run(end_worker_of_daemon, NULL, &options), 0);
    assert_int_equal(yibu_run(only_start_daemon, &daemon, &options), 0);
    assert_true(daemon > 0);
    expect_gone(daemon);
}

static void *idle_forever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static intptr_t leak_thread(yibu_bytes input, yibu_buffer *output)
{
    pthread_t thread;
    (void)input, (void)output;
    return pthread_create(&thread, NULL, idle_forever, NULL) == 0 ? getpid() : -EAGAIN;
}
YIBU_JOB(leak_thread);

static intptr_t leak_threads(void *arg)
{
    (void)arg;
    intptr_t pid = call(&leak_thread_job, NOTHING);
    for (int i = 0; i < 5; i++)
        assert_int_equal(call(&leak_thread_job, NOTHING), pid);
    return 0;
}

static void threads_that_jobs_leave_end_with_their_worker(void **state)
{
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    (void)state;
    if (INSTRUMENTED)
        return; /* they wait for threads */
    assert_int_equal(yibu_run(leak_threads, NULL, &options), 0);
}

/* A worker that writes over its lane. */

static void *find_lane(size_t *ret_size)
{
    char line[512];
    void *lane = NULL;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && !lane && fgets(line, sizeof(line), maps)) {
        unsigned long first, end;
        if (strstr(line, "yibu-lane") && sscanf(line, "%lx-%lx", &first, &end) == 2) {
            lane = (void *)first;
            *ret_size = end - first;
        }
    }
    if (maps)
        fclose(maps);
    return lane;
}

/* Writes random words over random places of the part that holds the slots, or over all of that. */
static intptr_t scribble(yibu_bytes input, yibu_buffer *output)
{
    enum { HEAD_BYTES = 64 * 1024 };
    unsigned seed;
    size_t size = 0;
    (void)output;
    memcpy(&seed, input.data, sizeof(seed));
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    volatile uint64_t *lane = find_lane(&size);
    if (!lane || size < HEAD_BYTES)
        return -ENOENT;
    unsigned words = seed % 3 == 0 ? HEAD_BYTES / 8 : 1U << seed % 12;
    for (unsigned i = 0; i < words; i++) {
        unsigned at = words == HEAD_BYTES / 8 ? i : (unsigned)rand_r(&seed) % (HEAD_BYTES / 8);
        unsigned kind = (unsigned)rand_r(&seed) % 4;
        lane[at] = kind == 0   ? 0
                   : kind == 1 ? UINT64_MAX
                               : (uint64_t)rand_r(&seed) << (kind == 2 ? 0 : 33);
    }
    return 0;
}
YIBU_JOB(scribble);

/* Whatever becomes of that call and of those beside it, they end, and the pool goes on. */
LOOP_TEST(worker_that_writes_over_its_lane_harms_nobody_else)
{
    enum { ROUNDS = 12, BESIDE = 3 };
    static call_task beside[BESIDE], scribbler;
    for (unsigned seed = 1; seed <= ROUNDS; seed++) {
        for (int i = 0; i < BESIDE; i++)
            call_start(&beside[i], &tell_pid_job, NOTHING);
        yibu_timeout timeout;
        yibu_timeout_begin(&timeout, YIBU_MS(100));
        call_start(&scribbler, &scribble_job, VALUE(seed));
        (void)yibu_timeout_end(&timeout, call_finish(&scribbler));
        for (int i = 0; i < BESIDE; i++) {
            yibu_timeout_begin(&timeout, YIBU_MS(100));
            (void)yibu_timeout_end(&timeout, call_finish(&beside[i]));
        }
    }
    intptr_t r = -1;
    for (int i = 0; i < 20 && r <= 0; i++) {
        yibu_job_report report;
        r = call_with(&tell_pid_job, NOTHING, YIBU_SECONDS(1), &report);
    }
    assert_true(r > 0);
    return 0;
}

/* The sentence. */

static void report_is_described_in_a_line(void **state)
{
    char text[200], little[8];
    yibu_job_report r = {.size = sizeof(r),
                         .worker = 123,
                         .signal = SIGSEGV,
                         .exit_status = -1,
                         .peak_memory_bytes = 8 << 20,
                         .run_ns = YIBU_MS(12),
                         .attempts = 1,
                         .reason = YIBU_JOB_REASON_STACK_OVERFLOW};
    (void)state;
    int n = yibu_job_report_describe(&r, text, sizeof(text));
    assert_string_equal(text, "worker 123 was killed by SIGSEGV (stack overflow) after 12 ms, "
                              "peak memory 8 MiB");
    assert_int_equal(n, strlen(text));
    assert_int_equal(yibu_job_report_describe(&r, little, sizeof(little)), n);
    assert_string_equal(little, "worker ");
    assert_int_equal(yibu_job_report_describe(&r, NULL, 0), n);
    r = (yibu_job_report){
        .size = sizeof(r), .worker = 5, .exit_status = 3, .run_ns = 2500, .attempts = 2};
    yibu_job_report_describe(&r, text, sizeof(text));
    assert_string_equal(text, "worker 5 exited with status 3 after 2.5 us, attempt 2");
    r = (yibu_job_report){.size = sizeof(r), .worker = 5, .exit_status = -1, .run_ns = 1};
    yibu_job_report_describe(&r, text, sizeof(text));
    assert_string_equal(text, "worker 5 answered after 0.001 us");
    r = (yibu_job_report){.size = sizeof(r), .exit_status = -1};
    yibu_job_report_describe(&r, text, sizeof(text));
    assert_string_equal(text, "no worker ran the job");
    assert_string_equal(yibu_job_reason_name(YIBU_JOB_REASON_OUT_OF_MEMORY), "out of memory");
    assert_string_equal(yibu_job_reason_name((yibu_job_reason)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_tells_why_a_worker_died),
        cmocka_unit_test(overflow_in_a_thread_of_a_job_ends_its_worker),
        cmocka_unit_test(cancel_is_told_as_the_reason),
        cmocka_unit_test(state_that_a_job_changes_is_put_back_for_the_next),
        cmocka_unit_test(worker_that_cannot_be_put_back_is_replaced),
        cmocka_unit_test(daemons_of_jobs_end_with_their_worker),
        cmocka_unit_test(threads_that_jobs_leave_end_with_their_worker),
        cmocka_unit_test(worker_that_writes_over_its_lane_harms_nobody_else),
        cmocka_unit_test(report_is_described_in_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
