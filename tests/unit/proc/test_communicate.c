/* communicate: everything goes in and comes out, and nothing of it is lost on the way. */
#include <signal.h>
#include <sys/wait.h>

#include "signal_storm.h"
#include "streams.h"

#define SH(COMMAND) ((const char *const[]){"/bin/sh", "-c", COMMAND, NULL})

static yibu_subprocess *start(const char *command)
{
    const yibu_subprocess_options piped = {.size = sizeof(piped),
                                           .in = YIBU_SUBPROCESS_PIPE,
                                           .out = YIBU_SUBPROCESS_PIPE,
                                           .err = YIBU_SUBPROCESS_PIPE};
    yibu_subprocess *process = NULL;
    assert_int_equal(yibu_create_subprocess_shell(command, &piped, &process), 0);
    return process;
}

static void assert_text(const yibu_buffer *buffer, const char *text)
{
    assert_int_equal(buffer->size, strlen(text));
    if (buffer->size > 0)
        assert_memory_equal(buffer->data, text, buffer->size);
}

LOOP_TEST(input_goes_in_and_output_and_errors_come_out_apart)
{
    yibu_subprocess *process = start("read line; echo out $line; echo err >&2; cat; exit 3");
    yibu_buffer output = {0}, errors = {0};
    yibu_buffer_append(&output, "> ", 2);
    int r = yibu_subprocess_communicate(process, "first\nrest", 10, &output, &errors, 1000);
    assert_int_equal(r, 3);
    assert_text(&output, "> out first\nrest");
    assert_text(&errors, "err\n");
    assert_int_equal(yibu_subprocess_communicate(process, NULL, 0, &output, &errors, 1000), 3);
    assert_int_equal(yibu_subprocess_communicate(process, "x", 1, &output, &errors, 1000), -EINVAL);
    yibu_buffer_free(&output);
    yibu_buffer_free(&errors);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(what_nobody_wants_is_read_and_dropped)
{
    yibu_subprocess *process = start("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2");
    assert_int_equal(yibu_subprocess_communicate(process, NULL, 0, NULL, NULL, 0), 0);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(much_comes_back_whole)
{
    const size_t size = (size_t)100000000 / (YB_TEST_SLOWDOWN * YB_TEST_SLOWDOWN);
    uint8_t *bytes = new_stream(size);
    yibu_subprocess *process = start("tee /dev/stderr");
    yibu_buffer output = {0}, errors = {0};
    assert_int_equal(yibu_subprocess_communicate(process, bytes, size, &output, &errors, size), 0);
    assert_int_equal(output.size, size);
    assert_memory_equal(output.data, bytes, size);
    assert_int_equal(errors.size, size);
    assert_memory_equal(errors.data, bytes, size);
    yibu_buffer_free(&output);
    yibu_buffer_free(&errors);
    yibu_subprocess_free(process);
    free(bytes);
    return 0;
}

LOOP_TEST(a_child_that_does_not_read_its_input_is_no_failure)
{
    uint8_t *bytes = new_stream(1 << 20);
    static const char *const commands[] = {"exit 3", "head -c 10 >/dev/null; exit 3",
                                           "exec <&-; sleep 0.01; exit 3"};
    for (int i = 0; i < 3; i++) {
        yibu_subprocess *process = start(commands[i]);
        assert_int_equal(yibu_subprocess_communicate(process, bytes, 1 << 20, NULL, NULL, 0), 3);
        yibu_subprocess_free(process);
    }
    free(bytes);
    return 0;
}

LOOP_TEST(writing_to_a_child_that_has_gone_is_an_error_and_no_signal)
{
    yibu_subprocess *process = start("exit 0");
    assert_int_equal(yibu_subprocess_wait(process), 0);
    yibu_stream *in = yibu_subprocess_stdin(process);
    assert_int_equal(yibu_stream_write(in, "x", 1), -EPIPE);
    assert_int_equal(yibu_stream_drain(in), -EPIPE);
    yibu_subprocess_free(process);
    return 0;
}

typedef struct talk {
    yibu_subprocess *process;
    yibu_buffer output;
} talk;

static intptr_t communicate(void *arg)
{
    talk *t = arg;
    return yibu_subprocess_communicate(t->process, NULL, 0, &t->output, NULL, 1000);
}

/* Once it has stopped: before, it would do so later. */
static void continue_stopped(yibu_subprocess *process)
{
    siginfo_t info = {0};
    while (waitid(P_PID, (id_t)yibu_subprocess_pid(process), &info, WSTOPPED | WNOHANG) == 0 &&
           info.si_pid == 0)
        yibu_sleep(YIBU_US(100));
    assert_int_equal(yibu_subprocess_send_signal(process, SIGCONT), 0);
}

LOOP_TEST(a_cancelled_communicate_keeps_what_was_read)
{
    talk t = {.process = start("echo one; kill -STOP $$; echo two; exit 5")};
    yibu_task *task = yibu_create_task(communicate, &t, NULL);
    while (t.output.size < 4)
        yibu_sleep(YIBU_US(100));
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_text(&t.output, "one\n");
    continue_stopped(t.process);
    assert_int_equal(communicate(&t), 5);
    assert_text(&t.output, "one\ntwo\n");
    yibu_buffer_free(&t.output);
    yibu_subprocess_free(t.process);
    return 0;
}

LOOP_TEST(a_time_limit_keeps_what_was_read_and_the_child_can_be_killed)
{
    talk t = {.process = start("echo partly; exec sleep 1000")};
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(200));
    assert_int_equal(yibu_timeout_end(&limit, communicate(&t)), -ETIMEDOUT);
    assert_text(&t.output, "partly\n");
    yibu_subprocess_kill(t.process);
    assert_int_equal(communicate(&t), 128 + SIGKILL);
    assert_text(&t.output, "partly\n");
    yibu_buffer_free(&t.output);
    yibu_subprocess_free(t.process);
    return 0;
}

LOOP_TEST(more_than_the_limit_is_an_error_and_stays_to_be_read)
{
    yibu_subprocess *process = start("echo 0123456789");
    yibu_buffer output = {0};
    int r = yibu_subprocess_communicate(process, NULL, 0, &output, NULL, 4);
    assert_int_equal(r, YIBU_ELIMIT);
    assert_text(&output, "0123");
    r = yibu_subprocess_communicate(process, NULL, 0, &output, NULL, 7);
    assert_int_equal(r, 0);
    assert_text(&output, "0123456789\n");
    yibu_buffer_free(&output);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(a_grandchild_that_keeps_the_pipe_is_waited_for_and_the_child_s_end_is_known)
{
    yibu_subprocess *process = start("sleep 1000 & echo $!");
    talk t = {.process = process};
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(300));
    assert_int_equal(yibu_timeout_end(&limit, communicate(&t)), -ETIMEDOUT);
    assert_int_equal(yibu_subprocess_returncode(process), 0);
    yibu_buffer_append(&t.output, "", 1);
    pid_t grandchild = atoi(t.output.data);
    assert_true(grandchild > 1);
    kill(grandchild, SIGKILL);
    yibu_buffer_free(&t.output);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(a_child_that_closes_its_pipes_is_waited_for)
{
    yibu_subprocess *process = start("exec >&- 2>&-; read line; exit 4");
    char *line;
    assert_int_equal(yibu_stream_readline(yibu_subprocess_stdout(process), &line), 0);
    assert_int_equal(yibu_subprocess_returncode(process), -EINPROGRESS);
    assert_int_equal(yibu_subprocess_communicate(process, "x\n", 2, NULL, NULL, 0), 4);
    yibu_subprocess_free(process);
    return 0;
}

LOOP_TEST(a_storm_of_signals_disturbs_nothing)
{
    storm_begin(200 * YB_TEST_SLOWDOWN);
    uint8_t *bytes = new_stream(1 << 18);
    for (int i = 0; i < 20; i++) {
        yibu_subprocess *process = start("cat");
        yibu_buffer output = {0};
        assert_int_equal(
            yibu_subprocess_communicate(process, bytes, 1 << 18, &output, NULL, 1 << 18), 0);
        assert_int_equal(output.size, 1 << 18);
        assert_memory_equal(output.data, bytes, output.size);
        yibu_buffer_free(&output);
        yibu_subprocess_free(process);
    }
    storm_end();
    free(bytes);
    return 0;
}

static intptr_t read_a_line(void *arg)
{
    char *line;
    return yibu_stream_readline(arg, &line);
}

LOOP_TEST(a_stream_that_another_task_reads_is_busy)
{
    yibu_subprocess *process = start("cat");
    yibu_task *task = yibu_create_task(read_a_line, yibu_subprocess_stdout(process), NULL);
    yibu_sleep(0);
    assert_int_equal(yibu_subprocess_communicate(process, NULL, 0, NULL, NULL, 0), -EBUSY);
    assert_int_equal(yibu_await(task), 0); /* communicate has closed stdin */
    yibu_task_unref(task);
    assert_int_equal(yibu_subprocess_wait(process), 0);
    yibu_subprocess_free(process);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_goes_in_and_output_and_errors_come_out_apart),
        cmocka_unit_test(what_nobody_wants_is_read_and_dropped),
        cmocka_unit_test(much_comes_back_whole),
        cmocka_unit_test(a_child_that_does_not_read_its_input_is_no_failure),
        cmocka_unit_test(writing_to_a_child_that_has_gone_is_an_error_and_no_signal),
        cmocka_unit_test(a_cancelled_communicate_keeps_what_was_read),
        cmocka_unit_test(a_time_limit_keeps_what_was_read_and_the_child_can_be_killed),
        cmocka_unit_test(more_than_the_limit_is_an_error_and_stays_to_be_read),
        cmocka_unit_test(
            a_grandchild_that_keeps_the_pipe_is_waited_for_and_the_child_s_end_is_known),
        cmocka_unit_test(a_child_that_closes_its_pipes_is_waited_for),
        cmocka_unit_test(a_storm_of_signals_disturbs_nothing),
        cmocka_unit_test(a_stream_that_another_task_reads_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
