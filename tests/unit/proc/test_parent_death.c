/* The end of the pool, by the loop's end and by its process's: nobody stays behind. */
#include "jobs.h"
#include "process.h"

#include <sys/wait.h>

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

/* Says who it is and who its child is, and stays. */
static intptr_t stay(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    pid_t child = fork();
    if (child > 0)
        fprintf(stderr, "<%d %d %d>", (int)getppid(), (int)getpid(), (int)child);
    while (pause() < 0)
        continue;
    return 0;
}
YIBU_JOB(stay);

enum { WORKERS = 2, PEOPLE = 3 * WORKERS };

/* The zygote, worker and worker's child behind each stay job that the process runs. */
static void meet(test_process *process, int people[PEOPLE])
{
    char said[1000] = "";
    size_t length = 0;
    int count = 0;
    while (count < PEOPLE) {
        ssize_t n = read(process->errors, said + length, sizeof(said) - 1 - length);
        assert_true(n > 0);
        length += (size_t)n;
        said[length] = '\0';
        count = 0;
        for (const char *at = said; (at = strchr(at, '<')); at++)
            if (strchr(at, '>') && sscanf(at, "<%d %d %d>", &people[count], &people[count + 1],
                                          &people[count + 2]) == 3)
                count += 3;
    }
    for (int i = 0; i < PEOPLE; i++)
        assert_true(process_alive(people[i]));
}

static intptr_t two_that_stay(void *arg)
{
    call_task calls[WORKERS];
    (void)arg;
    for (int i = 0; i < WORKERS; i++)
        call_start(&calls[i], &stay_job, NOTHING);
    return yibu_sleep(YIBU_SECONDS(3600));
}

static int run_two_that_stay(void *arg)
{
    yibu_loop_options options = {.size = sizeof(options), .max_processes = WORKERS};
    return (int)yibu_run(two_that_stay, arg, &options);
}

static void expect_all_gone(const int people[PEOPLE])
{
    for (int i = 0; i < PEOPLE; i++)
        expect_gone(people[i]);
}

static void nothing_is_left_of_a_parent_that_was_killed(void **state)
{
    int people[PEOPLE];
    test_process process;
    test_result result;
    (void)state;
    test_process_start(run_two_that_stay, NULL, &process);
    meet(&process, people);
    kill(process.pid, SIGKILL);
    expect_all_gone(people);
    test_process_finish(&process, &result);
    assert_true(test_died_of(&result, SIGKILL));
}

/* A copy of the zygote's socket lives on in a child that does not exec. */
static intptr_t fork_while_they_stay(void *arg)
{
    call_task calls[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        call_start(&calls[i], &stay_job, NOTHING);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    if (fork() == 0)
        for (;;)
            pause();
    (void)arg;
    return yibu_sleep(YIBU_SECONDS(3600));
}

static int run_fork_while_they_stay(void *arg)
{
    yibu_loop_options options = {.size = sizeof(options), .max_processes = WORKERS + 1};
    return (int)yibu_run(fork_while_they_stay, arg, &options);
}

/* A child of the process other than its zygote; waits for it to appear. */
static pid_t find_child(pid_t process, pid_t zygote)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)process, (int)process);
    for (;;) {
        int pid;
        FILE *children = fopen(path, "re");
        assert_non_null(children);
        while (fscanf(children, "%d", &pid) == 1)
            if (pid != zygote) {
                fclose(children);
                return pid;
            }
        fclose(children);
        usleep(1000);
    }
}

static void nothing_is_left_though_a_forked_child_lives(void **state)
{
    int people[PEOPLE];
    test_process process;
    (void)state;
    test_process_start(run_fork_while_they_stay, NULL, &process);
    meet(&process, people);
    pid_t child = find_child(process.pid, people[0]);
    kill(process.pid, SIGKILL);
    expect_all_gone(people);
    assert_true(process_alive(child));
    kill(child, SIGKILL);
    close(process.errors);
    assert_int_equal(waitpid(process.pid, NULL, 0), process.pid);
}

static intptr_t exit_while_they_stay(void *arg)
{
    call_task calls[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        call_start(&calls[i], &stay_job, NOTHING);
    char byte;
    (void)yibu_sleep(YIBU_MS(1));
    while (read(*(int *)arg, &byte, 1) < 0 && errno == EAGAIN)
        (void)yibu_sleep(YIBU_MS(1));
    _exit(5);
}

static int run_exit_while_they_stay(void *arg)
{
    close(((int *)arg)[1]);
    return (int)yibu_run(exit_while_they_stay, arg, NULL);
}

static void nothing_is_left_of_a_parent_that_exits(void **state)
{
    int people[PEOPLE], ends[2];
    test_process process;
    test_result result;
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    test_process_start(run_exit_while_they_stay, ends, &process);
    meet(&process, people);
    close(ends[0]);
    close(ends[1]);
    expect_all_gone(people);
    test_process_finish(&process, &result);
    assert_true(test_exited(&result, 5));
}

/* The loop's end. */

static int count_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static intptr_t use_pool(void *arg)
{
    int64_t *pids = arg;
    pids[0] = call(&tell_pid_job, NOTHING);
    char path[64];
    int parent = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pids[0]);
    FILE *file = fopen(path, "re");
    assert_int_equal(fscanf(file, "%*d (%*[^)]) %*c %d", &parent), 1);
    fclose(file);
    pids[1] = parent;
    return pids[0] > 0 ? 0 : pids[0];
}

static void end_of_the_loop_leaves_no_process_and_no_descriptor(void **state)
{
    int before = count_descriptors();
    (void)state;
    for (int i = 0; i < 5; i++) {
        int64_t pids[2];
        assert_int_equal(yibu_run(use_pool, pids, NULL), 0);
        assert_false(process_alive((pid_t)pids[0]));
        assert_int_equal(kill((pid_t)pids[1], 0), -1); /* not even a zombie */
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(count_descriptors(), before);
    }
}

static intptr_t use_pool_and_turn(void *arg)
{
    int64_t pids[2];
    (void)arg;
    return use_pool(pids);
}

static void idle_pool_does_not_keep_a_loop_busy(void **state)
{
    yibu_loop *loop;
    (void)state;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(yibu_run_until_complete(loop, use_pool_and_turn, NULL), 0);
    int more = 1;
    for (int i = 0; more && i < 100; i++)
        more = yibu_loop_run_once(loop, YIBU_MS(10));
    assert_int_equal(more, 0);
    assert_int_equal(yibu_run_until_complete(loop, use_pool_and_turn, NULL), 0);
    assert_int_equal(yibu_loop_free(loop), 0);
}

/* The callback form. */

typedef struct ended {
    int count;
    ssize_t result;
} ended;

static void take_result(yibu_op *op, ssize_t result)
{
    ended *e = op->arg;
    e->count++;
    e->result = result;
}

static void callback_form_calls_back_once(void **state)
{
    yibu_loop *loop;
    ended e = {0};
    yibu_op op = {.callback = take_result, .arg = &e}, unset = {0};
    (void)state;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    assert_int_equal(yibu_op_to_process(loop, &unset, &tell_pid_job, NOTHING, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_op_to_process(NULL, &op, &tell_pid_job, NOTHING, NULL, NULL), -EINVAL);
    assert_int_equal(yibu_op_to_process(loop, &op, NULL, NOTHING, NULL, NULL), -EINVAL);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(yibu_op_to_process(loop, &op, &tell_pid_job, NOTHING, NULL, NULL), 0);
        while (e.count < i)
            assert_int_equal(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0, 1);
        assert_true(e.result > 0 && e.result != getpid());
    }
    assert_int_equal(yibu_op_cancel(&op), -EALREADY);
    assert_int_equal(yibu_op_to_process(loop, &op, &tell_pid_job, NOTHING, NULL, NULL), 0);
    assert_int_equal(yibu_op_cancel(&op), 0);
    while (e.count < 4)
        assert_int_equal(yibu_loop_run_once(loop, YIBU_FOREVER) >= 0, 1);
    assert_int_equal(e.result, -ECANCELED);
    assert_int_equal(yibu_loop_free(loop), 0);
    assert_int_equal(e.count, 4);
}

static void calls_under_way_end_with_the_loop(void **state)
{
    enum { COUNT = 10 };
    yibu_loop *loop;
    ended e[COUNT] = {{0}};
    yibu_op ops[COUNT];
    (void)state;
    assert_int_equal(yibu_loop_new(NULL, &loop), 0);
    for (int i = 0; i < COUNT; i++) {
        ops[i] = (yibu_op){.callback = take_result, .arg = &e[i]};
        assert_int_equal(yibu_op_to_process(loop, &ops[i], &stay_job, NOTHING, NULL, NULL), 0);
    }
    for (int i = 0; i < 20; i++)
        yibu_loop_run_once(loop, YIBU_MS(5));
    assert_int_equal(yibu_loop_free(loop), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(e[i].count, 1);
        assert_int_equal(e[i].result, -ECANCELED);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

typedef struct again {
    yibu_loop *loop;
    int result;
} again;

static void call_again(yibu_op *op, ssize_t result)
{
    again *a = op->arg;
    assert_int_equal(result, -ECANCELED);
    a->result = yibu_op_to_process(a->loop, op, &tell_pid_job, NOTHING, NULL, NULL);
}

static void call_from_a_callback_at_the_end_is_refused(void **state)
{
    again a = {0};
    yibu_op op = {.callback = call_again, .arg = &a};
    (void)state;
    assert_int_equal(yibu_loop_new(NULL, &a.loop), 0);
    assert_int_equal(yibu_op_to_process(a.loop, &op, &stay_job, NOTHING, NULL, NULL), 0);
    assert_int_equal(yibu_loop_free(a.loop), 0);
    assert_int_equal(a.result, YIBU_ESHUTDOWN);
}

/* fork. */

static intptr_t fork_in_between(void *arg)
{
    int status;
    (void)arg;
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(call(&tell_pid_job, NOTHING) == YIBU_EFORKED ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

static void forked_child_is_refused_and_leaves_the_pool_alone(void **state)
{
    (void)state;
    assert_int_equal(yibu_run(fork_in_between, NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_of_a_parent_that_was_killed),
        cmocka_unit_test(nothing_is_left_though_a_forked_child_lives),
        cmocka_unit_test(nothing_is_left_of_a_parent_that_exits),
        cmocka_unit_test(end_of_the_loop_leaves_no_process_and_no_descriptor),
        cmocka_unit_test(idle_pool_does_not_keep_a_loop_busy),
        cmocka_unit_test(callback_form_calls_back_once),
        cmocka_unit_test(calls_under_way_end_with_the_loop),
        cmocka_unit_test(call_from_a_callback_at_the_end_is_refused),
        cmocka_unit_test(forked_child_is_refused_and_leaves_the_pool_alone),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
