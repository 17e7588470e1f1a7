/* Tests that need a process of their own: one that is to die, or to be changed for good.
 *
 *     static int body(void *arg) { …; return 0; }    // its exit status
 *     test_result result;
 *     test_in_process(body, NULL, &result);
 *     assert_true(test_exited(&result, 0));
 *
 * The process is a fork of the test program.  What it writes to standard error is kept; assertions
 * in it abort it, having said why. */
#ifndef PROCESS_H
#define PROCESS_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

typedef int test_process_body(void *arg);

typedef struct test_process {
    pid_t pid;
    int errors; /* what it says on standard error */
} test_process;

typedef struct test_result {
    int status;
    char said[8192];
} test_result;

static inline void test_process_start(test_process_body *body, void *arg, test_process *process)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    process->pid = fork();
    assert_true(process->pid >= 0);
    if (process->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)dup2(ends[1], STDERR_FILENO);
        setenv("CMOCKA_TEST_ABORT", "1", 1);
        int status = body(arg);
        fflush(NULL);
        _exit(status);
    }
    close(ends[1]);
    process->errors = ends[0];
}

/* Waits until the process has written text, which it must. */
static inline void test_process_expect(test_process *process, const char *text)
{
    char said[4096];
    size_t length = 0;
    for (ssize_t n = 1; n > 0;) {
        n = read(process->errors, said + length, sizeof(said) - 1 - length);
        length += n > 0 ? (size_t)n : 0;
        said[length] = '\0';
        if (strstr(said, text))
            return;
    }
    fail_msg("the process never said \"%s\" but: %s", text, said);
}

static inline void test_process_finish(test_process *process, test_result *result)
{
    size_t length = 0;
    ssize_t n;
    while ((n = read(process->errors, result->said + length, sizeof(result->said) - 1 - length)) >
           0)
        length += (size_t)n;
    result->said[length] = '\0';
    close(process->errors);
    assert_int_equal(waitpid(process->pid, &result->status, 0), process->pid);
}

static inline void test_in_process(test_process_body *body, void *arg, test_result *result)
{
    test_process process;
    test_process_start(body, arg, &process);
    test_process_finish(&process, result);
}

/* Says what happened otherwise. */
static inline bool test_exited(const test_result *result, int status)
{
    if (WIFEXITED(result->status) && WEXITSTATUS(result->status) == status)
        return true;
    fprintf(stderr, "the process ended with status %#x and said: %s\n", (unsigned)result->status,
            result->said);
    return false;
}

static inline bool test_died_of(const test_result *result, int signal_number)
{
    if (WIFSIGNALED(result->status) && WTERMSIG(result->status) == signal_number)
        return true;
    fprintf(stderr, "the process ended with status %#x and said: %s\n", (unsigned)result->status,
            result->said);
    return false;
}

#endif
