/* Payloads and messages of jobs that were submitted to executors, from tasks and from threads. */
#include "jobs.h"
#include "result.h"

#include <pthread.h>
#include <string.h>

#include <yibu/executor.h>
#include <yibu/payload.h>
#include <yibu/process_pool.h>
#include <yibu/thread_pool.h>

static intptr_t increment(yibu_bytes input, yibu_buffer *output)
{
    const unsigned char *from = input.data;
    if (yibu_buffer_reserve(output, input.size) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < input.size; i++)
        ((unsigned char *)output->data)[i] = (unsigned char)(from[i] + 1);
    output->size = input.size;
    return 7;
}
YIBU_JOB(increment);

typedef struct speech {
    unsigned count, bytes;
    bool dies;
} speech;

static intptr_t speak(yibu_bytes input, yibu_buffer *output)
{
    static char message[65536];
    speech s;
    (void)output;
    memcpy(&s, input.data, sizeof(s));
    for (unsigned i = 0; i < s.count; i++) {
        memcpy(message, &i, sizeof(i));
        int r = yibu_job_send(message, s.bytes);
        if (r < 0)
            return r;
    }
    if (s.dies)
        raise(SIGKILL);
    return 11;
}
YIBU_JOB(speak);

/* An executor at home on this loop, on a thread of its own, of threads. */
static yibu_executor *executor_at_home, *executor_elsewhere, *threads;

static void make_executors(void)
{
    yibu_process_pool_options options = {.size = sizeof(options), .max_workers = 2};
    assert_int_equal(yibu_process_pool_executor_new(&options, &executor_at_home), 0);
    options.own_thread = true;
    assert_int_equal(yibu_process_pool_executor_new(&options, &executor_elsewhere), 0);
    assert_int_equal(yibu_thread_pool_executor_new(NULL, &threads), 0);
}

static void free_executors(void)
{
    yibu_executor_free(executor_at_home);
    yibu_executor_free(executor_elsewhere);
    yibu_executor_free(threads);
}

/* A coroutine test with these executors. */
#define EXECUTORS_TEST(NAME)                     \
    static intptr_t NAME##_with_executors(void); \
    LOOP_TEST(NAME)                              \
    {                                            \
        make_executors();                        \
        intptr_t r = NAME##_with_executors();    \
        free_executors();                        \
        return r;                                \
    }                                            \
    static intptr_t NAME##_with_executors(void)

/* Payloads. */

static void round_trip(yibu_executor *executor, size_t size)
{
    yibu_payload *payload, *output = NULL;
    yibu_concurrent_future *future;
    assert_int_equal(yibu_payload_new(executor, size, &payload), 0);
    memset(yibu_payload_data(payload), 1, size);
    assert_int_equal(yibu_executor_submit_payload(executor, &increment_job, payload, NULL, &future),
                     0);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 7);
    assert_int_equal(yibu_concurrent_future_take_payload(future, &output), 0);
    yibu_concurrent_future_unref(future);
    assert_int_equal(yibu_payload_size(output), size);
    const unsigned char *bytes = yibu_payload_data(output);
    assert_true(bytes[0] == 2 && bytes[size / 2] == 2 && bytes[size - 1] == 2);
    yibu_payload_free(output);
}

EXECUTORS_TEST(payloads_go_to_executors)
{
    static const size_t sizes[] = {1, 5000, 1 << 20, 9 << 20};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        round_trip(executor_at_home, sizes[i]);
        round_trip(executor_elsewhere, sizes[i]);
    }
    return 0;
}

static void *round_trips(void *arg)
{
    for (size_t i = 1; i <= 30; i++)
        round_trip(arg, i * 40000);
    return NULL;
}

EXECUTORS_TEST(threads_use_payloads)
{
    enum { THREADS = 4 };
    pthread_t plain[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&plain[i], NULL, round_trips, executor_elsewhere), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(plain[i], NULL), 0);
    return 0;
}

EXECUTORS_TEST(payload_nobody_takes_goes_with_the_future)
{
    for (int i = 0; i < 600; i++) {
        yibu_payload *payload;
        yibu_concurrent_future *future;
        assert_int_equal(yibu_payload_new(executor_at_home, 100, &payload), 0);
        assert_int_equal(yibu_executor_submit_payload(executor_at_home, &increment_job, payload,
                                                      NULL, &future),
                         0);
        assert_int_equal(yibu_concurrent_future_take_payload(future, &payload), -EINPROGRESS);
        assert_int_equal(result_of(future), 7);
    }
    return 0;
}

/* As any input. */
EXECUTORS_TEST(payload_of_one_executor_serves_another)
{
    yibu_payload *payload, *output;
    yibu_concurrent_future *future;
    assert_int_equal(yibu_payload_new(executor_elsewhere, 100000, &payload), 0);
    memset(yibu_payload_data(payload), 4, 100000);
    assert_int_equal(
        yibu_executor_submit_payload(executor_at_home, &increment_job, payload, NULL, &future), 0);
    assert_int_equal(yibu_concurrent_future_result(future, YIBU_FOREVER), 7);
    assert_int_equal(yibu_concurrent_future_take_payload(future, &output), 0);
    assert_int_equal(((unsigned char *)yibu_payload_data(output))[99999], 5);
    yibu_payload_free(output);
    assert_int_equal(yibu_concurrent_future_take_payload(future, &output), 0);
    assert_null(output);
    yibu_concurrent_future_unref(future);
    return 0;
}

EXECUTORS_TEST(what_takes_no_payloads_says_so)
{
    yibu_payload *payload;
    yibu_concurrent_future *future;
    assert_int_equal(yibu_payload_new(threads, 10, &payload), -ENOTSUP);
    assert_int_equal(yibu_payload_new(executor_at_home, 10, &payload), 0);
    assert_int_equal(yibu_executor_submit_payload(threads, &increment_job, payload, NULL, &future),
                     -ENOTSUP);
    assert_int_equal(yibu_executor_submit_payload(executor_at_home, &increment_job, NULL, NULL,
                                                  &future),
                     -EINVAL);
    return 0;
}

/* Messages. */

static yibu_concurrent_future *submit_speech(yibu_executor *executor, speech s)
{
    yibu_concurrent_future *future;
    yibu_job_options options = {.size = sizeof(options), .keep_messages = true};
    assert_int_equal(yibu_executor_submit_job(executor, &speak_job, VALUE(s), &options, &future),
                     0);
    return future;
}

static unsigned hear_all(yibu_concurrent_future *future, unsigned bytes)
{
    unsigned count = 0, number;
    int r;
    YIBU_ASYNC_FOR (yibu_bytes *, message, yibu_concurrent_future_messages(future), &r) {
        assert_int_equal(message->size, bytes);
        memcpy(&number, message->data, sizeof(number));
        assert_int_equal(number, count);
        count++;
    }
    assert_int_equal(r, 0);
    return count;
}

static void hear_speech(yibu_executor *executor, speech s, intptr_t result)
{
    yibu_concurrent_future *future = submit_speech(executor, s);
    assert_int_equal(hear_all(future, s.bytes), s.count);
    assert_int_equal(yibu_concurrent_future_result(future, 0), result);
    yibu_concurrent_future_unref(future);
}

EXECUTORS_TEST(messages_are_iterated)
{
    yibu_executor *executors[] = {executor_at_home, executor_elsewhere, threads};
    static const unsigned sizes[] = {4, 100, 65536};
    for (int i = 0; i < 3; i++)
        for (int size = 0; size < 3; size++) {
            hear_speech(executors[i], (speech){.count = 0, .bytes = sizes[size]}, 11);
            hear_speech(executors[i], (speech){.count = 200, .bytes = sizes[size]}, 11);
        }
    return 0;
}

EXECUTORS_TEST(messages_before_a_crash_are_iterated)
{
    for (unsigned count = 0; count < 60; count += 13) {
        hear_speech(executor_at_home, (speech){count, 100, true}, YIBU_EWORKER);
        hear_speech(executor_elsewhere, (speech){count, 65536, true}, YIBU_EWORKER);
    }
    return 0;
}

/* The job waits for a listener that takes its time: no more than lane and future hold is under
 * way. */
EXECUTORS_TEST(slow_listener_holds_the_job_up)
{
    yibu_executor *executors[] = {executor_at_home, executor_elsewhere};
    for (int i = 0; i < 2; i++) {
        speech s = {.count = 100, .bytes = 16384};
        yibu_concurrent_future *future = submit_speech(executors[i], s);
        assert_int_equal(yibu_concurrent_future_result(future, YIBU_MS(30)), -ETIMEDOUT);
        assert_int_equal(hear_all(future, s.bytes), s.count);
        assert_int_equal(result_of(future), 11);
    }
    return 0;
}

EXECUTORS_TEST(job_that_waits_for_a_listener_is_cancelled)
{
    yibu_executor *executors[] = {executor_at_home, executor_elsewhere};
    for (int i = 0; i < 2; i++) {
        yibu_concurrent_future *future =
            submit_speech(executors[i], (speech){.count = 100, .bytes = 16384});
        assert_int_equal(yibu_concurrent_future_result(future, YIBU_MS(20)), -ETIMEDOUT);
        assert_true(yibu_concurrent_future_cancel(future));
        assert_int_equal(result_of(future), -ECANCELED);
    }
    return 0;
}

/* After that the job goes on alone. */
EXECUTORS_TEST(listener_that_leaves_holds_nothing_up)
{
    yibu_executor *executors[] = {executor_at_home, executor_elsewhere};
    for (int i = 0; i < 2; i++) {
        yibu_concurrent_future *future =
            submit_speech(executors[i], (speech){.count = 200, .bytes = 16384});
        yibu_iterator *messages = yibu_concurrent_future_messages(future);
        void *item;
        assert_non_null(messages);
        assert_null(yibu_concurrent_future_messages(future));
        assert_int_equal(yibu_iterator_next(messages, &item), 1);
        assert_int_equal(yibu_iterator_close(messages), 0);
        assert_int_equal(result_of(future), 11);
    }
    return 0;
}

static intptr_t next_message(void *arg)
{
    void *item;
    return yibu_iterator_next(arg, &item);
}

static intptr_t rest(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    pause();
    return 0;
}
YIBU_JOB(rest);

EXECUTORS_TEST(waiting_listener_is_cancelled)
{
    yibu_concurrent_future *future;
    yibu_job_options options = {.size = sizeof(options), .keep_messages = true};
    assert_int_equal(
        yibu_executor_submit_job(executor_elsewhere, &rest_job, NOTHING, &options, &future), 0);
    yibu_iterator *messages = yibu_concurrent_future_messages(future);
    yibu_task *task = yibu_create_task(next_message, messages, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(5)), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(yibu_iterator_close(messages), 0);
    yibu_concurrent_future_cancel(future);
    assert_int_equal(result_of(future), -ECANCELED);
    return 0;
}

EXECUTORS_TEST(future_without_messages_has_no_iterator)
{
    yibu_concurrent_future *future;
    assert_int_equal(
        yibu_executor_submit_job(executor_at_home, &increment_job, NOTHING, NULL, &future), 0);
    assert_null(yibu_concurrent_future_messages(future));
    assert_null(yibu_concurrent_future_messages(NULL));
    assert_int_equal(result_of(future), 7);
    return 0;
}

/* One that never ran. */
EXECUTORS_TEST(iterator_of_a_cancelled_job_ends)
{
    yibu_concurrent_future *busy[3], *future;
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            yibu_executor_submit_job(executor_at_home, &rest_job, NOTHING, NULL, &busy[i]), 0);
    future = submit_speech(executor_at_home, (speech){.count = 1, .bytes = 4});
    assert_true(yibu_concurrent_future_cancel(future));
    assert_int_equal(hear_all(future, 4), 0);
    yibu_concurrent_future_unref(future);
    for (int i = 0; i < 3; i++) {
        yibu_concurrent_future_cancel(busy[i]);
        assert_int_equal(result_of(busy[i]), -ECANCELED);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_go_to_executors),
        cmocka_unit_test(threads_use_payloads),
        cmocka_unit_test(payload_nobody_takes_goes_with_the_future),
        cmocka_unit_test(payload_of_one_executor_serves_another),
        cmocka_unit_test(what_takes_no_payloads_says_so),
        cmocka_unit_test(messages_are_iterated),
        cmocka_unit_test(messages_before_a_crash_are_iterated),
        cmocka_unit_test(slow_listener_holds_the_job_up),
        cmocka_unit_test(job_that_waits_for_a_listener_is_cancelled),
        cmocka_unit_test(listener_that_leaves_holds_nothing_up),
        cmocka_unit_test(waiting_listener_is_cancelled),
        cmocka_unit_test(future_without_messages_has_no_iterator),
        cmocka_unit_test(iterator_of_a_cancelled_job_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
