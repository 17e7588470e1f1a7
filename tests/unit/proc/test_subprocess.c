/* Subprocesses: how they begin, talk, end, and leave nothing behind. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "gate.h"
#include "streams.h"

enum { LIMIT = 1 << 20 };

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SH(COMMAND) ARGV("/bin/sh", "-c", COMMAND)

static const yibu_subprocess_options piped = {
    .size = sizeof(piped),
    .in = YIBU_SUBPROCESS_PIPE,
    .out = YIBU_SUBPROCESS_PIPE,
    .err = YIBU_SUBPROCESS_PIPE,
};

static yibu_subprocess *start(const char *const *argv, const yibu_subprocess_options *options)
{
    yibu_subprocess *process = NULL;
    assert_int_equal(yibu_create_subprocess_exec(argv, options, &process), 0);
    assert_non_null(process);
    return process;
}

/* Nobody is left to be waited for. */
static void assert_no_children(void)
{
    siginfo_t info;
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL), -1);
    assert_int_equal(errno, ECHILD);
}

/* What the program says on its standard output, its status 0. */
static void expect_output(const char *const *argv, const yibu_subprocess_options *given,
                          const char *wanted)
{
    yibu_subprocess_options options = *given;
    options.out = options.out == YIBU_SUBPROCESS_INHERIT ? YIBU_SUBPROCESS_PIPE : options.out;
    yibu_subprocess *process = start(argv, &options);
    yibu_buffer output = {0};
    int r = yibu_subprocess_communicate(process, NULL, 0, &output, NULL, LIMIT);
    assert_int_equal(r, 0);
    assert_int_equal(yibu_buffer_append(&output, "", 1), 0);
    assert_string_equal(output.data, wanted);
    yibu_buffer_free(&output);
    yibu_subprocess_free(process);
}

static const yibu_subprocess_options nothing = {.size = sizeof(nothing)};

/* Ends. */

LOOP_TEST(a_program_runs_and_its_exit_status_is_known)
{
    yibu_subprocess *process = start(SH("exit 7"), NULL);
    assert_true(yibu_subprocess_pid(process) > 0);
    assert_null(yibu_subprocess_stdin(process));
    assert_int_equal(yibu_subprocess_wait(process), 7);
    assert_int_equal(yibu_subprocess_wait(process), 7);
    assert_int_equal(yibu_subprocess_returncode(process), 7);
    assert_int_equal(yibu_subprocess_signal(process), 0);
    yibu_subprocess_free(process);
    assert_no_children();
    return 0;
}

LOOP_TEST(a_program_ended_by_a_signal_says_which)
{
    yibu_subprocess *process = start(ARGV("sleep", "1000"), NULL);
    assert_int_equal(yibu_subprocess_returncode(process), -EINPROGRESS);
    assert_int_equal(yibu_subprocess_terminate(process), 0);
    assert_int_equal(yibu_subprocess_wait(process), 128 + SIGTERM);
    assert_int_equal(yibu_subprocess_signal(process), SIGTERM);
    assert_int_equal(yibu_subprocess_kill(process), -ESRCH);
    yibu_subprocess_free(process);
    return 0;
}

static intptr_t wait_for_end(void *arg)
{
    return yibu_subprocess_wait(arg);
}

LOOP_TEST(several_tasks_wait_for_one_end_and_a_cancel_leaves_the_child_alone)
{
    yibu_subprocess *process = start(ARGV("cat"), &piped);
    yibu_task *tasks[3];
    for (int i = 0; i < 3; i++)
        tasks[i] = yibu_create_task(wait_for_end, process, NULL);
    yibu_sleep(0);
    yibu_task_cancel(tasks[1]);
    yibu_stream_close(yibu_subprocess_stdin(process));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yibu_await(tasks[i]), i == 1 ? -ECANCELED : 0);
        yibu_task_unref(tasks[i]);
    }
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(a_child_that_stops_has_not_ended)
{
    yibu_subprocess *process = start(ARGV("cat"), &piped);
    assert_int_equal(yibu_subprocess_send_signal(process, SIGSTOP), 0);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(50));
    assert_int_equal(yibu_timeout_end(&limit, yibu_subprocess_wait(process)), -ETIMEDOUT);
    assert_int_equal(yibu_subprocess_send_signal(process, SIGCONT), 0);
    yibu_stream_close(yibu_subprocess_stdin(process));
    assert_int_equal(yibu_subprocess_wait(process), 0);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(a_child_that_somebody_else_kills_or_reaps_is_noticed)
{
    yibu_subprocess *process = start(ARGV("sleep", "1000"), NULL);
    pid_t pid = yibu_subprocess_pid(process);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(yibu_subprocess_wait(process), 128 + SIGKILL);
    yibu_subprocess_free(process);

    process = start(ARGV("sleep", "1000"), NULL);
    pid = yibu_subprocess_pid(process);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(yibu_subprocess_wait(process), -ECHILD);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(other_children_of_the_program_are_left_to_it)
{
    pid_t other = fork();
    if (other == 0)
        _exit(3);
    yibu_subprocess *process = start(SH("exit 0"), NULL);
    assert_int_equal(yibu_subprocess_wait(process), 0);
    yibu_subprocess_free(process);
    int status;
    assert_int_equal(waitpid(other, &status, 0), other);
    assert_int_equal(WEXITSTATUS(status), 3);
    return 0;
}

LOOP_TEST(a_child_is_killed_and_reaped_when_it_is_freed)
{
    int before = count_descriptors();
    yibu_subprocess *process = start(ARGV("sleep", "1000"), &piped);
    int pidfd_and_pipes = count_descriptors() - before;
    assert_true(pidfd_and_pipes >= 4);
    yibu_subprocess_free(process);
    siginfo_t info;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    return 0;
}

static yibu_subprocess *forgotten;

static intptr_t forget_a_child(void *arg)
{
    (void)arg;
    forgotten = start(ARGV("sleep", "1000"), &piped);
    yibu_subprocess *freed = start(ARGV("sleep", "1000"), &piped);
    yibu_subprocess_free(freed);
    return 0;
}

static void children_end_with_the_loop(void **state)
{
    (void)state;
    int before = count_descriptors();
    assert_int_equal(yibu_run(forget_a_child, NULL, NULL), 0);
    assert_no_children();
    assert_int_equal(yibu_subprocess_returncode(forgotten), 128 + SIGKILL);
    yibu_subprocess_free(forgotten);
    assert_int_equal(count_descriptors(), before);
}

/* Failures. */

static void expect_failure(const char *const *argv, yibu_subprocess_options *options, int error,
                           yibu_subprocess_step step)
{
    yibu_subprocess *untouched = NULL;
    yibu_subprocess_step failed = YIBU_SUBPROCESS_STEP_NONE;
    options->size = sizeof(*options);
    options->ret_step = &failed;
    int before = count_descriptors();
    assert_int_equal(yibu_create_subprocess_exec(argv, options, &untouched), error);
    if (failed != step)
        fail_msg("failed in %s, not in %s", yibu_subprocess_step_name(failed),
                 yibu_subprocess_step_name(step));
    assert_null(untouched);
    assert_int_equal(count_descriptors(), before);
    assert_no_children();
}

LOOP_TEST(a_failure_is_told_exactly_with_its_step)
{
    yibu_subprocess *warmed =
        start(SH("exit 0"), NULL); /* threads and their descriptors are there */
    yibu_subprocess_wait(warmed);
    yibu_subprocess_free(warmed);
    yibu_subprocess_options o = piped;
    expect_failure(ARGV("no-such-program-anywhere"), &o, -ENOENT, YIBU_SUBPROCESS_STEP_EXEC);
    expect_failure(ARGV("/etc/passwd"), &o, -EACCES, YIBU_SUBPROCESS_STEP_EXEC);
    expect_failure(ARGV(""), &o, -ENOENT, YIBU_SUBPROCESS_STEP_PREPARE);
    o.cwd = "/no/such/folder";
    expect_failure(ARGV("true"), &o, -ENOENT, YIBU_SUBPROCESS_STEP_CWD);
    o = piped;
    o.group = 1;
    expect_failure(ARGV("true"), &o, -EPERM, YIBU_SUBPROCESS_STEP_GROUP);
    o = piped;
    o.out = 12345;
    expect_failure(ARGV("true"), &o, -EBADF, YIBU_SUBPROCESS_STEP_PREPARE);
    o = piped;
    o.in = YIBU_SUBPROCESS_STDOUT;
    expect_failure(ARGV("true"), &o, -EINVAL, YIBU_SUBPROCESS_STEP_PREPARE);
    yibu_subprocess_limit limit = {9999, {1, 1}};
    o = piped;
    o.limits = &limit;
    o.limit_count = 1;
    expect_failure(ARGV("true"), &o, -EINVAL, YIBU_SUBPROCESS_STEP_LIMITS);
    yibu_subprocess_fd twice[] = {{1, 7}, {2, 7}};
    o = piped;
    o.pass_fds = twice;
    o.pass_fds_count = 2;
    expect_failure(ARGV("true"), &o, -EINVAL, YIBU_SUBPROCESS_STEP_PREPARE);
    return 0;
}

static void make_program(char *path, const char *content)
{
    strcpy(path, "/tmp/yibu-test-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    assert_int_equal(fchmod(fd, 0755), 0);
    close(fd);
}

LOOP_TEST(what_is_no_program_is_not_given_to_a_shell)
{
    char path[64];
    make_program(path, "echo hello\n");
    yibu_subprocess_options o = nothing;
    expect_failure(ARGV(path), &o, -ENOEXEC, YIBU_SUBPROCESS_STEP_EXEC);
    unlink(path);
    return 0;
}

LOOP_TEST(bad_arguments_are_refused)
{
    yibu_subprocess *process;
    const char *const none[] = {NULL};
    yibu_subprocess_options o = {.size = 3};
    assert_int_equal(yibu_create_subprocess_exec(none, NULL, &process), -EINVAL);
    assert_int_equal(yibu_create_subprocess_exec(NULL, NULL, &process), -EINVAL);
    assert_int_equal(yibu_create_subprocess_exec(ARGV("true"), NULL, NULL), -EINVAL);
    assert_int_equal(yibu_create_subprocess_exec(ARGV("true"), &o, &process), -EINVAL);
    assert_int_equal(yibu_create_subprocess_shell(NULL, NULL, &process), -EINVAL);
    o = (yibu_subprocess_options){.size = sizeof(o), .new_session = true, .new_group = true};
    assert_int_equal(yibu_create_subprocess_exec(ARGV("true"), &o, &process), -EINVAL);
    yibu_subprocess_free(NULL);
    return 0;
}

LOOP_TEST(without_descriptors_nothing_is_left_behind)
{
    yibu_subprocess *process;
    assert_int_equal(yibu_create_subprocess_exec(ARGV("true"), &piped, &process), 0);
    yibu_subprocess_wait(process);
    yibu_subprocess_free(process);
    int before = count_descriptors();
    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    bool created = false;
    for (int more = 0; !created; more++) {
        int last = dup(0);
        assert_true(last >= 0);
        close(last);
        low = (struct rlimit){(rlim_t)(last + more), old.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        int r = yibu_create_subprocess_exec(ARGV("true"), &piped, &process);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_true(r == 0 || r == -EMFILE);
        created = r == 0;
        if (created) {
            yibu_subprocess_wait(process);
            yibu_subprocess_free(process);
        }
        assert_int_equal(count_descriptors(), before);
        assert_no_children();
        assert_true(more < 32);
    }
    return 0;
}

/* Cancels. */

static intptr_t create_one(void *arg)
{
    yibu_subprocess *process;
    int r = yibu_create_subprocess_exec(ARGV("sleep", "1000"), arg, &process);
    if (r == 0)
        yibu_subprocess_free(process);
    return r;
}

LOOP_TEST(a_cancelled_creation_leaves_no_child)
{
    yibu_subprocess_options options = piped;
    for (int turns = 0; turns < 20; turns++) {
        yibu_task *task = yibu_create_task(create_one, &options, NULL);
        for (int i = 0; i < turns; i++)
            yibu_sleep(i < 10 ? 0 : YIBU_US(100));
        yibu_task_cancel(task);
        intptr_t r = yibu_await(task);
        assert_true(r == 0 || r == -ECANCELED);
        yibu_task_unref(task);
    }
    siginfo_t info;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        yibu_sleep(YIBU_MS(1));
    return 0;
}

/* Options. */

LOOP_TEST(the_environment_and_the_working_directory_can_be_chosen)
{
    yibu_subprocess_options o = nothing;
    o.cwd = "/";
    expect_output(ARGV("pwd"), &o, "/\n");
    const char *const env[] = {"A=1", "B=2", NULL};
    o = nothing;
    o.env = env;
    expect_output(ARGV("/usr/bin/env"), &o, "A=1\nB=2\n");
    const char *const changes[] = {"A", "B=3", "C=4", NULL};
    o.env_changes = changes;
    expect_output(ARGV("/usr/bin/env"), &o, "B=3\nC=4\n");
    o.env = NULL;
    setenv("A", "before", 1);
    expect_output(SH("echo ${A-none} $B $C"), &o, "none 3 4\n");
    unsetenv("A");
    return 0;
}

LOOP_TEST(a_program_is_looked_for_in_the_path_of_its_own_environment)
{
    yibu_subprocess *process;
    const char *const env[] = {"PATH=/nowhere:/bin", NULL};
    const char *const bad[] = {"PATH=/nowhere", NULL};
    yibu_subprocess_options o = nothing;
    o.env = env;
    expect_output(ARGV("echo", "here"), &o, "here\n");
    o.env = bad;
    assert_int_equal(yibu_create_subprocess_exec(ARGV("echo"), &o, &process), -ENOENT);
    o = nothing;
    o.executable = "/bin/sh";
    expect_output(ARGV("another name", "-c", "echo $0"), &o, "another name\n");
    return 0;
}

LOOP_TEST(standard_descriptors_lead_where_they_are_told_to)
{
    char path[64], text[64] = {0};
    make_program(path, "");
    int file = open(path, O_RDWR | O_CLOEXEC);
    yibu_subprocess_options o = {.size = sizeof(o),
                                 .in = YIBU_SUBPROCESS_DEVNULL,
                                 .out = file,
                                 .err = YIBU_SUBPROCESS_STDOUT};
    yibu_subprocess *process = start(SH("cat; echo out; echo err >&2"), &o);
    assert_int_equal(yibu_subprocess_wait(process), 0);
    yibu_subprocess_free(process);
    assert_int_equal(pread(file, text, sizeof(text) - 1, 0), 8);
    assert_string_equal(text, "out\nerr\n");
    close(file);
    unlink(path);

    o = (yibu_subprocess_options){.size = sizeof(o), .err = YIBU_SUBPROCESS_STDOUT};
    expect_output(SH("echo err >&2"), &o, "err\n");
    return 0;
}

LOOP_TEST(descriptors_are_passed_by_number_and_no_others)
{
    int a[2], b[2];
    assert_int_equal(pipe(a), 0); /* not close-on-exec */
    assert_int_equal(pipe(b), 0);
    yibu_subprocess_fd pass[] = {{a[1], b[1]}, {b[1], a[1]}}; /* crossed */
    yibu_subprocess_options o = nothing;
    o.pass_fds = pass;
    o.pass_fds_count = 2;
    char command[64], text[8];
    snprintf(command, sizeof(command), "echo a >&%d; echo b >&%d; ls -v /proc/self/fd", b[1], a[1]);
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "0\n1\n2\n3\n%d\n%d\n", a[1] < b[1] ? a[1] : b[1],
             a[1] < b[1] ? b[1] : a[1]);
    expect_output(ARGV("bash", "-c", command), &o, wanted); /* 3: the folder that ls reads */
    assert_int_equal(read(a[0], text, sizeof(text)), 2);
    assert_memory_equal(text, "a\n", 2);
    assert_int_equal(read(b[0], text, sizeof(text)), 2);
    assert_memory_equal(text, "b\n", 2);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
    return 0;
}

LOOP_TEST(numbers_in_the_child_may_be_those_of_what_is_being_passed)
{
    enum { PIPES = 6 };
    int pipes[PIPES][2];
    char command[256] = "", text[8];
    yibu_subprocess_fd pass[PIPES];
    for (int i = 0; i < PIPES; i++)
        assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
    int next = dup(0); /* from here on the library's own duplicates are */
    close(next);
    for (int i = 0; i < PIPES; i++) {
        pass[i] = (yibu_subprocess_fd){pipes[i][1], next + PIPES - 1 - i};
        snprintf(text, sizeof(text), ">&%d;", pass[i].child_fd);
        snprintf(command + strlen(command), sizeof(command) - strlen(command), "echo %d %s", i,
                 text);
    }
    yibu_subprocess_options o = nothing;
    o.pass_fds = pass;
    o.pass_fds_count = PIPES;
    expect_output(ARGV("bash", "-c", command), &o, "");
    for (int i = 0; i < PIPES; i++) {
        assert_int_equal(read(pipes[i][0], text, sizeof(text)), 2);
        assert_int_equal(text[0], '0' + i);
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    return 0;
}

LOOP_TEST(a_child_may_lead_a_group_which_is_killed_as_a_whole)
{
    yibu_subprocess_options o = piped;
    o.new_group = true;
    yibu_subprocess *process = start(SH("sleep 1000 & echo; wait"), &o);
    pid_t pid = yibu_subprocess_pid(process);
    assert_int_equal(getpgid(pid), pid);
    char *line;
    assert_int_equal(yibu_stream_readline(yibu_subprocess_stdout(process), &line), 1);
    assert_int_equal(yibu_subprocess_kill(process), 0);
    assert_int_equal(yibu_subprocess_wait(process), 128 + SIGKILL);
    int r = yibu_subprocess_send_signal_group(process, SIGTERM);
    if (r == -ESRCH) /* before Linux 6.9; nobody else can have the number in here */
        r = kill(-pid, SIGTERM);
    assert_int_equal(r, 0);
    assert_int_equal(yibu_stream_readline(yibu_subprocess_stdout(process), &line), 0);
    yibu_subprocess_free(process);

    process = start(ARGV("true"), NULL);
    assert_int_equal(yibu_subprocess_send_signal_group(process, SIGTERM), -EINVAL);
    yibu_subprocess_wait(process);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(a_child_may_lead_a_session)
{
    yibu_subprocess_options o = piped;
    o.new_session = true;
    yibu_subprocess *process = start(ARGV("cat"), &o);
    pid_t pid = yibu_subprocess_pid(process);
    assert_int_equal(getsid(pid), pid);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(limits_the_umask_and_the_user_can_be_chosen)
{
    const yibu_subprocess_limit limits[] = {{RLIMIT_NOFILE, {17, 17}}, {RLIMIT_CORE, {0, 0}}};
    yibu_subprocess_options o = nothing;
    o.limits = limits;
    o.limit_count = 2;
    o.set_umask = true;
    o.umask = 027;
    expect_output(SH("ulimit -n; umask"), &o, "17\n0027\n");
    if (getuid() != 0)
        return 0;
    const gid_t groups[] = {1234, 2345};
    const yibu_subprocess_user user = {65534, 65533, groups, 2};
    o = nothing;
    o.user = &user;
    expect_output(SH("id -u; id -g; id -G"), &o, "65534\n65533\n65533 1234 2345\n");
    return 0;
}

/* How a signal stands: SIGHUP is 1, SIGUSR1 10, SIGPIPE 13. */
static const char STATE_OF_SIGNALS[] =
    "while read name value; do case $name in SigBlk:|SigIgn:) "
    "v=$((0x$value)); echo $((v & 1)) $((v >> 9 & 1)) $((v >> 12 & 1));; esac; "
    "done < /proc/self/status";

LOOP_TEST(signals_are_as_the_options_say)
{
    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    yibu_subprocess_options o = nothing;
    expect_output(ARGV("bash", "-c", STATE_OF_SIGNALS), &o, "0 0 0\n1 0 0\n");
    o.signals = YIBU_SUBPROCESS_SIGNALS_DEFAULT;
    expect_output(ARGV("bash", "-c", STATE_OF_SIGNALS), &o, "0 0 0\n0 0 0\n");
    o.signals = YIBU_SUBPROCESS_SIGNALS_INHERIT;
    expect_output(ARGV("bash", "-c", STATE_OF_SIGNALS), &o, "0 1 0\n1 0 1\n");
    signal(SIGHUP, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return 0;
}

static volatile sig_atomic_t handled;

static void handle(int number)
{
    handled = number;
}

LOOP_TEST(a_handler_of_the_parent_s_is_neither_run_nor_lost)
{
    struct sigaction action = {.sa_handler = handle}, now;
    sigaction(SIGUSR1, &action, NULL);
    yibu_subprocess *process = start(ARGV("sleep", "1000"), NULL);
    assert_int_equal(yibu_subprocess_send_signal(process, SIGUSR1), 0);
    assert_int_equal(yibu_subprocess_wait(process), 128 + SIGUSR1);
    yibu_subprocess_free(process);
    sigaction(SIGUSR1, NULL, &now);
    assert_ptr_equal(now.sa_handler, handle);
    assert_int_equal(handled, 0);
    signal(SIGUSR1, SIG_DFL);
    return 0;
}

/* Terminals. */

LOOP_TEST(a_child_can_have_a_terminal_of_its_own)
{
    yibu_subprocess_options o = {.size = sizeof(o),
                                 .in = YIBU_SUBPROCESS_PTY,
                                 .out = YIBU_SUBPROCESS_PTY,
                                 .err = YIBU_SUBPROCESS_PTY,
                                 .rows = 30,
                                 .columns = 101};
    yibu_subprocess *process = start(
        SH("stty size; test -t 0 && test -t 1 && test -t 2 && tty -s </dev/tty && echo all"), &o);
    assert_ptr_equal(yibu_subprocess_stdin(process), yibu_subprocess_stdout(process));
    assert_ptr_equal(yibu_subprocess_stdin(process), yibu_subprocess_stderr(process));
    yibu_buffer output = {0};
    int r = yibu_subprocess_communicate(process, NULL, 0, &output, NULL, LIMIT);
    assert_int_equal(r, 0);
    assert_int_equal(output.size, strlen("30 101\r\nall\r\n"));
    assert_memory_equal(output.data, "30 101\r\nall\r\n", output.size);
    yibu_buffer_free(&output);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(a_terminal_passes_signals_from_the_keyboard)
{
    yibu_subprocess_options o = {.size = sizeof(o),
                                 .in = YIBU_SUBPROCESS_PTY,
                                 .out = YIBU_SUBPROCESS_PTY,
                                 .err = YIBU_SUBPROCESS_PIPE,
                                 .signals = YIBU_SUBPROCESS_SIGNALS_DEFAULT};
    yibu_subprocess *process = start(SH("echo ready; exec sleep 1000"), &o);
    char *line;
    assert_int_equal(yibu_stream_readline(yibu_subprocess_stdout(process), &line), 7);
    yibu_stream_write(yibu_subprocess_stdin(process), "\x03", 1);
    assert_int_equal(yibu_subprocess_wait(process), 128 + SIGINT);
    yibu_subprocess_free(process);
    return 0;
}

/* Many. */

static intptr_t run_true(void *arg)
{
    (void)arg;
    yibu_subprocess *process;
    int r = yibu_create_subprocess_exec(ARGV("true"), &piped, &process);
    if (r < 0)
        return r;
    r = yibu_subprocess_communicate(process, "x", 1, NULL, NULL, 0);
    yibu_subprocess_free(process);
    return r;
}

static intptr_t run_some(void *arg)
{
    intptr_t r;
    YIBU_GROUP (group, NULL, &r)
        for (int i = 0; i < 10; i++)
            yibu_group_spawn(&group, run_true, arg);
    return r;
}

static void *run_loop(void *arg)
{
    return (void *)yibu_run(run_some, arg, NULL);
}

static void loops_of_several_threads_have_children_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    int before = count_descriptors();
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_loop, NULL), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        assert_int_equal(pthread_join(threads[i], &result), 0);
        assert_null(result);
    }
    assert_int_equal(count_descriptors(), before);
    assert_no_children();
}

static intptr_t hold_many(void *arg)
{
    const size_t count = *(const size_t *)arg;
    yibu_subprocess **children = calloc(count, sizeof(*children));
    assert_non_null(children);
    const yibu_subprocess_options options = {.size = sizeof(options), .in = YIBU_SUBPROCESS_PIPE};
    for (size_t i = 0; i < count; i++)
        children[i] = start(ARGV("cat"), &options);
    for (size_t i = 0; i < count; i++)
        yibu_stream_close(yibu_subprocess_stdin(children[i]));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(yibu_subprocess_wait(children[i]), 0);
        yibu_subprocess_free(children[i]);
    }
    free(children);
    return 0;
}

static void many_children_live_at_once(void **state)
{
    (void)state;
    size_t count = 1000 / (YB_TEST_SLOWDOWN * YB_TEST_SLOWDOWN);
    rlim_t allowed = raise_descriptor_limit();
    if (count > allowed / 3)
        count = allowed / 3;
    int before = count_descriptors();
    assert_int_equal(yibu_run(hold_many, &count, NULL), 0);
    assert_int_equal(count_descriptors(), before);
    assert_no_children();
}

static intptr_t be_simulated(void *arg)
{
    (void)arg;
    yibu_subprocess *process;
    assert_int_equal(yibu_create_subprocess_exec(ARGV("true"), NULL, &process), -ENOTSUP);
    return 0;
}

static void a_simulation_has_no_other_programs(void **state)
{
    (void)state;
    assert_int_equal(yibu_sim_run(1, be_simulated, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_runs_and_its_exit_status_is_known),
        cmocka_unit_test(a_program_ended_by_a_signal_says_which),
        cmocka_unit_test(several_tasks_wait_for_one_end_and_a_cancel_leaves_the_child_alone),
        cmocka_unit_test(a_child_that_stops_has_not_ended),
        cmocka_unit_test(a_child_that_somebody_else_kills_or_reaps_is_noticed),
        cmocka_unit_test(other_children_of_the_program_are_left_to_it),
        cmocka_unit_test(a_child_is_killed_and_reaped_when_it_is_freed),
        cmocka_unit_test(children_end_with_the_loop),
        cmocka_unit_test(a_failure_is_told_exactly_with_its_step),
        cmocka_unit_test(what_is_no_program_is_not_given_to_a_shell),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(without_descriptors_nothing_is_left_behind),
        cmocka_unit_test(a_cancelled_creation_leaves_no_child),
        cmocka_unit_test(the_environment_and_the_working_directory_can_be_chosen),
        cmocka_unit_test(a_program_is_looked_for_in_the_path_of_its_own_environment),
        cmocka_unit_test(standard_descriptors_lead_where_they_are_told_to),
        cmocka_unit_test(descriptors_are_passed_by_number_and_no_others),
        cmocka_unit_test(numbers_in_the_child_may_be_those_of_what_is_being_passed),
        cmocka_unit_test(a_child_may_lead_a_group_which_is_killed_as_a_whole),
        cmocka_unit_test(a_child_may_lead_a_session),
        cmocka_unit_test(limits_the_umask_and_the_user_can_be_chosen),
        cmocka_unit_test(signals_are_as_the_options_say),
        cmocka_unit_test(a_handler_of_the_parent_s_is_neither_run_nor_lost),
        cmocka_unit_test(a_child_can_have_a_terminal_of_its_own),
        cmocka_unit_test(a_terminal_passes_signals_from_the_keyboard),
        cmocka_unit_test(loops_of_several_threads_have_children_at_once),
        cmocka_unit_test(many_children_live_at_once),
        cmocka_unit_test(a_simulation_has_no_other_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
