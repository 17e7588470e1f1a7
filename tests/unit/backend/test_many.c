/* Many at once: sockets in one loop, tasks, and a million of them asleep. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sockets. */

enum { PAIRS = 5000 };

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

static int64_t resident_bytes(void)
{
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    fclose(file);
    return (int64_t)resident * sysconf(_SC_PAGESIZE);
}

static intptr_t sleep_long(void *arg)
{
    int r = yibu_sleep(YIBU_SECONDS(100000));
    ++*(int *)arg;
    return r;
}

static intptr_t start_sleepers(void *arg)
{
    int count = *(int *)arg, ended = 0;
    yibu_task **tasks = malloc((size_t)count * sizeof(*tasks));
    memset(tasks, 0, (size_t)count * sizeof(*tasks));
    int64_t before = resident_bytes();
    for (int i = 0; i < count; i++) {
        tasks[i] = yibu_create_task(sleep_long, &ended, NULL);
        assert_non_null(tasks[i]);
    }
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    int64_t each = (resident_bytes() - before) / count;
    print_message("%d sleeping tasks, %d bytes each\n", count, (int)each);
    assert_int_equal(ended, 0);
    for (int i = 0; i < count; i++)
        yibu_task_cancel(tasks[i]);
    for (int i = 0; i < count; i++) {
        assert_int_equal(yibu_await(tasks[i]), -ECANCELED);
        yibu_task_unref(tasks[i]);
    }
    assert_int_equal(ended, count);
    free(tasks);
    return each;
}

/* One page of stack and at most half a KiB besides. */
static void a_million_sleeping_tasks_cost_four_and_a_half_kib_each(void **state)
{
    (void)state;
    int count = YB_TEST_SLOWDOWN > 1 ? 2000 : 1000000;
    int64_t available = (int64_t)sysconf(_SC_AVPHYS_PAGES) * sysconf(_SC_PAGESIZE);
    if (available < (int64_t)count * 6000) {
        print_message("too little memory is free for %d tasks\n", count);
        count = 1000;
    }
    intptr_t each = yibu_run(start_sleepers, &count, NULL);
    assert_true(each > 0);
    if (YB_TEST_SLOWDOWN == 1)
        assert_true(each <= 4608);
}

int main(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_sockets_talk_in_one_loop),
        cmocka_unit_test(a_thousand_tasks_run_at_once),
        cmocka_unit_test(a_million_sleeping_tasks_cost_four_and_a_half_kib_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
