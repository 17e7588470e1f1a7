/* Payloads: inputs and outputs that are not copied, and what becomes of them. */
#include "jobs.h"

#include <pthread.h>
#include <string.h>

#include <yibu/payload.h>

enum { MEGABYTE = 1 << 20 };

/* Answers with its input's bytes, each one more, and the status 7. */
static intptr_t increment(yibu_bytes input, yibu_buffer *output)
{
    const unsigned char *from = input.data;
    if (yibu_buffer_reserve(output, input.size) < 0)
        return -ENOMEM;
    unsigned char *to = output->data;
    for (size_t i = 0; i < input.size; i++)
        to[i] = (unsigned char)(from[i] + 1);
    output->size = input.size;
    return 7;
}
YIBU_JOB(increment);

/* Overwrites its input. */
static intptr_t scribble(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    memset((void *)(uintptr_t)input.data, 0x5a, input.size);
    return 0;
}
YIBU_JOB(scribble);

static intptr_t die(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    raise(SIGKILL);
    return 0;
}
YIBU_JOB(die);

static intptr_t rest(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    int64_t ns;
    memcpy(&ns, input.data, sizeof(ns));
    struct timespec time = {ns / 1000000000, ns % 1000000000};
    nanosleep(&time, NULL);
    return getpid();
}
YIBU_JOB(rest);

static intptr_t whose(yibu_bytes input, yibu_buffer *output)
{
    return yibu_buffer_append(output, input.data, input.size) < 0 ? -ENOMEM : getpid();
}
YIBU_JOB(whose);

/* Fills size bytes, which its input says, and dies where the second number is not zero. */
static intptr_t fill(yibu_bytes input, yibu_buffer *output)
{
    size_t numbers[2];
    memcpy(numbers, input.data, sizeof(numbers));
    int r = yibu_buffer_reserve(output, numbers[0]);
    if (r < 0)
        return r;
    memset(output->data, 0x42, numbers[0] / 2);
    if (numbers[1])
        raise(SIGKILL);
    memset((char *)output->data + numbers[0] / 2, 0x42, numbers[0] - numbers[0] / 2);
    output->size = numbers[0];
    return 0;
}
YIBU_JOB(fill);

static yibu_payload *payload_of(size_t size, int byte)
{
    yibu_payload *payload;
    assert_int_equal(yibu_payload_new(NULL, size, &payload), 0);
    assert_int_equal(yibu_payload_size(payload), size);
    memset(yibu_payload_data(payload), byte, size);
    return payload;
}

static void expect_bytes(const yibu_payload *payload, size_t size, int byte)
{
    const unsigned char *data = yibu_payload_data(payload);
    assert_int_equal(yibu_payload_size(payload), size);
    for (size_t i = 0; i < size; i++)
        if (data[i] != byte)
            fail_msg("byte %zu is %d", i, data[i]);
}

LOOP_TEST(bytes_go_there_and_come_back)
{
    static const size_t sizes[] = {1, 63, 4096, 100000, MEGABYTE, 9 * MEGABYTE + 5};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        yibu_payload *output;
        yibu_payload *input = payload_of(sizes[i], 3);
        assert_int_equal(yibu_to_process_payload(&increment_job, input, &output, NULL), 7);
        expect_bytes(output, sizes[i], 4);
        yibu_payload_free(output);
    }
    return 0;
}

LOOP_TEST(output_is_the_next_jobs_input)
{
    yibu_payload *payload = payload_of(MEGABYTE, 0), *output;
    for (int i = 1; i < 20; i++) {
        assert_int_equal(yibu_to_process_payload(&increment_job, payload, &output, NULL), 7);
        expect_bytes(output, MEGABYTE, i);
        payload = output;
    }
    yibu_payload_free(payload);
    return 0;
}

LOOP_TEST(payload_is_optional_at_either_end)
{
    yibu_payload *output = (yibu_payload *)&output;
    assert_true(yibu_to_process_payload(&whose_job, NULL, &output, NULL) > 0);
    assert_null(output);
    assert_int_equal(yibu_to_process_payload(&increment_job, payload_of(5, 1), NULL, NULL), 7);
    yibu_payload_free(NULL);
    assert_null(yibu_payload_data(NULL));
    assert_int_equal(yibu_payload_size(NULL), 0);
    return 0;
}

LOOP_TEST(shorter_payload_is_a_shorter_input)
{
    yibu_payload *output, *input = payload_of(MEGABYTE, 8);
    assert_int_equal(yibu_payload_shrink(input, MEGABYTE + 1), -EINVAL);
    assert_int_equal(yibu_payload_shrink(input, 10), 0);
    assert_int_equal(yibu_to_process_payload(&increment_job, input, &output, NULL), 7);
    expect_bytes(output, 10, 9);
    yibu_payload_free(output);
    return 0;
}

LOOP_TEST(bad_arguments_are_refused)
{
    yibu_payload *payload = NULL;
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_payload_new(NULL, 0, &payload), -EINVAL);
    assert_int_equal(yibu_payload_new(NULL, 1, NULL), -EINVAL);
    assert_int_equal(yibu_payload_new(NULL, SIZE_MAX / 2, &payload), -ENOMEM);
    assert_int_equal(yibu_payload_copy(NULL, &buffer), -EINVAL);
    assert_int_equal(yibu_payload_shrink(NULL, 0), -EINVAL);
    assert_null(payload);
    assert_int_equal(yibu_to_process_payload(NULL, payload_of(1, 1), NULL, NULL), -EINVAL);
    return 0;
}

/* Copies are the owner's alone; the payload itself is shared. */
LOOP_TEST(copy_is_out_of_the_workers_reach)
{
    yibu_payload *first;
    yibu_buffer copy = {0};
    assert_int_equal(yibu_to_process_payload(&increment_job, payload_of(1000, 1), &first, NULL), 7);
    assert_int_equal(yibu_payload_copy(first, &copy), 0);
    assert_int_equal(yibu_to_process_payload(&scribble_job, first, NULL, NULL), 0);
    assert_int_equal(copy.size, 1000);
    for (size_t i = 0; i < copy.size; i++)
        assert_int_equal(((unsigned char *)copy.data)[i], 2);
    yibu_buffer_free(&copy);
    return 0;
}

LOOP_TEST(result_stays_when_its_worker_dies)
{
    yibu_payload *small, *large;
    assert_int_equal(yibu_to_process_payload(&increment_job, payload_of(1000, 1), &small, NULL), 7);
    assert_int_equal(
        yibu_to_process_payload(&increment_job, payload_of(9 * MEGABYTE, 5), &large, NULL), 7);
    for (int i = 0; i < 4; i++)
        assert_int_equal(call(&die_job, NOTHING), YIBU_EWORKER);
    expect_bytes(small, 1000, 2);
    expect_bytes(large, 9 * MEGABYTE, 6);
    yibu_payload *output;
    assert_int_equal(yibu_to_process_payload(&increment_job, large, &output, NULL), 7);
    expect_bytes(output, 9 * MEGABYTE, 7);
    expect_bytes(small, 1000, 2);
    yibu_payload_free(small);
    yibu_payload_free(output);
    return 0;
}

LOOP_TEST(input_goes_to_another_worker_when_its_own_has_died)
{
    for (int i = 0; i < 6; i++) {
        yibu_payload *output, *input = payload_of(300000, 20);
        call_task dying;
        call_start(&dying, &die_job, NOTHING);
        if (i % 2 == 0)
            assert_int_equal(call_finish(&dying), YIBU_EWORKER);
        assert_int_equal(yibu_to_process_payload(&increment_job, input, &output, NULL), 7);
        if (i % 2 == 1)
            assert_int_equal(call_finish(&dying), YIBU_EWORKER);
        expect_bytes(output, 300000, 21);
        yibu_payload_free(output);
    }
    return 0;
}

/* The payload's worker is busy for long, another one is free. */
LOOP_TEST(input_goes_to_another_worker_when_its_own_is_busy)
{
    int64_t second = YIBU_SECONDS(1);
    yibu_payload *output, *input;
    pid_t mine;
    assert_int_equal(call(&increment_job, NOTHING), 7); /* so there is one worker, for both */
    input = payload_of(300000, 30);
    call_task busy;
    call_start(&busy, &rest_job, VALUE(second));
    assert_int_equal(yibu_sleep(YIBU_MS(20)), 0);
    int64_t start = monotonic_ns();
    mine = (pid_t)yibu_to_process_payload(&whose_job, input, &output, NULL);
    assert_true(mine > 0);
    expect_bytes(output, 300000, 30);
    yibu_payload_free(output);
    if (monotonic_ns() - start < YIBU_MS(900))
        assert_int_not_equal(call_finish(&busy), mine);
    else
        assert_true(call_finish(&busy) > 0);
    return 0;
}

LOOP_TEST(killed_in_the_middle_of_its_output)
{
    size_t numbers[2] = {20 * MEGABYTE, 1};
    for (int i = 0; i < 3; i++) {
        yibu_payload *output, *input = payload_of(sizeof(numbers), 0);
        memcpy(yibu_payload_data(input), numbers, sizeof(numbers));
        assert_int_equal(yibu_to_process_payload(&fill_job, input, &output, NULL), YIBU_EWORKER);
        assert_null(output);
    }
    numbers[1] = 0;
    yibu_payload *output, *input = payload_of(sizeof(numbers), 0);
    memcpy(yibu_payload_data(input), numbers, sizeof(numbers));
    assert_int_equal(yibu_to_process_payload(&fill_job, input, &output, NULL), 0);
    expect_bytes(output, 20 * MEGABYTE, 0x42);
    yibu_payload_free(output);
    return 0;
}

/* A job that dies is tried again with what is left of its input: the same bytes, elsewhere. */
LOOP_TEST(input_is_there_for_another_attempt)
{
    yibu_job_report report = {.size = sizeof(report)};
    yibu_job_options options = {.size = sizeof(options),
                                .report = &report,
                                .max_attempts = 3,
                                .retry_delay_ns = YIBU_MS(1)};
    size_t numbers[2] = {MEGABYTE, 1};
    yibu_payload *output, *input = payload_of(sizeof(numbers), 0);
    memcpy(yibu_payload_data(input), numbers, sizeof(numbers));
    assert_int_equal(yibu_to_process_payload(&fill_job, input, &output, &options), YIBU_EWORKER);
    assert_null(output);
    assert_int_equal(report.attempts, 3);
    return 0;
}

typedef struct payload_call {
    const yibu_job *job;
    yibu_payload *input, *output;
} payload_call;

static intptr_t run_payload_call(void *arg)
{
    payload_call *c = arg;
    return yibu_to_process_payload(c->job, c->input, &c->output, NULL);
}

/* Whatever the worker has come to. */
LOOP_TEST(cancelled_call_frees_its_payload)
{
    for (int i = 0; i < 12; i++) {
        int64_t ns = YIBU_MS(200);
        payload_call c = {.job = &rest_job, .input = payload_of(MEGABYTE, 0)};
        memcpy(yibu_payload_data(c.input), &ns, sizeof(ns));
        yibu_task *task = yibu_create_task(run_payload_call, &c, NULL);
        assert_int_equal(yibu_sleep(i % 3 == 0 ? 0 : i * YIBU_MS(1)), 0);
        yibu_task_cancel(task);
        assert_int_equal(yibu_await(task), -ECANCELED);
        assert_null(c.output);
        yibu_task_unref(task);
    }
    return 0;
}

/* Held in any order, results keep apart. */
LOOP_TEST(many_are_held_at_once)
{
    enum { COUNT = 60 };
    yibu_payload *held[COUNT] = {NULL};
    unsigned seed = 7;
    for (int round = 0; round < 400; round++) {
        seed = seed * 1103515245 + 12345;
        unsigned i = (seed >> 16) % COUNT;
        size_t size = 1 + (seed >> 8) % 200000;
        if (held[i]) {
            const unsigned char *data = yibu_payload_data(held[i]);
            size = yibu_payload_size(held[i]);
            assert_true(data[0] == i + 1 && data[size / 2] == i + 1 && data[size - 1] == i + 1);
            yibu_payload_free(held[i]);
            held[i] = NULL;
        } else {
            yibu_payload *input = payload_of(size, (int)i);
            assert_int_equal(yibu_to_process_payload(&increment_job, input, &held[i], NULL), 7);
        }
    }
    for (unsigned i = 0; i < COUNT; i++)
        yibu_payload_free(held[i]);
    return 0;
}

/* More than a lane holds pieces: -EAGAIN for an input, -ENOMEM for an output; and room again. */
LOOP_TEST(what_is_held_leaves_no_room)
{
    enum { MOST = 5000 };
    static yibu_payload *held[MOST];
    int count = 0, r = 0;
    while (count < MOST && (r = yibu_payload_new(NULL, 1, &held[count])) == 0)
        count++;
    assert_int_equal(r, -EAGAIN);
    assert_true(count >= 512);
    assert_int_equal(call(&increment_job, NOTHING), 7); /* what is small goes on */
    yibu_payload_free(held[--count]);
    assert_int_equal(yibu_payload_new(NULL, 1, &held[count]), 0);
    for (count++; count > 0;)
        yibu_payload_free(held[--count]);
    return 0;
}

LOOP_TEST(outputs_that_are_held_leave_no_room)
{
    enum { MOST = 5000 };
    static yibu_payload *held[MOST];
    size_t numbers[2] = {1, 0};
    intptr_t r = 0;
    int count = 0;
    for (; count < MOST && r == 0; count++) {
        yibu_payload *input = payload_of(sizeof(numbers), 0);
        memcpy(yibu_payload_data(input), numbers, sizeof(numbers));
        r = yibu_to_process_payload(&fill_job, input, &held[count], NULL);
    }
    assert_int_equal(r, -ENOMEM);
    assert_null(held[--count]);
    while (count > 0)
        yibu_payload_free(held[--count]);
    assert_int_equal(yibu_to_process_payload(&increment_job, payload_of(9, 1), &held[0], NULL), 7);
    yibu_payload_free(held[0]);
    return 0;
}

static void *free_elsewhere(void *arg)
{
    yibu_payload_free(arg);
    return NULL;
}

LOOP_TEST(payload_is_freed_by_any_thread)
{
    for (int i = 0; i < 40; i++) {
        pthread_t thread;
        yibu_payload *output;
        size_t size = i % 2 ? 1000 : 9 * MEGABYTE;
        assert_int_equal(
            yibu_to_process_payload(&increment_job, payload_of(size, 1), &output, NULL), 7);
        assert_int_equal(pthread_create(&thread, NULL, free_elsewhere, output), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    return 0;
}

typedef struct op_call {
    yibu_op op;
    ssize_t result;
    yibu_payload *output;
    yibu_event *done;
} op_call;

static void op_done(yibu_op *op, ssize_t result)
{
    op_call *c = op->arg;
    c->result = result;
    yibu_event_set(c->done);
}

LOOP_TEST(callback_form_does_the_same)
{
    yibu_event done = YIBU_EVENT_INIT;
    op_call c = {.done = &done};
    c.op.callback = op_done;
    c.op.arg = &c;
    assert_int_equal(yibu_op_to_process_payload(yibu_get_running_loop(), &c.op, &increment_job,
                                                payload_of(777, 1), &c.output, NULL),
                     0);
    assert_int_equal(yibu_event_wait(&done), 0);
    assert_int_equal(c.result, 7);
    expect_bytes(c.output, 777, 2);
    yibu_payload_free(c.output);
    return 0;
}

static yibu_payload *outlives;

static intptr_t leaves_a_payload(void *arg)
{
    (void)arg;
    return yibu_to_process_payload(&increment_job, payload_of(MEGABYTE, 1), &outlives, NULL);
}

static void result_outlives_its_loop(void **state)
{
    (void)state;
    assert_int_equal(yibu_run(leaves_a_payload, NULL, NULL), 7);
    expect_bytes(outlives, MEGABYTE, 2);
    yibu_payload_free(outlives);
}

static void payload_needs_a_loop(void **state)
{
    (void)state;
    yibu_payload *payload;
    assert_int_equal(yibu_payload_new(NULL, 1, &payload), YIBU_ENOTASK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_there_and_come_back),
        cmocka_unit_test(output_is_the_next_jobs_input),
        cmocka_unit_test(payload_is_optional_at_either_end),
        cmocka_unit_test(shorter_payload_is_a_shorter_input),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(copy_is_out_of_the_workers_reach),
        cmocka_unit_test(result_stays_when_its_worker_dies),
        cmocka_unit_test(input_goes_to_another_worker_when_its_own_has_died),
        cmocka_unit_test(input_goes_to_another_worker_when_its_own_is_busy),
        cmocka_unit_test(killed_in_the_middle_of_its_output),
        cmocka_unit_test(input_is_there_for_another_attempt),
        cmocka_unit_test(cancelled_call_frees_its_payload),
        cmocka_unit_test(many_are_held_at_once),
        cmocka_unit_test(what_is_held_leaves_no_room),
        cmocka_unit_test(outputs_that_are_held_leave_no_room),
        cmocka_unit_test(payload_is_freed_by_any_thread),
        cmocka_unit_test(callback_form_does_the_same),
        cmocka_unit_test(result_outlives_its_loop),
        cmocka_unit_test(payload_needs_a_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
