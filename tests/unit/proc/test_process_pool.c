/* Jobs that end well: what goes in, what comes out, where they run. */
#include "jobs.h"

#include <sys/resource.h>
#include <sys/stat.h>

static int constructed;
static int mained;

__attribute__((constructor)) static void construct(void)
{
    constructed++;
}

static intptr_t give_back(yibu_bytes input, yibu_buffer *output)
{
    int r = yibu_buffer_append(output, input.data, input.size);
    return r < 0 ? r : 7;
}
YIBU_JOB(give_back);

static void copy_of_size(size_t size)
{
    yibu_buffer output = {0};
    unsigned char *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 4093);
    assert_int_equal(yibu_to_process(&give_back_job, (yibu_bytes){bytes, size}, &output, NULL), 7);
    assert_int_equal(output.size, size);
    if (size > 0)
        assert_true(memcmp(output.data, bytes, size) == 0);
    yibu_buffer_free(&output);
    free(bytes);
}

LOOP_TEST(job_gives_its_status_and_output)
{
    yibu_buffer output = {0};
    assert_int_equal(yibu_to_process(&give_back_job, TEXT("step"), &output, NULL), 7);
    assert_int_equal(output.size, 4);
    assert_memory_equal(output.data, "step", 4);
    yibu_buffer_free(&output);
    assert_null(output.data);
    return 0;
}

LOOP_TEST(input_and_output_have_any_size)
{
    static const size_t sizes[] = {0,       1,       15,      16,      17,     63,      64,
                                   65,      255,     256,     4095,    4096,   4097,    65535,
                                   65536,   65537,   262143,  262144,  262145, 1 << 20, 4194303,
                                   4194304, 4194305, 5 << 20, 40000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        copy_of_size(sizes[i]);
    for (size_t size = 0; size < 300000; size += 9973)
        copy_of_size(size);
    return 0;
}

LOOP_TEST(output_is_appended_to_what_the_buffer_holds)
{
    yibu_buffer output = {0};
    assert_int_equal(yibu_buffer_append(&output, "out of ", 7), 0);
    assert_int_equal(yibu_to_process(&give_back_job, TEXT("step"), &output, NULL), 7);
    assert_int_equal(output.size, 11);
    assert_memory_equal(output.data, "out of step", 11);
    yibu_buffer_free(&output);
    return 0;
}

LOOP_TEST(output_without_a_buffer_is_dropped)
{
    assert_int_equal(call(&give_back_job, TEXT("nobody wants this")), 7);
    return 0;
}

static intptr_t describe(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    return input.data == NULL && input.size == 0 ? 1 : 0;
}
YIBU_JOB(describe);

LOOP_TEST(empty_input_is_null)
{
    assert_int_equal(call(&describe_job, NOTHING), 1);
    assert_int_equal(call(&describe_job, (yibu_bytes){"", 0}), 1);
    return 0;
}

static intptr_t count_nuls(yibu_bytes input, yibu_buffer *output)
{
    const char *bytes = input.data;
    intptr_t count = 0;
    (void)output;
    for (size_t i = 0; i < input.size; i++)
        count += bytes[i] == '\0';
    return (uintptr_t)bytes % 16 == 0 ? count : -EFAULT;
}
YIBU_JOB(count_nuls);

LOOP_TEST(input_of_nul_bytes_arrives_and_is_aligned)
{
    static const char nuls[1000];
    for (size_t size = 1; size <= sizeof(nuls); size += 37)
        assert_int_equal(call(&count_nuls_job, (yibu_bytes){nuls, size}), (intptr_t)size);
    return 0;
}

static intptr_t fail_with_output(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    yibu_buffer_append(output, "why", 3);
    return -EDOM;
}
YIBU_JOB(fail_with_output);

LOOP_TEST(failure_of_a_job_is_its_result_and_brings_the_output)
{
    yibu_buffer output = {0};
    assert_int_equal(yibu_to_process(&fail_with_output_job, NOTHING, &output, NULL), -EDOM);
    assert_int_equal(output.size, 3);
    yibu_buffer_free(&output);
    return 0;
}

static intptr_t write_much(yibu_bytes input, yibu_buffer *output)
{
    size_t size;
    memcpy(&size, input.data, sizeof(size));
    char piece[1000];
    memset(piece, 'y', sizeof(piece));
    while (output->size < size)
        if (yibu_buffer_append(output, piece, sizeof(piece)) < 0)
            return -ENOMEM;
    return 0;
}
YIBU_JOB(write_much);

LOOP_TEST(output_grows_in_small_pieces)
{
    for (size_t size = 100; size <= 100000000; size *= 100) {
        yibu_buffer output = {0};
        assert_int_equal(yibu_to_process(&write_much_job, VALUE(size), &output, NULL), 0);
        assert_true(output.size >= size && output.size < size + 1000);
        assert_int_equal(((char *)output.data)[output.size - 1], 'y');
        yibu_buffer_free(&output);
    }
    return 0;
}

/* Large bytes are copied in slices, between which the loop goes on. */

static intptr_t count_turns(void *arg)
{
    int *turns = arg;
    while (yibu_sleep(0) == 0)
        ++*turns;
    return 0;
}

LOOP_TEST(large_bytes_do_not_hold_up_the_loop)
{
    enum { SIZE = 64 << 20 };
    int turns = 0;
    yibu_buffer output = {0};
    char *bytes = calloc(1, SIZE);
    yibu_task *counter = yibu_create_task(count_turns, &turns, NULL);
    bytes[0] = bytes[SIZE / 2] = bytes[SIZE - 1] = 's';
    assert_int_equal(yibu_to_process(&give_back_job, (yibu_bytes){bytes, SIZE}, &output, NULL), 7);
    assert_true(turns > 100);
    assert_int_equal(output.size, SIZE);
    assert_true(memcmp(output.data, bytes, SIZE) == 0);
    yibu_task_cancel(counter);
    assert_int_equal(yibu_await(counter), 0);
    yibu_task_unref(counter);
    yibu_buffer_free(&output);
    free(bytes);
    return 0;
}

/* A call whose input is half way into the lane when it is cancelled. */
static intptr_t call_with_large_input(void *arg)
{
    return call(&give_back_job, *(yibu_bytes *)arg);
}

LOOP_TEST(cancel_while_a_large_input_is_copied_withdraws_the_job)
{
    yibu_bytes input = {calloc(1, 64 << 20), 64 << 20};
    assert_int_equal(call(&give_back_job, NOTHING), 7); /* a worker is there */
    for (int turns = 1; turns < 40; turns += 3) {
        yibu_task *task = yibu_create_task(call_with_large_input, &input, NULL);
        for (int i = 0; i < turns; i++)
            assert_int_equal(yibu_sleep(0), 0);
        yibu_task_cancel(task);
        assert_int_equal(yibu_await(task), -ECANCELED);
        yibu_task_unref(task);
        copy_of_size(70000);
    }
    free((void *)(uintptr_t)input.data);
    return 0;
}

static intptr_t use_own_buffer(yibu_bytes input, yibu_buffer *output)
{
    yibu_buffer own = {0};
    yibu_buffer_append(&own, input.data, input.size);
    *output = own;
    return 0;
}
YIBU_JOB(use_own_buffer);

LOOP_TEST(job_may_hand_over_a_buffer_of_its_own)
{
    yibu_buffer output = {0};
    assert_int_equal(yibu_to_process(&use_own_buffer_job, TEXT("mine"), &output, NULL), 0);
    assert_int_equal(output.size, 4);
    assert_memory_equal(output.data, "mine", 4);
    yibu_buffer_free(&output);
    return 0;
}

static intptr_t start_over(yibu_bytes input, yibu_buffer *output)
{
    yibu_buffer_append(output, "wrong", 5);
    yibu_buffer_free(output);
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(start_over);

LOOP_TEST(job_may_empty_its_output)
{
    yibu_buffer output = {0};
    assert_int_equal(yibu_to_process(&start_over_job, TEXT("right"), &output, NULL), 0);
    assert_int_equal(output.size, 5);
    assert_memory_equal(output.data, "right", 5);
    yibu_buffer_free(&output);
    return 0;
}

LOOP_TEST(job_is_found_by_its_name)
{
    yibu_job by_name = {"give_back", NULL}, unknown = {"no_such_job", NULL};
    assert_int_equal(call(&by_name, NOTHING), 7);
    assert_int_equal(call(&unknown, NOTHING), YIBU_ENOJOB);
    assert_int_equal(call(&by_name, NOTHING), 7);
    return 0;
}

LOOP_TEST(bad_arguments_are_refused)
{
    char long_name[300];
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    yibu_job nameless = {NULL, give_back}, empty = {"", give_back}, endless = {long_name, NULL};
    yibu_job_options negative = {.size = sizeof(negative), .timeout_ns = -1};
    yibu_job_options sizeless = {0};
    assert_int_equal(call(NULL, NOTHING), -EINVAL);
    assert_int_equal(call(&nameless, NOTHING), -EINVAL);
    assert_int_equal(call(&empty, NOTHING), -EINVAL);
    assert_int_equal(call(&endless, NOTHING), -EINVAL);
    assert_int_equal(call(&give_back_job, (yibu_bytes){NULL, 1}), -EINVAL);
    assert_int_equal(yibu_to_process(&give_back_job, NOTHING, NULL, &negative), -EINVAL);
    assert_int_equal(yibu_to_process(&give_back_job, NOTHING, NULL, &sizeless), -EINVAL);
    return 0;
}

static void call_outside_a_task_is_refused(void **state)
{
    (void)state;
    assert_int_equal(call(&give_back_job, NOTHING), YIBU_ENOTASK);
}

/* Where jobs run. */

static intptr_t tell_start(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return 10 * constructed + mained;
}
YIBU_JOB(tell_start);

LOOP_TEST(constructors_ran_in_a_worker_and_main_did_not)
{
    assert_int_equal(mained, 1);
    assert_int_equal(call(&tell_start_job, NOTHING), 10);
    return 0;
}

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

LOOP_TEST(job_runs_in_another_process_which_the_report_names)
{
    yibu_job_report report;
    intptr_t pid = call_with(&tell_pid_job, NOTHING, 0, &report);
    assert_true(pid > 0 && pid != getpid());
    assert_int_equal(report.worker, pid);
    assert_int_equal(report.signal, 0);
    assert_int_equal(report.exit_status, -1);
    assert_true(report.peak_memory_bytes > 0);
    assert_true(report.run_ns >= 0 && report.run_ns < YIBU_SECONDS(10));
    return 0;
}

/* The descriptors of this process that lead to a file, as a set of bits. */
static intptr_t list_descriptors(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(folder));) {
        char line[600], target[300] = "", path[300];
        snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
        if (entry->d_name[0] == '.' || readlink(path, target, sizeof(target) - 1) < 0)
            continue;
        if (atoi(entry->d_name) == dirfd(folder))
            continue;
        snprintf(line, sizeof(line), "%s %s\n", entry->d_name, target);
        yibu_buffer_append(output, line, strlen(line));
    }
    closedir(folder);
    return yibu_buffer_append(output, "", 1);
}
YIBU_JOB(list_descriptors);

LOOP_TEST(worker_has_no_descriptors_but_the_standard_ones_its_doorbell_and_files_for_text)
{
    int leak = open("/dev/zero", O_RDONLY); /* not close-on-exec */
    assert_true(leak >= 0);
    yibu_buffer output = {0};
    assert_int_equal(yibu_to_process(&list_descriptors_job, NOTHING, &output, NULL), 0);
    int others = 0;
    for (char *line = strtok(output.data, "\n"); line; line = strtok(NULL, "\n")) {
        int fd = atoi(line);
        if (fd == STDIN_FILENO)
            assert_non_null(strstr(line, "/dev/null"));
        if (fd <= STDERR_FILENO)
            continue;
        others++;
        if (!strstr(line, "eventfd") && !strstr(line, "memfd:yibu-output") &&
            !strstr(line, "memfd:yibu-error"))
            fail_msg("a worker has descriptor %s", line);
    }
    assert_int_equal(others, 3);
    yibu_buffer_free(&output);
    close(leak);
    return 0;
}

static intptr_t tell_interrupt_action(yibu_bytes input, yibu_buffer *output)
{
    struct sigaction action, pipe_action;
    sigset_t blocked;
    (void)input, (void)output;
    sigaction(SIGINT, NULL, &action);
    sigaction(SIGPIPE, NULL, &pipe_action);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int i = 1; i < SIGRTMIN; i++)
        if (sigismember(&blocked, i) == 1)
            return -i;
    return (action.sa_handler == SIG_IGN) + 2 * (pipe_action.sa_handler == SIG_DFL);
}
YIBU_JOB(tell_interrupt_action);

LOOP_TEST(worker_ignores_interrupts_and_has_no_other_signal_state_of_its_parent)
{
    sigset_t usr1, before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, &before);
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(call(&tell_interrupt_action_job, NOTHING), 3);
    signal(SIGPIPE, pipe_before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return 0;
}

static intptr_t tell_nice(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpriority(PRIO_PROCESS, 0);
}
YIBU_JOB(tell_nice);

static intptr_t ask_nice(void *arg)
{
    (void)arg;
    return call(&tell_nice_job, NOTHING);
}

static void nice_value_is_added_in_workers(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .process_nice = 7};
    int own = getpriority(PRIO_PROCESS, 0), expected = own + 7 < 19 ? own + 7 : 19;
    assert_int_equal(yibu_run(ask_nice, NULL, &options), expected);
    assert_int_equal(yibu_run(ask_nice, NULL, NULL), own);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), own);
}

/* A job with a loop of its own. */

static intptr_t call_from_inside(void *arg)
{
    int r = yibu_sleep(YIBU_MS(1));
    (void)arg;
    return r < 0 ? r : call(&tell_pid_job, NOTHING);
}

static intptr_t nest(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    if (call(&tell_pid_job, NOTHING) != YIBU_ENOTASK)
        return -EDOM;
    intptr_t pid = yibu_run(call_from_inside, NULL, NULL);
    return yibu_failed(pid) ? pid : pid != getpid();
}
YIBU_JOB(nest);

LOOP_TEST(job_may_run_a_loop_with_a_pool_of_its_own)
{
    assert_int_equal(call(&nest_job, NOTHING), 1);
    assert_int_equal(call(&nest_job, NOTHING), 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_gives_its_status_and_output),
        cmocka_unit_test(input_and_output_have_any_size),
        cmocka_unit_test(output_is_appended_to_what_the_buffer_holds),
        cmocka_unit_test(output_without_a_buffer_is_dropped),
        cmocka_unit_test(empty_input_is_null),
        cmocka_unit_test(input_of_nul_bytes_arrives_and_is_aligned),
        cmocka_unit_test(failure_of_a_job_is_its_result_and_brings_the_output),
        cmocka_unit_test(output_grows_in_small_pieces),
        cmocka_unit_test(large_bytes_do_not_hold_up_the_loop),
        cmocka_unit_test(cancel_while_a_large_input_is_copied_withdraws_the_job),
        cmocka_unit_test(job_may_hand_over_a_buffer_of_its_own),
        cmocka_unit_test(job_may_empty_its_output),
        cmocka_unit_test(job_is_found_by_its_name),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(call_outside_a_task_is_refused),
        cmocka_unit_test(constructors_ran_in_a_worker_and_main_did_not),
        cmocka_unit_test(job_runs_in_another_process_which_the_report_names),
        cmocka_unit_test(
            worker_has_no_descriptors_but_the_standard_ones_its_doorbell_and_files_for_text),
        cmocka_unit_test(worker_ignores_interrupts_and_has_no_other_signal_state_of_its_parent),
        cmocka_unit_test(nice_value_is_added_in_workers),
        cmocka_unit_test(job_may_run_a_loop_with_a_pool_of_its_own),
    };
    mained = 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
