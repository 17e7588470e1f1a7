/* Limits of the process: few descriptors, little locked memory. */
#include "process.h"

#include <errno.h>

#include "echo.h"

/* Leaves the process with count descriptors to open. */
static void leave_descriptors(int count)
{
    int highest = dup(STDERR_FILENO);
    assert_true(highest >= 0);
    close(highest);
    for (int fd = highest; fd < 1024; fd++)
        close(fd);
    struct rlimit limit = {(rlim_t)(highest + count), (rlim_t)(highest + count)};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* With too few descriptors the program fails with -EMFILE wherever that is, with enough it works;
 * either way nothing is left open. */
static int run_with_few_descriptors(void *arg)
{
    leave_descriptors(*(int *)arg);
    int before = open_descriptors();
    intptr_t result = yibu_run(echo_program, NULL, NULL);
    assert_int_equal(open_descriptors(), before);
    if (result == 0)
        return 0;
    assert_int_equal(result, -EMFILE);
    return 1;
}

static void running_out_of_descriptors_anywhere_is_a_clean_error(void **state)
{
    (void)state;
    int status = 1;
    int count;
    for (count = 0; status != 0 && count < 40; count++) {
        test_result result;
        test_in_process(run_with_few_descriptors, &count, &result);
        assert_true(WIFEXITED(result.status) || test_exited(&result, 0));
        status = WEXITSTATUS(result.status);
        assert_true(status == 0 || status == 1 || test_exited(&result, 0));
    }
    assert_int_equal(status, 0);
    assert_in_range(count, 4, 20);
}

static int make_loop_without_descriptors(void *arg)
{
    (void)arg;
    leave_descriptors(0);
    yibu_loop *loop = NULL;
    assert_int_equal(yibu_loop_new(NULL, &loop), -EMFILE);
    assert_null(loop);
    assert_null(yibu_get_running_loop());
    return 0;
}

static void a_loop_needs_descriptors(void **state)
{
    (void)state;
    test_result result;
    test_in_process(make_loop_without_descriptors, NULL, &result);
    assert_true(test_exited(&result, 0));
}

/* The loop's descriptor for others cannot be made: the loop works on. */
static int ask_for_descriptor(void *arg)
{
    yibu_loop *loop;
    int failures = 0;
    (void)arg;
    for (int count = 0; count < 8; count++) {
        assert_int_equal(yibu_loop_new(NULL, &loop), 0);
        struct rlimit limit, none;
        getrlimit(RLIMIT_NOFILE, &limit);
        int next = dup(STDERR_FILENO);
        close(next);
        none = limit;
        none.rlim_cur = (rlim_t)(next + count);
        setrlimit(RLIMIT_NOFILE, &none);
        int fd = yibu_loop_fd(loop);
        setrlimit(RLIMIT_NOFILE, &limit);
        if (fd < 0) {
            assert_int_equal(fd, -EMFILE);
            failures++;
            assert_true(yibu_loop_fd(loop) >= 0); /* later, it can */
        }
        assert_int_equal(yibu_run_until_complete(loop, echo_program, NULL), 0);
        int r;
        while ((r = yibu_loop_free(loop)) ==
               YIBU_EBUSY) /* a connection has yet to hear of its end */
            yibu_loop_run_once(loop, YIBU_FOREVER);
        assert_int_equal(r, 0);
    }
    assert_in_range(failures, 1, 6);
    return 0;
}

static void a_loop_without_descriptor_for_others_works_on(void **state)
{
    (void)state;
    test_result result;
    int before = open_descriptors();
    test_in_process(ask_for_descriptor, NULL, &result);
    assert_true(test_exited(&result, 0));
    assert_int_equal(open_descriptors(), before);
}

/* Accept says that there are too many open files, and goes on when there are not. */
static intptr_t accept_without_descriptors(void *arg)
{
    struct rlimit limit, none;
    yibu_address address;
    (void)arg;
    int listener = yibu_tcp_listen("127.0.0.1", 0, NULL);
    assert_int_equal(yibu_getsockname(listener, &address), 0);
    int client = yibu_tcp_connect("127.0.0.1", yibu_address_port(&address));
    assert_true(client >= 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = (rlim_t)client + 1;
    setrlimit(RLIMIT_NOFILE, &none);
    int refused = yibu_accept(listener, NULL);
    assert_int_equal(refused, -EMFILE);
    setrlimit(RLIMIT_NOFILE, &limit);
    int accepted = yibu_accept(listener, NULL);
    assert_true(accepted >= 0);
    yibu_close(accepted);
    yibu_close(client);
    yibu_close(listener);
    return 0;
}

static int run_accept(void *arg)
{
    return (int)yibu_run(accept_without_descriptors, arg, NULL);
}

static void accept_goes_on_when_there_are_descriptors_again(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_accept, NULL, &result);
    assert_true(test_exited(&result, 0));
}

/* Older kernels count a ring as locked memory: where there is none, the loop uses epoll. */
static int run_without_locked_memory(void *arg)
{
    (void)arg;
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0});
    return yibu_run(echo_program, NULL, NULL) == 0 ? 0 : 1;
}

static void no_locked_memory_is_needed(void **state)
{
    (void)state;
    test_result result;
    test_in_process(run_without_locked_memory, NULL, &result);
    assert_true(test_exited(&result, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_out_of_descriptors_anywhere_is_a_clean_error),
        cmocka_unit_test(a_loop_needs_descriptors),
        cmocka_unit_test(a_loop_without_descriptor_for_others_works_on),
        cmocka_unit_test(accept_goes_on_when_there_are_descriptors_again),
        cmocka_unit_test(no_locked_memory_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
