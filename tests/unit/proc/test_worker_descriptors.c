/* Jobs and initializers that close descriptors which are their worker's. */
#define _GNU_SOURCE
#include "executors.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Tells first, so that the loop need not be told of the answer; then closes all and says so in the
 * FIFO that is the input. */
static intptr_t tell_and_close(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    (void)yibu_job_send("", 0);
    closefrom(0);
    int fd = open(input.data, O_WRONLY);
    return fd >= 0 && write(fd, "", 1) == 1 ? close(fd) : -EIO;
}
YIBU_JOB(tell_and_close);

static intptr_t print_and_tell(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    printf("here");
    for (int i = 0; i < 100; i++) {
        int r = yibu_job_send("here", 4);
        if (r < 0)
            return r;
    }
    return 0;
}
YIBU_JOB(print_and_tell);

static intptr_t nothing(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return 0;
}
YIBU_JOB(nothing);

static void count_message(yibu_bytes message, void *arg)
{
    int *count = arg;
    (void)message;
    ++*count;
}

typedef struct told_call {
    const yibu_job *job;
    yibu_bytes input;
    yibu_job_stdio out;
    yibu_buffer text;
    int messages;
} told_call;

static intptr_t run_told(void *arg)
{
    told_call *c = arg;
    const yibu_job_options options = {.size = sizeof(options),
                                      .out = c->out,
                                      .ret_out = c->out ? &c->text : NULL,
                                      .on_message = count_message,
                                      .message_arg = &c->messages};
    return yibu_to_process(c->job, c->input, NULL, &options);
}

/* Two jobs in one lane, of which the first closes everything while the loop does not look. */
static void expect_second_unharmed(const char *path, int fifo)
{
    char byte;
    told_call first = {.job = &tell_and_close_job, .input = {path, strlen(path) + 1}};
    told_call second = {.job = &print_and_tell_job, .out = YIBU_JOB_STDIO_CAPTURE};
    assert_int_equal(call(&nothing_job, NOTHING), 0);
    yibu_task *a = yibu_create_task(run_told, &first, NULL);
    yibu_task *b = yibu_create_task(run_told, &second, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(read(fifo, &byte, 1), 1); /* the loop's thread is blocked */
    assert_int_equal(yibu_await(a), 0);
    assert_int_equal(yibu_await(b), 0);
    assert_int_equal(second.messages, 100);
    assert_int_equal(second.text.size, 4);
    yibu_buffer_free(&second.text);
    yibu_task_unref(a);
    yibu_task_unref(b);
}

static intptr_t close_again_and_again(void *arg)
{
    char folder[] = "/tmp/yibu-test-XXXXXX", path[64];
    (void)arg;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    int fifo = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fifo >= 0);
    for (int i = 0; i < 20; i++)
        expect_second_unharmed(path, fifo);
    close(fifo);
    unlink(path);
    rmdir(folder);
    return 0;
}

static void what_a_job_has_closed_the_next_one_does_not_miss(void **state)
{
    (void)state;
    const yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    assert_int_equal(yibu_run(close_again_and_again, NULL, &options), 0);
}

/* Messages. */

static intptr_t close_and_tell(yibu_bytes input, yibu_buffer *output)
{
    closefrom(0);
    return print_and_tell(input, output);
}
YIBU_JOB(close_and_tell);

LOOP_TEST(messages_of_a_job_that_closed_every_descriptor_arrive)
{
    told_call c = {.job = &close_and_tell_job};
    assert_int_equal(run_told(&c), 0);
    assert_int_equal(c.messages, 100);
    assert_int_equal(call(&nothing_job, NOTHING), 0);
    return 0;
}

static intptr_t close_and_tell_on(yibu_bytes input, yibu_buffer *output)
{
    static const char message[60000];
    int r;
    (void)input, (void)output;
    closefrom(0);
    while ((r = yibu_job_send(message, sizeof(message))) == 0)
        ;
    return r;
}
YIBU_JOB(close_and_tell_on);

LOOP_TEST(job_that_nobody_can_hear_any_more_is_told)
{
    told_call c = {.job = &close_and_tell_on_job};
    assert_int_equal(run_told(&c), -EBADF);
    assert_true(c.messages >= 4);
    return 0;
}

/* Initializers. */

static intptr_t close_all(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    closefrom(3);
    return 0;
}
YIBU_JOB(close_all);

static intptr_t told_code;

static void note_reason(yibu_loop *loop, const char *message, intptr_t code, void *arg)
{
    (void)loop, (void)message, (void)arg;
    told_code = code;
}

LOOP_TEST(initializer_that_closes_what_its_worker_needs_breaks_the_pool)
{
    yibu_loop_set_exception_handler(yibu_get_running_loop(), note_reason, NULL);
    yibu_executor *executor =
        executor_new((yibu_process_pool_options){.max_workers = 1, .initializer = &close_all_job});
    yibu_concurrent_future *future = submit(executor, &nothing_job, NOTHING);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_SECONDS(60)), YIBU_EBROKENPOOL);
    yibu_concurrent_future_unref(future);
    assert_int_equal(told_code, -EBADF);
    yibu_executor_free(executor);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_job_has_closed_the_next_one_does_not_miss),
        cmocka_unit_test(messages_of_a_job_that_closed_every_descriptor_arrive),
        cmocka_unit_test(job_that_nobody_can_hear_any_more_is_told),
        cmocka_unit_test(initializer_that_closes_what_its_worker_needs_breaks_the_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
