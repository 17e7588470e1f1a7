/* Subprocesses on kernels that lack a call: the next best is done instead. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include "process.h"

/* From now on the call does not exist for this process. */
static int forbid(unsigned call)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* its number */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof(steps) / sizeof(steps[0]), steps};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? -errno : 0;
}

static const yibu_subprocess_options options = {.size = sizeof(options),
                                                .in = YIBU_SUBPROCESS_PIPE,
                                                .out = YIBU_SUBPROCESS_PIPE,
                                                .new_group = true};

static intptr_t list_descriptors(void *arg)
{
    (void)arg;
    const char *const argv[] = {"ls", "/proc/self/fd", NULL};
    yibu_subprocess *process;
    yibu_buffer output = {0};
    int inherited = dup(STDERR_FILENO); /* not close-on-exec */
    int r = yibu_create_subprocess_exec(argv, &options, &process);
    if (r < 0)
        return r;
    r = yibu_subprocess_communicate(process, NULL, 0, &output, NULL, 1000);
    if (r == 0 && (output.size != 8 || memcmp(output.data, "0\n1\n2\n3\n", 8) != 0))
        r = 1; /* 3: the folder that ls reads */
    yibu_buffer_free(&output);
    yibu_subprocess_free(process);
    close(inherited);
    return r;
}

static intptr_t kill_one_and_its_group(void *arg)
{
    (void)arg;
    const char *const argv[] = {"cat", NULL};
    yibu_subprocess *process;
    int r = yibu_create_subprocess_exec(argv, &options, &process);
    if (r < 0)
        return r;
    r = yibu_subprocess_send_signal_group(process, SIGTERM);
    if (r == 0)
        r = yibu_subprocess_wait(process) == 128 + SIGTERM ? 0 : 1;
    if (r == 0) /* its number may be another's by now */
        r = yibu_subprocess_send_signal_group(process, SIGTERM) == -ESRCH ? 0 : 2;
    yibu_subprocess_free(process);
    if (r == 0 && yibu_create_subprocess_exec(argv, &options, &process) == 0) {
        r = yibu_subprocess_kill(process);
        if (r == 0)
            r = yibu_subprocess_wait(process) == 128 + SIGKILL ? 0 : 3;
        yibu_subprocess_free(process);
    }
    return r;
}

typedef struct trial {
    unsigned call;
    yibu_coroutine *body;
} trial;

static int run_without(void *arg)
{
    const trial *t = arg;
    int r = forbid(t->call);
    if (r == 0)
        r = (int)yibu_run(t->body, NULL, NULL);
    if (r < 0)
        fprintf(stderr, "%s\n", yibu_error_name(r));
    return r < 0 ? 100 : r;
}

static void expect_to_work(unsigned call, yibu_coroutine *body)
{
    trial t = {call, body};
    test_result result;
    test_in_process(run_without, &t, &result);
    assert_true(test_exited(&result, 0));
}

static void descriptors_are_closed_without_close_range(void **state)
{
    (void)state;
    expect_to_work(SYS_close_range, list_descriptors);
}

static void signals_are_sent_without_pidfd_send_signal(void **state)
{
    (void)state;
    expect_to_work(SYS_pidfd_send_signal, kill_one_and_its_group);
}

static intptr_t run_one(void *arg)
{
    (void)arg;
    const char *const argv[] = {"true", NULL};
    yibu_subprocess *process;
    int r = yibu_create_subprocess_exec(argv, NULL, &process);
    if (r < 0)
        return r;
    r = yibu_subprocess_wait(process);
    yibu_subprocess_free(process);
    return r == -ECHILD ? 0 : 1;
}

static int ignore_and_run_one(void *arg)
{
    signal(SIGCHLD, SIG_IGN);
    return (int)yibu_run(run_one, arg, NULL);
}

static void a_child_whose_parent_ignores_sigchld_is_waited_for_without_its_status(void **state)
{
    (void)state;
    test_result result;
    test_in_process(ignore_and_run_one, NULL, &result);
    assert_true(test_exited(&result, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_closed_without_close_range),
        cmocka_unit_test(signals_are_sent_without_pidfd_send_signal),
        cmocka_unit_test(a_child_whose_parent_ignores_sigchld_is_waited_for_without_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
