/* The nth system call, or allocation, that has to do with a child fails: creating it fails with
 * just that, or all works; and there is no child, no zombie and no descriptor more than before.
 *
 * The linker's --wrap lets the calls through here first. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "streams.h"

typedef struct fault {
    const char *call;
    int error;
    bool survived; /* nobody must notice */
} fault;

static const fault faults[] = {
    {"clone", EAGAIN, false},        {"clone", ENOMEM, false},          {"clone", EMFILE, false},
    {"pipe2", EMFILE, false},        {"pipe2", ENFILE, false},          {"open", EMFILE, false},
    {"posix_openpt", ENOSPC, false}, {"grantpt", EACCES, false},        {"unlockpt", EIO, false},
    {"fcntl", EMFILE, false},        {"pthread_create", EAGAIN, false}, {"waitid", EINTR, true},
    {"read", EINTR, true},           {"pwritev2", EINTR, true},
};

enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static struct {
    const fault *fault; /* NULL: everything works */
    long nth;
    atomic_long calls;
} plan;

static int strike(const char *call)
{
    const fault *f = plan.fault;
    if (!f || strcmp(f->call, call) != 0)
        return 0;
    return atomic_fetch_add(&plan.calls, 1) == plan.nth ? f->error : 0;
}

static int fail_with(int error)
{
    errno = error;
    return -1;
}

#define WRAP(TYPE, CALL, PARAMETERS, ARGUMENTS)                    \
    TYPE __real_##CALL PARAMETERS;                                 \
    TYPE __wrap_##CALL PARAMETERS;                                 \
    TYPE __wrap_##CALL PARAMETERS                                  \
    {                                                              \
        int error = strike(#CALL);                                 \
        return error ? fail_with(error) : __real_##CALL ARGUMENTS; \
    }

WRAP(int, pipe2, (int ends[2], int flags), (ends, flags))
WRAP(int, posix_openpt, (int flags), (flags))
WRAP(int, grantpt, (int fd), (fd))
WRAP(int, unlockpt, (int fd), (fd))
WRAP(int, waitid, (idtype_t kind, id_t id, siginfo_t *info, int options), (kind, id, info, options))
WRAP(ssize_t, read, (int fd, void *buffer, size_t size), (fd, buffer, size))
WRAP(ssize_t, pwritev2, (int fd, const struct iovec *pieces, int count, off_t at, int flags),
     (fd, pieces, count, at, flags))

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg)
{
    int error = strike("pthread_create");
    return error ? error : __real_pthread_create(thread, attributes, run, arg);
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    int error = strike("open");
    return error ? fail_with(error) : __real_open(path, flags);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list rest;
    va_start(rest, command);
    long value = va_arg(rest, long);
    va_end(rest);
    int error = command == F_DUPFD_CLOEXEC ? strike("fcntl") : 0;
    return error ? fail_with(error) : __real_fcntl(fd, command, value);
}

int __real_clone(int (*run)(void *), void *stack, int flags, void *arg, ...);
int __wrap_clone(int (*run)(void *), void *stack, int flags, void *arg, ...);
int __wrap_clone(int (*run)(void *), void *stack, int flags, void *arg, ...)
{
    va_list rest;
    va_start(rest, arg);
    int *pidfd = va_arg(rest, int *);
    va_end(rest);
    int error = strike("clone");
    return error ? fail_with(error) : __real_clone(run, stack, flags, arg, pidfd);
}

static const char *const command[] = {"sh", "-c", "cat; echo error >&2", NULL};

static intptr_t talk(const yibu_subprocess_options *options)
{
    yibu_subprocess *process;
    yibu_buffer output = {0};
    int r = yibu_create_subprocess_exec(command, options, &process);
    if (r < 0)
        return r;
    r = yibu_subprocess_communicate(process, "\x04", 1, &output, NULL, 1000);
    yibu_buffer_free(&output);
    yibu_subprocess_free(process);
    return r;
}

static intptr_t everything(void *arg)
{
    (void)arg;
    const yibu_subprocess_fd pass = {2, 7};
    const yibu_subprocess_options piped = {.size = sizeof(piped),
                                           .in = YIBU_SUBPROCESS_PIPE,
                                           .out = YIBU_SUBPROCESS_PIPE,
                                           .err = YIBU_SUBPROCESS_DEVNULL,
                                           .pass_fds = &pass,
                                           .pass_fds_count = 1};
    const yibu_subprocess_options terminal = {.size = sizeof(terminal),
                                              .in = YIBU_SUBPROCESS_PTY,
                                              .out = YIBU_SUBPROCESS_PTY,
                                              .err = YIBU_SUBPROCESS_STDOUT};
    intptr_t r = talk(&piped);
    return r < 0 ? r : talk(&terminal);
}

static void assert_no_children(void)
{
    siginfo_t info;
    assert_int_equal(__real_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1);
    assert_int_equal(errno, ECHILD);
}

/* false: there is no nth call. */
static bool try_fault(const fault *f, long nth, int before)
{
    plan.fault = f;
    plan.nth = nth;
    plan.calls = 0;
    intptr_t r = yibu_run(everything, NULL, NULL);
    plan.fault = NULL;
    assert_no_children();
    assert_int_equal(count_descriptors(), before);
    bool reached = plan.calls > nth;
    if (r < 0 && (!reached || f->survived || r != -f->error))
        fail_msg("call %ld of %s: %s", nth, f->call, yibu_error_name(r));
    return reached;
}

static void any_failing_system_call_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_run(everything, NULL, NULL), 0);
    int before = count_descriptors(), tried = 0;
    for (int i = 0; i < FAULTS; i++)
        for (long nth = 0; nth < 12 && try_fault(&faults[i], nth, before); nth++)
            tried++;
    print_message("%d failures were tried\n", tried);
    assert_true(tried > 30);
}

typedef struct allocations {
    long calls, nth;
} allocations;

static bool fails(void *arg)
{
    allocations *a = arg;
    return a->calls++ == a->nth;
}

static intptr_t everything_without_memory(void *arg)
{
    yb_memory_watch(fails, arg);
    intptr_t r = everything(NULL);
    yb_memory_watch(NULL, NULL);
    return r;
}

static void any_failing_allocation_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    int before = count_descriptors();
    allocations a = {0, 0};
    for (a.nth = 0; a.calls >= a.nth; a.nth++) {
        a.calls = 0;
        intptr_t r = yibu_run(everything_without_memory, &a, NULL);
        if (r < 0 && r != -ENOMEM)
            fail_msg("allocation %ld: %s", a.nth, yibu_error_name(r));
        assert_no_children();
        assert_int_equal(count_descriptors(), before);
        if (a.calls <= a.nth)
            break;
    }
    print_message("%ld failures were tried\n", a.nth);
    assert_true(a.nth > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_failing_system_call_is_told_and_leaves_nothing),
        cmocka_unit_test(any_failing_allocation_is_told_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
