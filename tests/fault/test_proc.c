/* The process pool where the system refuses what it needs: each call ends with an error that says
 * so, nothing spins, and the pool works again once the system does. */
#include "../unit/proc/jobs.h"
#include "process.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Valgrind does not survive an execve that fails: the last refusal is not for it. */
#if defined(YB_VALGRIND)
enum { UNDER_VALGRIND = 1 };
#else
enum { UNDER_VALGRIND = 0 };
#endif

/* The nth allocation fails. */

static long allocations_left = -1;

static bool refused(void)
{
    return allocations_left >= 0 && allocations_left-- == 0;
}

static void *allocate(size_t size, void *arg)
{
    (void)arg;
    return refused() ? NULL : malloc(size);
}

static void *reallocate(void *memory, size_t size, void *arg)
{
    (void)arg;
    return refused() ? NULL : realloc(memory, size);
}

static void release(void *memory, void *arg)
{
    (void)arg;
    free(memory);
}

static intptr_t give_back(yibu_bytes input, yibu_buffer *output)
{
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(give_back);

static intptr_t copy_both_ways(void *arg)
{
    static char large[300000];
    yibu_buffer output = {0};
    (void)arg;
    intptr_t r = yibu_to_process(&give_back_job, TEXT("small"), &output, NULL);
    if (r == 0)
        r = yibu_to_process(&give_back_job, (yibu_bytes){large, sizeof(large)}, &output, NULL);
    if (r == 0 && output.size != sizeof(large) + 5)
        r = -EBADMSG;
    yibu_buffer_free(&output);
    return r;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    bool enough = false;
    for (long n = 0; !enough; n++) {
        assert_true(n < 1000);
        allocations_left = n;
        intptr_t r = yibu_run(copy_both_ways, NULL, NULL);
        enough = allocations_left >= 0;
        allocations_left = -1;
        if (r != 0 && r != -ENOMEM)
            fail_msg("without allocation %ld: %s", n, yibu_error_name(r));
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    }
}

/* Filters that make a system call fail. */

static void refuse_call(unsigned number, int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        abort();
}

typedef struct refusal {
    unsigned number;
    int error;
} refusal;

static intptr_t expect_refusal(void *arg)
{
    const refusal *r = arg;
    for (int i = 0; i < 3; i++) {
        intptr_t result = call(&give_back_job, NOTHING);
        if (result != -r->error) {
            fprintf(stderr, "%s instead of %d", yibu_error_name(result), r->error);
            return 1;
        }
    }
    return 0;
}

static int run_refused(void *arg)
{
    const refusal *r = arg;
    refuse_call(r->number, r->error);
    return (int)yibu_run(expect_refusal, arg, NULL);
}

static void refused_system_calls_are_told(void **state)
{
    static const refusal refusals[] = {
        {SYS_memfd_create, ENFILE}, {SYS_memfd_create, ENOMEM}, {SYS_ftruncate, EINVAL},
        {SYS_socketpair, EMFILE},   {SYS_execve, EACCES},
    };
    test_result result;
    (void)state;
    size_t count = sizeof(refusals) / sizeof(refusals[0]) - UNDER_VALGRIND;
    for (size_t i = 0; i < count; i++) {
        refusal r = refusals[i];
        test_in_process(run_refused, &r, &result);
        assert_true(test_exited(&result, 0));
    }
}

/* Descriptors run out, at every point. */

static intptr_t call_once(void *arg)
{
    (void)arg;
    return call(&give_back_job, TEXT("?"));
}

static int run_with_few_descriptors(void *arg)
{
    struct rlimit limit = {(rlim_t) * (int *)arg, (rlim_t) * (int *)arg};
    setrlimit(RLIMIT_NOFILE, &limit);
    intptr_t r = yibu_run(call_once, NULL, NULL);
    if (r == 0)
        return 0;
    return r == -EMFILE || r == YIBU_EWORKER ? 1 : 2;
}

static void any_number_of_descriptors_may_be_left(void **state)
{
    test_result result;
    (void)state;
    int last = 1;
    for (int limit = 8; limit < 28; limit++) {
        test_in_process(run_with_few_descriptors, &limit, &result);
        last = WIFEXITED(result.status) ? WEXITSTATUS(result.status) : 3;
        if (last > 1)
            fail_msg("with %d descriptors: status %#x, %s", limit, result.status, result.said);
    }
    assert_int_equal(last, 0);
}

/* What happens in the zygote, by its constructors: $TEST_ZYGOTE says which, and each time a byte is
 * appended to $TEST_STARTS. */

static void leave_worker(void)
{
    _exit(9);
}

__attribute__((constructor)) static void misbehave(void)
{
    const char *how = getenv("TEST_ZYGOTE"), *starts = getenv("TEST_STARTS");
    if (!how || !starts || !getenv("YIBU_ZYGOTE"))
        return;
    int fd = open(starts, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0 || write(fd, ".", 1) != 1)
        abort();
    close(fd);
    if (strcmp(how, "exit") == 0)
        _exit(9);
    if (strcmp(how, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(how, "workers exit") == 0)
        pthread_atfork(NULL, NULL, leave_worker);
    if (strcmp(how, "no fork") == 0) {
        refuse_call(SYS_clone, EAGAIN);
        refuse_call(SYS_clone3, EAGAIN);
    }
}

typedef struct trouble {
    const char *how;
    intptr_t expected;
    int signal, exit_status;
    char starts[32];
} trouble;

static intptr_t expect_trouble(void *arg)
{
    const trouble *t = arg;
    yibu_job_report report;
    call_task other;
    int64_t start = monotonic_ns();
    call_start(&other, &give_back_job, NOTHING);
    intptr_t r = call_with(&give_back_job, NOTHING, 0, &report);
    if (r != t->expected)
        fail_msg("%s: %s", t->how, yibu_error_name(r));
    assert_int_equal(call_finish(&other), t->expected);
    assert_true(monotonic_ns() - start < YIBU_SECONDS(20));
    assert_int_equal(report.worker, 0);
    assert_int_equal(report.signal, t->signal);
    assert_int_equal(report.exit_status, t->exit_status);
    assert_int_equal(call(&give_back_job, NOTHING), t->expected);
    if (unsetenv("TEST_ZYGOTE") < 0)
        return -errno;
    /* A zygote that runs goes on as it began. */
    return t->exit_status == -1 && t->signal == 0 ? 0 : t->expected;
}

static void expect_in_zygote(trouble t)
{
    struct stat status;
    strcpy(t.starts, "/tmp/yibu-test-XXXXXX");
    close(mkstemp(t.starts));
    setenv("TEST_ZYGOTE", t.how, 1);
    setenv("TEST_STARTS", t.starts, 1);
    intptr_t r = yibu_run(expect_trouble, &t, NULL);
    assert_true(r == 0 || r == t.expected);
    assert_int_equal(stat(t.starts, &status), 0);
    assert_true(status.st_size > 0 && status.st_size < 40);
    unlink(t.starts);
    unsetenv("TEST_ZYGOTE");
    unsetenv("TEST_STARTS");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void zygote_that_cannot_start_fails_the_calls(void **state)
{
    (void)state;
    expect_in_zygote((trouble){"exit", YIBU_EWORKER, 0, 9, ""});
    expect_in_zygote((trouble){"kill", YIBU_EWORKER, SIGKILL, -1, ""});
}

static void workers_that_cannot_start_fail_the_calls(void **state)
{
    (void)state;
    expect_in_zygote((trouble){"workers exit", YIBU_EWORKER, 0, 9, ""});
    expect_in_zygote((trouble){"no fork", -EAGAIN, 0, -1, ""});
}

static intptr_t recover(void *arg)
{
    (void)arg;
    setenv("TEST_ZYGOTE", "exit", 1);
    setenv("TEST_STARTS", "/dev/null", 1);
    intptr_t failed = call(&give_back_job, NOTHING);
    unsetenv("TEST_ZYGOTE");
    unsetenv("TEST_STARTS");
    assert_int_equal(failed, YIBU_EWORKER);
    return call(&give_back_job, NOTHING);
}

static void pool_works_again_once_the_zygote_can_start(void **state)
{
    (void)state;
    assert_int_equal(yibu_run(recover, NULL, NULL), 0);
}

/* Limits of the process. */

static int run_with_file_size(void *arg)
{
    rlim_t bytes = (rlim_t) * (int *)arg;
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, bytes});
    intptr_t r = yibu_run(copy_both_ways, NULL, NULL);
    return r == 0 ? 0 : r == -EFBIG ? 1 : r == -ENOMEM ? 2 : 3;
}

static void small_limits_of_file_size_are_respected(void **state)
{
    test_result result;
    int tiny = 100000, small = 5 << 20;
    (void)state;
    test_in_process(run_with_file_size, &tiny, &result);
    assert_true(test_exited(&result, 1));
    test_in_process(run_with_file_size, &small, &result);
    assert_true(test_exited(&result, 0));
}

int main(void)
{
    const yibu_allocator allocator = {allocate, reallocate, release, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(refused_system_calls_are_told),
        cmocka_unit_test(any_number_of_descriptors_may_be_left),
        cmocka_unit_test(zygote_that_cannot_start_fails_the_calls),
        cmocka_unit_test(workers_that_cannot_start_fail_the_calls),
        cmocka_unit_test(pool_works_again_once_the_zygote_can_start),
        cmocka_unit_test(small_limits_of_file_size_are_respected),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    if (yibu_set_allocator(&allocator) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
