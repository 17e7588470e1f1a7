/* The nth call of each system call (and of pthread_create and liburing) fails, for every n, with
 * each error that the kernel may answer: the program goes on where it should, else it fails with
 * that error; it never crashes, hangs, or leaves a descriptor behind.
 *
 * The linker's --wrap lets the calls of the library, and of this file, through here first. */
#include "process.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "everything.h"
#if YB_HAVE_IO_URING
#include <liburing.h>
#endif

typedef struct fault {
    const char *call;
    int error;
    bool survived; /* the program must not notice */
} fault;

static const fault faults[] = {
    {"accept4", EINTR, true},
    {"accept4", ECONNABORTED, true},
    {"accept4", ENFILE, false},
    {"bind", EADDRINUSE, false},
    {"close", EINTR, true},
    {"copy_file_range", EINTR, true},
    {"copy_file_range", EXDEV, true},
    {"copy_file_range", EIO, false},
    {"connect", EINTR, true},
    {"connect", ENETUNREACH, false},
    {"epoll_create1", ENFILE, false},
    {"epoll_ctl", ENOSPC, false},
    {"epoll_pwait2", EINTR, true},
    {"epoll_pwait2", ENOSYS, true},
    {"epoll_wait", EINTR, true},
    {"eventfd", ENFILE, false},
    {"fchmodat", EPERM, false},
    {"fdatasync", EIO, false},
    {"getsockopt", ENOBUFS, false},
    {"inotify_add_watch", ENOSPC, false},
    {"inotify_init1", EMFILE, false},
    {"listen", EADDRINUSE, false},
    {"madvise", EINVAL, true},
    {"mmap", ENOMEM, false},
    {"mprotect", ENOMEM, false},
    {"openat", EINTR, true},
    {"openat", EMFILE, false},
    {"poll", EINTR, true},
    {"pread", EINTR, true},
    {"pread", EIO, false},
    {"preadv2", EAGAIN, true},
    {"preadv2", EOPNOTSUPP, true},
    {"pthread_create", EAGAIN, false},
    {"recv", EINTR, true},
    {"recv", ECONNRESET, false},
    {"recvmmsg", EINTR, true},
    {"recvmmsg", ENOBUFS, false},
    {"recvmsg", EINTR, true},
    {"recvmsg", ENOBUFS, false},
    {"renameat2", EIO, false},
    {"send", EINTR, true},
    {"sendfile", EINTR, true},
    {"sendfile", EINVAL, true},
    {"sendfile", EIO, false},
    {"send", ENOBUFS, false},
    {"sendmmsg", EINTR, true},
    {"sendmmsg", ENOBUFS, false},
    {"sendmsg", EINTR, true},
    {"sendmsg", ENOBUFS, false},
    {"setsockopt", ENOMEM, false},
    {"sigaltstack", ENOMEM, false},
    {"socket", ENFILE, false},
    {"socketpair", ENFILE, false},
    {"statx", EIO, false},
    {"timerfd_create", ENFILE, false},
    {"io_uring_queue_init", ENOMEM, false}, /* epoll takes its place, but not later */
    {"io_uring_register_ring_fd", EINVAL, true},
    {"io_uring_submit", EINTR, true},
    {"io_uring_submit", EAGAIN, true},
    {"io_uring_submit_and_get_events", EINTR, true},
    {"io_uring_submit_and_get_events", EBUSY, true},
    {"io_uring_submit_and_wait", EINTR, true},
    {"io_uring_submit_and_wait_timeout", EINTR, true},
    {"io_uring_submit_and_wait_timeout", EAGAIN, true},
    {"io_uring_submit_and_wait_timeout", EBUSY, true},
};

enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static struct {
    const fault *fault; /* NULL: everything works */
    long nth;
    atomic_long calls; /* of fault's call */
    long storm;        /* not 0: of all calls that can be interrupted, every so manyth is */
} plan;

/* Where all are, each call has a count of its own. */
static int strike_in_storm(const char *call)
{
    static atomic_long counts[FAULTS];
    for (int i = 0; i < FAULTS; i++)
        if (faults[i].error == EINTR && strcmp(faults[i].call, call) == 0)
            return atomic_fetch_add(&counts[i], 1) % plan.storm == 0 ? EINTR : 0;
    return 0;
}

/* The error of this call, or 0. */
static int strike(const char *call)
{
    if (plan.storm > 0)
        return strike_in_storm(call);
    if (!plan.fault || strcmp(plan.fault->call, call) != 0)
        return 0;
    return atomic_fetch_add(&plan.calls, 1) == plan.nth ? plan.fault->error : 0;
}

static int fail_with(int error)
{
    errno = error;
    return -1;
}

#define WRAP(TYPE, CALL, PARAMETERS, ARGUMENTS, FAILURE)    \
    TYPE __real_##CALL PARAMETERS;                          \
    TYPE __wrap_##CALL PARAMETERS;                          \
    TYPE __wrap_##CALL PARAMETERS                           \
    {                                                       \
        int error = strike(#CALL);                          \
        return error ? (FAILURE) : __real_##CALL ARGUMENTS; \
    }

WRAP(int, accept4, (int fd, struct sockaddr *peer, socklen_t *length, int flags),
     (fd, peer, length, flags), fail_with(error))
WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length),
     fail_with(error))
/* What EINTR means: the descriptor is gone all the same. */
WRAP(int, close, (int fd), (fd), (__real_close(fd), fail_with(error)))
/* What EINTR means: the connection is being made all the same. */
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t length),
     (fd, address, length),
     (error == EINTR ? __real_connect(fd, address, length) : 0, fail_with(error)))
WRAP(int, epoll_create1, (int flags), (flags), fail_with(error))
WRAP(int, epoll_ctl, (int epoll_fd, int operation, int fd, struct epoll_event *event),
     (epoll_fd, operation, fd, event), fail_with(error))
WRAP(int, epoll_pwait2,
     (int fd, struct epoll_event *events, int count, const struct timespec *timeout,
      const sigset_t *mask),
     (fd, events, count, timeout, mask), fail_with(error))
WRAP(int, epoll_wait, (int fd, struct epoll_event *events, int count, int timeout),
     (fd, events, count, timeout), fail_with(error))
WRAP(int, eventfd, (unsigned initial, int flags), (initial, flags), fail_with(error))
WRAP(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *length),
     (fd, level, option, value, length), fail_with(error))
WRAP(int, listen, (int fd, int backlog), (fd, backlog), fail_with(error))
WRAP(int, madvise, (void *start, size_t length, int advice), (start, length, advice),
     fail_with(error))
WRAP(void *, mmap, (void *start, size_t length, int protection, int flags, int fd, off_t offset),
     (start, length, protection, flags, fd, offset), (fail_with(error), MAP_FAILED))
WRAP(int, mprotect, (void *start, size_t length, int protection), (start, length, protection),
     fail_with(error))
WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout),
     fail_with(error))
WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *), void *arg),
     (thread, attributes, start, arg), error)
WRAP(ssize_t, recv, (int fd, void *buffer, size_t size, int flags), (fd, buffer, size, flags),
     fail_with(error))
WRAP(int, recvmmsg,
     (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),
     (fd, messages, count, flags, timeout), fail_with(error))
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags),
     fail_with(error))
WRAP(ssize_t, send, (int fd, const void *buffer, size_t size, int flags), (fd, buffer, size, flags),
     fail_with(error))
WRAP(int, sendmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags),
     (fd, messages, count, flags), fail_with(error))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags),
     fail_with(error))
WRAP(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
     (fd, level, option, value, length), fail_with(error))
WRAP(int, sigaltstack, (const stack_t *stack, stack_t *ret_old), (stack, ret_old), fail_with(error))
WRAP(int, socket, (int family, int type, int protocol), (family, type, protocol), fail_with(error))
WRAP(int, socketpair, (int family, int type, int protocol, int ret_pair[2]),
     (family, type, protocol, ret_pair), fail_with(error))
WRAP(ssize_t, copy_file_range,
     (int from, off_t *from_offset, int to, off_t *to_offset, size_t size, unsigned flags),
     (from, from_offset, to, to_offset, size, flags), fail_with(error))
WRAP(int, fchmodat, (int folder, const char *path, mode_t mode, int flags),
     (folder, path, mode, flags), fail_with(error))
WRAP(int, fdatasync, (int fd), (fd), fail_with(error))
WRAP(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask),
     fail_with(error))
WRAP(int, inotify_init1, (int flags), (flags), fail_with(error))
WRAP(int, openat, (int folder, const char *path, int flags, mode_t mode),
     (folder, path, flags, mode), fail_with(error))
WRAP(ssize_t, pread, (int fd, void *buffer, size_t size, off_t offset), (fd, buffer, size, offset),
     fail_with(error))
WRAP(ssize_t, preadv2, (int fd, const struct iovec *pieces, int count, off_t offset, int flags),
     (fd, pieces, count, offset, flags), fail_with(error))
WRAP(int, renameat2, (int from, const char *path, int to, const char *other_path, unsigned flags),
     (from, path, to, other_path, flags), fail_with(error))
WRAP(ssize_t, sendfile, (int to, int from, off_t *offset, size_t size), (to, from, offset, size),
     fail_with(error))
WRAP(int, statx, (int folder, const char *path, int flags, unsigned mask, struct statx *ret_about),
     (folder, path, flags, mask, ret_about), fail_with(error))
WRAP(int, timerfd_create, (clockid_t clock, int flags), (clock, flags), fail_with(error))
#if YB_HAVE_IO_URING
WRAP(int, io_uring_queue_init, (unsigned entries, struct io_uring *ring, unsigned flags),
     (entries, ring, flags), -error)
WRAP(int, io_uring_register_ring_fd, (struct io_uring * ring), (ring), -error)
WRAP(int, io_uring_submit, (struct io_uring * ring), (ring), -error)
WRAP(int, io_uring_submit_and_get_events, (struct io_uring * ring), (ring), -error)
WRAP(int, io_uring_submit_and_wait, (struct io_uring * ring, unsigned count), (ring, count), -error)
WRAP(int, io_uring_submit_and_wait_timeout,
     (struct io_uring * ring, struct io_uring_cqe **entry, unsigned count,
      struct __kernel_timespec *timeout, sigset_t *mask),
     (ring, entry, count, timeout, mask), -error)
#endif

/* Exit statuses. */
enum { WORKED = 0, FAILED_WITH_IT = 1, NOT_REACHED = 2 };

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int run_with_fault(void *arg)
{
    (void)arg;
    alarm(20 * YB_TEST_SLOWDOWN);
    int before = open_descriptors();
    intptr_t result = everything_run();
    const fault *f = plan.fault;
    if (plan.calls <= plan.nth)
        return NOT_REACHED;
    if (open_descriptors() != before) {
        fprintf(stderr, "descriptors were left open\n");
        return 3;
    }
    if (result == 0)
        return WORKED;
    fprintf(stderr, "the program failed with %s\n", yibu_error_name(result));
    if (f->survived)
        return 4;
    /* A stack that cannot be mapped is -ENOMEM to whoever wanted a task. */
    return result == -f->error || result == -ENOMEM ? FAILED_WITH_IT : 5;
}

/* Tries f in the nth call; false: there is no nth. */
static bool try_fault(const fault *f, long nth)
{
    test_result result;
    plan.fault = f;
    plan.nth = nth;
    plan.calls = 0;
    test_process process;
    test_process_start(run_with_fault, NULL, &process);
    plan.fault = NULL;
    test_process_finish(&process, &result);
    if (WIFEXITED(result.status) && WEXITSTATUS(result.status) <= NOT_REACHED)
        return WEXITSTATUS(result.status) != NOT_REACHED;
    fprintf(stderr, "call %ld of %s answered %s: ", nth, f->call, yibu_error_name(-f->error));
    assert_true(test_exited(&result, WORKED));
    return false;
}

/* Every one of the first calls; of the many later ones, which are much alike, a few. */
static long next_after(long nth)
{
    return nth + (nth < 12 ? 1 : 9) * YB_TEST_SLOWDOWN;
}

static void any_failing_system_call_is_survived_or_a_clean_error(void **state)
{
    (void)state;
    int tried = 0;
    for (int i = 0; i < FAULTS; i++)
        for (long nth = 0; try_fault(&faults[i], nth); nth = next_after(nth))
            tried++;
    print_message("%d failures were tried\n", tried);
    assert_true(tried > 100 / YB_TEST_SLOWDOWN);
}

static int run_in_storm(void *arg)
{
    (void)arg;
    alarm(20 * YB_TEST_SLOWDOWN);
    int before = open_descriptors();
    intptr_t result = everything_run();
    if (result != 0)
        fprintf(stderr, "the program failed with %s\n", yibu_error_name(result));
    return result == 0 && open_descriptors() == before ? WORKED : FAILED_WITH_IT;
}

static void calls_that_are_interrupted_all_the_time_get_done(void **state)
{
    (void)state;
    for (long storm = 5; storm >= 2; storm--) {
        test_result result;
        test_process process;
        plan.storm = storm;
        test_process_start(run_in_storm, NULL, &process);
        plan.storm = 0;
        test_process_finish(&process, &result);
        assert_true(test_exited(&result, WORKED));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_failing_system_call_is_survived_or_a_clean_error),
        cmocka_unit_test(calls_that_are_interrupted_all_the_time_get_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
