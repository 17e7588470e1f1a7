/* Blocking functions, look-ups of names and files: none of them keeps another from its threads.
 *
 * The resolver is the test's own, in libc's place: "slow" takes until the gate lets it go. */
#include <fcntl.h>
#include <netdb.h>
#include <sys/stat.h>

#include "gate.h"

static gate lookups, functions;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret_list)
{
    (void)service, (void)hints, (void)ret_list;
    if (strcmp(host, "slow.test") == 0)
        (void)pass_gate(&lookups);
    return EAI_FAIL;
}

static intptr_t look_up(void *arg)
{
    struct addrinfo *list;
    return yibu_getaddrinfo(arg, NULL, NULL, &list) == YIBU_EAI_FAIL ? 0 : -EPROTO;
}

static void expect_files_are_open(void)
{
    struct statx about;
    int fd = yibu_file_open("/dev/null", O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(yibu_file_stat(fd, &about), 0);
    assert_int_equal(yibu_file_close(fd), 0);
}

static void let_go(gate *g, yibu_task *const *tasks, int count)
{
    for (int i = 0; i < count; i++)
        sem_post(&g->go);
    for (int i = 0; i < count; i++) {
        assert_true(yibu_await(tasks[i]) >= 0);
        yibu_task_unref(tasks[i]);
    }
    gate_close(g);
}

/* One holds the only thread, the other waits in line. */
static void expect_others_go_on_while_functions_block(void)
{
    yibu_task *tasks[2];
    gate_open(&functions);
    for (int i = 0; i < 2; i++)
        tasks[i] = yibu_create_task(pass_gate_on_a_thread, &functions, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&functions.started);
    assert_int_equal(look_up("quick.test"), 0);
    expect_files_are_open();
    let_go(&functions, tasks, 2);
}

THREADS_TEST(1, functions_that_block_delay_neither_lookups_nor_files)
{
    expect_others_go_on_while_functions_block();
    return 0;
}

LOOP_TEST(nor_do_they_in_a_default_executor_that_was_set)
{
    const yibu_thread_pool_options options = {.size = sizeof(options), .max_workers = 1};
    yibu_executor *executor;
    assert_int_equal(yibu_thread_pool_executor_new(&options, &executor), 0);
    assert_int_equal(yibu_loop_set_default_executor(yibu_get_running_loop(), executor), 0);
    expect_others_go_on_while_functions_block();
    assert_int_equal(yibu_loop_shutdown_default_executor(yibu_get_running_loop(), YIBU_FOREVER), 0);
    yibu_executor_free(executor);
    return 0;
}

LOOP_TEST(lookups_that_block_delay_neither_functions_nor_files)
{
    enum { COUNT = 64 };
    yibu_task *tasks[COUNT];
    gate_open(&lookups);
    for (int i = 0; i < COUNT; i++)
        tasks[i] = yibu_create_task(look_up, "slow.test", NULL);
    assert_int_equal(yibu_sleep(0), 0);
    wait_on(&lookups.started);
    assert_int_equal(yibu_to_thread(return_argument, (void *)5), 5);
    expect_files_are_open();
    let_go(&lookups, tasks, COUNT);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_that_block_delay_neither_lookups_nor_files),
        cmocka_unit_test(nor_do_they_in_a_default_executor_that_was_set),
        cmocka_unit_test(lookups_that_block_delay_neither_functions_nor_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
