/* What jobs say while they run. */
#include "jobs.h"

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include <yibu/payload.h>

/* How many messages, how many bytes in each, and what then: */
typedef struct speech {
    unsigned count, bytes;
    enum { RETURN, CRASH, SLEEP } end;
} speech;

/* Each message begins with its number, and ends with it. */
static intptr_t speak(yibu_bytes input, yibu_buffer *output)
{
    static char message[70000];
    speech s;
    (void)output;
    memcpy(&s, input.data, sizeof(s));
    for (unsigned i = 0; i < s.count; i++) {
        memset(message, (int)(i % 251), s.bytes);
        memcpy(message, &i, sizeof(i));
        int r = yibu_job_send(message, s.bytes);
        if (r < 0)
            return r;
    }
    if (s.end == CRASH)
        raise(SIGKILL);
    if (s.end == SLEEP)
        pause();
    return s.count;
}
YIBU_JOB(speak);

typedef struct heard {
    unsigned count, bytes;
    bool done;
} heard;

static void hear(yibu_bytes message, void *arg)
{
    heard *h = arg;
    unsigned number;
    assert_false(h->done);
    assert_int_equal(message.size, h->bytes);
    memcpy(&number, message.data, sizeof(number));
    assert_int_equal(number, h->count);
    if (message.size > sizeof(number))
        assert_int_equal(((const unsigned char *)message.data)[message.size - 1], number % 251);
    h->count++;
}

static intptr_t listen_to(const speech *s, heard *h)
{
    *h = (heard){.bytes = s->bytes};
    yibu_job_options options = {.size = sizeof(options), .on_message = hear, .message_arg = h};
    intptr_t r = yibu_to_process(&speak_job, VALUE(*s), NULL, &options);
    h->done = true;
    return r;
}

LOOP_TEST(messages_come_in_order_before_the_end)
{
    static const unsigned sizes[] = {4, 5, 64, 1000, 65536};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        speech s = {.count = 300, .bytes = sizes[i]};
        heard h;
        assert_int_equal(listen_to(&s, &h), 300);
        assert_int_equal(h.count, 300);
    }
    return 0;
}

LOOP_TEST(messages_of_a_job_that_crashes_are_heard)
{
    for (unsigned count = 0; count < 40; count += 7) {
        speech s = {.count = count, .bytes = 500, .end = CRASH};
        heard h;
        assert_int_equal(listen_to(&s, &h), YIBU_EWORKER);
        assert_int_equal(h.count, count);
    }
    return 0;
}

LOOP_TEST(messages_nobody_takes_hold_nothing_up)
{
    speech s = {.count = 10000, .bytes = 1000};
    assert_int_equal(call(&speak_job, VALUE(s)), 10000);
    return 0;
}

LOOP_TEST(message_that_is_too_large_is_refused)
{
    speech s = {.count = 1, .bytes = 65537};
    heard h;
    assert_int_equal(listen_to(&s, &h), -EMSGSIZE);
    assert_int_equal(h.count, 0);
    return 0;
}

static void count_message(yibu_bytes message, void *arg)
{
    (void)message;
    ++*(unsigned *)arg;
}

LOOP_TEST(messages_of_retries_come_too)
{
    speech s = {.count = 5, .bytes = 4, .end = CRASH};
    unsigned count = 0;
    yibu_job_options options = {.size = sizeof(options),
                                .max_attempts = 3,
                                .retry_delay_ns = YIBU_MS(1),
                                .on_message = count_message,
                                .message_arg = &count};
    assert_int_equal(yibu_to_process(&speak_job, VALUE(s), NULL, &options), YIBU_EWORKER);
    assert_int_equal(count, 15);
    return 0;
}

/* While the job runs, not when it ends. */
typedef struct listener {
    speech speech;
    unsigned count;
    yibu_event *heard_all;
} listener;

static void wake_after_all(yibu_bytes message, void *arg)
{
    listener *l = arg;
    (void)message;
    if (++l->count == l->speech.count)
        yibu_event_set(l->heard_all);
}

static intptr_t run_listener(void *arg)
{
    listener *l = arg;
    yibu_job_options options = {
        .size = sizeof(options), .on_message = wake_after_all, .message_arg = l};
    return yibu_to_process(&speak_job, VALUE(l->speech), NULL, &options);
}

LOOP_TEST(messages_come_while_the_job_runs)
{
    yibu_event event = YIBU_EVENT_INIT;
    for (int i = 0; i < 5; i++) {
        listener l = {{.count = 1 + (unsigned)i * 100, .bytes = 4000, .end = SLEEP}, 0, &event};
        yibu_task *task = yibu_create_task(run_listener, &l, NULL);
        assert_int_equal(yibu_event_wait(&event), 0);
        yibu_event_clear(&event);
        assert_int_equal(l.count, l.speech.count);
        yibu_task_cancel(task);
        assert_int_equal(yibu_await(task), -ECANCELED);
        yibu_task_unref(task);
    }
    return 0;
}

/* Cancelled wherever the job may be, in the middle of a message too. */
LOOP_TEST(job_that_speaks_without_end_is_cancelled)
{
    yibu_event event = YIBU_EVENT_INIT;
    for (int i = 0; i < 20; i++) {
        listener l = {{.count = UINT32_MAX, .bytes = 1 + (unsigned)i * 3000}, 0, &event};
        yibu_task *task = yibu_create_task(run_listener, &l, NULL);
        assert_int_equal(yibu_sleep(YIBU_US(700) * i), 0);
        yibu_task_cancel(task);
        assert_int_equal(yibu_await(task), -ECANCELED);
        yibu_task_unref(task);
    }
    return 0;
}

/* Ones that speak and ones that do not share their workers. */
static intptr_t run_many(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < 30; i++) {
        seed = seed * 1103515245 + 12345;
        speech s = {.count = (seed >> 16) % 20, .bytes = 4 + (seed >> 20) % 3000};
        heard h;
        if (i % 3 == 0)
            assert_int_equal(call(&speak_job, VALUE(s)), s.count);
        else
            assert_int_equal(listen_to(&s, &h), s.count);
        if (i % 3 != 0)
            assert_int_equal(h.count, s.count);
    }
    return 0;
}

LOOP_TEST(many_speak_at_once)
{
    enum { COUNT = 50 };
    yibu_task *tasks[COUNT];
    for (int i = 0; i < COUNT; i++)
        tasks[i] = yibu_create_task(run_many, (void *)(uintptr_t)(i + 1), NULL);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(yibu_await(tasks[i]), 0);
        yibu_task_unref(tasks[i]);
    }
    return 0;
}

static intptr_t send_and_tell(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    if (yibu_job_send(NULL, 1) != -EINVAL)
        return 1;
    if (yibu_job_send(NULL, 0) != 0)
        return 2;
    pid_t child = fork();
    if (child == 0)
        _exit(yibu_job_send("x", 1) == -ENOTSUP ? 0 : 3);
    int status;
    return waitpid(child, &status, 0) == child ? WEXITSTATUS(status) : 4;
}
YIBU_JOB(send_and_tell);

LOOP_TEST(send_answers_what_is_wrong)
{
    unsigned count = 0;
    yibu_job_options options = {
        .size = sizeof(options), .on_message = count_message, .message_arg = &count};
    assert_int_equal(yibu_to_process(&send_and_tell_job, NOTHING, NULL, &options), 0);
    assert_int_equal(count, 1);
    assert_int_equal(yibu_job_send("x", 1), -ENOTSUP);
    return 0;
}

/* A callback may call jobs itself. */
static void start_another(yibu_bytes message, void *arg)
{
    yibu_task **task = arg;
    static speech s = {.count = 3, .bytes = 4};
    static listener l;
    static yibu_event event = YIBU_EVENT_INIT;
    (void)message;
    l = (listener){s, 0, &event};
    if (!*task)
        *task = yibu_create_task(run_listener, &l, NULL);
}

LOOP_TEST(callback_may_call_jobs)
{
    speech s = {.count = 10, .bytes = 100};
    yibu_task *task = NULL;
    yibu_job_options options = {
        .size = sizeof(options), .on_message = start_another, .message_arg = &task};
    assert_int_equal(yibu_to_process(&speak_job, VALUE(s), NULL, &options), 10);
    assert_int_equal(yibu_await(task), 3);
    yibu_task_unref(task);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_in_order_before_the_end),
        cmocka_unit_test(messages_of_a_job_that_crashes_are_heard),
        cmocka_unit_test(messages_nobody_takes_hold_nothing_up),
        cmocka_unit_test(message_that_is_too_large_is_refused),
        cmocka_unit_test(messages_of_retries_come_too),
        cmocka_unit_test(messages_come_while_the_job_runs),
        cmocka_unit_test(job_that_speaks_without_end_is_cancelled),
        cmocka_unit_test(many_speak_at_once),
        cmocka_unit_test(send_answers_what_is_wrong),
        cmocka_unit_test(callback_may_call_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
