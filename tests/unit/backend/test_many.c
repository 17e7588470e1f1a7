/* Many at once: sockets in one loop, and tasks. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sockets. */

/* ThreadSanitizer knows 8,128 tasks at most. */
enum { PAIRS = YB_TEST_SLOWDOWN > 1 ? 500 : 5000 };

static intptr_t answer(void *arg)
{
    int fd = *(int *)arg;
    char byte;
    ssize_t n;
    while ((n = yibu_recv(fd, &byte, 1)) == 1) {
        byte++;
        if ((n = yibu_send(fd, &byte, 1)) != 1)
            return n;
    }
    return n;
}

static intptr_t ask(void *arg)
{
    int fd = *(int *)arg;
    for (int i = 0; i < 3; i++) {
        char sent = (char)i, received = 0;
        ssize_t n = yibu_send(fd, &sent, 1);
        if (n == 1)
            n = yibu_recv(fd, &received, 1);
        if (n != 1)
            return n < 0 ? n : -EPIPE;
        if (received != sent + 1)
            return -EBADMSG;
    }
    return yibu_shutdown(fd, SHUT_WR);
}

static bool may_open(rlim_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < count) {
        limit.rlim_cur = limit.rlim_max < count ? limit.rlim_max : count;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur >= count;
}

LOOP_TEST(ten_thousand_sockets_talk_in_one_loop)
{
    static int pairs[PAIRS][2];
    static yibu_task *tasks[PAIRS][2];
    if (!may_open(2 * PAIRS + 100)) {
        print_message("too few descriptors are allowed here\n");
        return 0;
    }
    for (int i = 0; i < PAIRS; i++)
        assert_int_equal(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pairs[i]), 0);
    for (int i = 0; i < PAIRS; i++) {
        tasks[i][0] = yibu_create_task(answer, &pairs[i][0], NULL);
        tasks[i][1] = yibu_create_task(ask, &pairs[i][1], NULL);
    }
    for (int i = 0; i < PAIRS; i++)
        for (int side = 0; side < 2; side++) {
            assert_int_equal(yibu_await(tasks[i][side]), 0);
            yibu_task_unref(tasks[i][side]);
        }
    for (int i = 0; i < PAIRS; i++) {
        yibu_close(pairs[i][0]);
        yibu_close(pairs[i][1]);
    }
    return 0;
}

/* Tasks. */

static intptr_t yield_often(void *arg)
{
    for (int i = 0; i < 10; i++)
        if (yibu_yield() < 0 || yibu_sleep(YIBU_US(i)) < 0)
            return -EINTR;
    ++*(int *)arg;
    return 0;
}

LOOP_TEST(a_thousand_tasks_run_at_once)
{
    enum { TASKS = 1000 };
    yibu_task *tasks[TASKS];
    int ended = 0;
    for (int i = 0; i < TASKS; i++)
        tasks[i] = yibu_create_task(yield_often, &ended, NULL);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(ended, TASKS);
    return 0;
}

int main(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_sockets_talk_in_one_loop),
        cmocka_unit_test(a_thousand_tasks_run_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
