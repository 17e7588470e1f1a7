/* Payloads and messages are cancelled wherever they wait, timed out there, and go without memory,
 * and leave nothing behind. */
#include "drive.h"
#include "everything.h"

enum { BYTES = 6 << 20 };

static intptr_t payload_speak(yibu_bytes input, yibu_buffer *output)
{
    int r = yibu_buffer_reserve(output, input.size);
    for (int i = 0; r == 0 && i < 3; i++)
        r = yibu_job_send(&i, sizeof(i));
    if (r < 0)
        return r;
    ((char *)output->data)[input.size - 1] = ((const char *)input.data)[input.size - 1];
    output->size = input.size;
    return 0;
}
YIBU_JOB(payload_speak);

static intptr_t payload_hear(yibu_concurrent_future *future)
{
    int r;
    YIBU_ASYNC_FOR (yibu_bytes *, message, yibu_concurrent_future_messages(future), &r)
        assert_int_equal(message->size, sizeof(int));
    return r;
}

/* The end of the job is waited for also where something went wrong: it uses the payload. */
static intptr_t payload_take(yibu_concurrent_future *future)
{
    yibu_payload *output = NULL;
    intptr_t heard = payload_hear(future);
    intptr_t r = yibu_concurrent_future_result(future, YIBU_FOREVER);
    if (r == 0 && yibu_concurrent_future_take_payload(future, &output) == 0) {
        assert_int_equal(yibu_payload_size(output), BYTES);
        assert_int_equal(((char *)yibu_payload_data(output))[BYTES - 1], 'z');
    }
    yibu_payload_free(output);
    yibu_concurrent_future_unref(future);
    return r < 0 ? r : heard;
}

static intptr_t payload_send(yibu_executor *executor)
{
    const yibu_job_options options = {.size = sizeof(options), .keep_messages = true};
    yibu_payload *input;
    yibu_concurrent_future *future;
    int r = yibu_payload_new(executor, BYTES, &input);
    if (r < 0)
        return r;
    ((char *)yibu_payload_data(input))[BYTES - 1] = 'z';
    r = yibu_executor_submit_payload(executor, &payload_speak_job, input, &options, &future);
    return r < 0 ? r : payload_take(future);
}

static intptr_t payload_with(bool own_thread)
{
    const yibu_process_pool_options options = {
        .size = sizeof(options), .max_workers = 1, .own_thread = own_thread};
    yibu_executor *executor;
    intptr_t r = yibu_process_pool_executor_new(&options, &executor);
    if (r < 0)
        return r;
    r = payload_send(executor);
    yibu_executor_free(executor);
    return r;
}

static intptr_t payload_here(void)
{
    return payload_with(false);
}

static intptr_t payload_elsewhere(void)
{
    return payload_with(true);
}

DRIVE(payloads_of_an_executor_at_home, payload_here, false)
DRIVE(payloads_of_an_executor_elsewhere, payload_elsewhere, false)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_of_an_executor_at_home),
        cmocka_unit_test(payloads_of_an_executor_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
