/* Options of one call: attempts, priority, and the grace of a worker that is to be ended. */
#include "jobs.h"

#include <sys/wait.h>

/* A file whose size says how often something happened, across processes. */
typedef struct counter {
    char path[64];
} counter;

static counter counter_new(void)
{
    counter c = {"/tmp/yibu-count-XXXXXX"};
    int fd = mkstemp(c.path);
    assert_true(fd >= 0);
    close(fd);
    return c;
}

static void counter_add(const char *path, char what)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    (void)!write(fd, &what, 1);
    close(fd);
}

static long counter_read(const counter *c, char *text, size_t size)
{
    int fd = open(c->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return (long)n;
}

/* Attempts. */

typedef struct stumble {
    counter count;
    int deaths; /* before it succeeds */
} stumble;

static intptr_t stumble_on(yibu_bytes input, yibu_buffer *output)
{
    const stumble *s = input.data;
    char text[64];
    counter_add(s->count.path, '.');
    if (counter_read(&s->count, text, sizeof(text)) <= s->deaths)
        raise(SIGKILL);
    return yibu_buffer_append(output, "up", 2) < 0 ? -ENOMEM : 7;
}
YIBU_JOB(stumble_on);

static intptr_t stumble_with(int deaths, yibu_job_options options, yibu_job_report *report,
                             long *ret_count)
{
    stumble s = {counter_new(), deaths};
    yibu_buffer output = {0};
    char text[64];
    options.size = sizeof(options);
    report->size = sizeof(*report);
    options.report = report;
    intptr_t r = yibu_to_process(&stumble_on_job, VALUE(s), &output, &options);
    assert_int_equal(output.size, r == 7 ? 2 : 0);
    yibu_buffer_free(&output);
    *ret_count = counter_read(&s.count, text, sizeof(text));
    unlink(s.count.path);
    return r;
}

LOOP_TEST(job_whose_worker_died_is_tried_again)
{
    yibu_job_report report;
    long count;
    yibu_job_options options = {.max_attempts = 3, .retry_delay_ns = YIBU_MS(1)};
    assert_int_equal(stumble_with(2, options, &report, &count), 7);
    assert_int_equal(count, 3);
    assert_int_equal(report.attempts, 3);
    assert_int_equal(report.signal, 0);
    assert_true(report.worker > 0);
    return 0;
}

LOOP_TEST(job_whose_worker_always_dies_fails_after_its_attempts)
{
    yibu_job_report report;
    long count;
    yibu_job_options options = {.max_attempts = 3, .retry_delay_ns = YIBU_MS(1)};
    assert_int_equal(stumble_with(9, options, &report, &count), YIBU_EWORKER);
    assert_int_equal(count, 3);
    assert_int_equal(report.attempts, 3);
    assert_int_equal(report.signal, SIGKILL);
    return 0;
}

LOOP_TEST(without_attempts_there_is_one)
{
    yibu_job_report report;
    long count;
    assert_int_equal(stumble_with(1, (yibu_job_options){0}, &report, &count), YIBU_EWORKER);
    assert_int_equal(count, 1);
    assert_int_equal(report.attempts, 1);
    return 0;
}

static intptr_t fail_itself(yibu_bytes input, yibu_buffer *output)
{
    (void)output;
    counter_add(((const counter *)input.data)->path, '.');
    return -EIO;
}
YIBU_JOB(fail_itself);

LOOP_TEST(failure_that_a_job_returns_is_not_tried_again)
{
    counter c = counter_new();
    char text[8];
    yibu_job_options options = {
        .size = sizeof(options), .max_attempts = 5, .retry_delay_ns = YIBU_MS(1)};
    assert_int_equal(yibu_to_process(&fail_itself_job, VALUE(c), NULL, &options), -EIO);
    assert_int_equal(counter_read(&c, text, sizeof(text)), 1);
    unlink(c.path);
    return 0;
}

LOOP_TEST(delay_between_attempts_doubles)
{
    yibu_job_report report;
    long count;
    int64_t start = monotonic_ns();
    yibu_job_options options = {.max_attempts = 4, .retry_delay_ns = YIBU_MS(20)};
    assert_int_equal(stumble_with(3, options, &report, &count), 7);
    assert_true(monotonic_ns() - start >= YIBU_MS(20 + 40 + 80));
    return 0;
}

static intptr_t run_stumble(void *arg)
{
    yibu_job_options options = {
        .size = sizeof(options), .max_attempts = 2, .retry_delay_ns = YIBU_SECONDS(1000)};
    return yibu_to_process(&stumble_on_job, (yibu_bytes){arg, sizeof(stumble)}, NULL, &options);
}

static void wait_for_marks(const counter *c, long count)
{
    char text[64];
    while (counter_read(c, text, sizeof(text)) < count)
        (void)yibu_sleep(YIBU_MS(1));
}

LOOP_TEST(cancel_ends_the_wait_for_the_next_attempt)
{
    stumble s = {counter_new(), 1};
    yibu_task *task = yibu_create_task(run_stumble, &s, NULL);
    wait_for_marks(&s.count, 1);
    (void)yibu_sleep(YIBU_MS(50)); /* until the death is known, in all likelihood */
    assert_true(yibu_task_cancel(task));
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    unlink(s.count.path);
    return 0;
}

/* Priority: one worker, which is held while the others line up. */

typedef struct mark {
    char path[64];
    char what;
    int64_t hold_ns;
} mark;

static intptr_t make_mark(yibu_bytes input, yibu_buffer *output)
{
    const mark *m = input.data;
    (void)output;
    counter_add(m->path, m->what);
    usleep((useconds_t)(m->hold_ns / 1000));
    return 0;
}
YIBU_JOB(make_mark);

typedef struct marker {
    mark mark;
    int priority;
    yibu_task *task;
} marker;

static intptr_t run_marker(void *arg)
{
    marker *m = arg;
    yibu_job_options options = {.size = sizeof(options), .priority = m->priority};
    return yibu_to_process(&make_mark_job, VALUE(m->mark), NULL, &options);
}

static void start_marker(marker *m, const counter *c, char what, int priority, int64_t hold_ns)
{
    *m = (marker){.mark = {.what = what, .hold_ns = hold_ns}, .priority = priority};
    memcpy(m->mark.path, c->path, sizeof(m->mark.path));
    m->task = yibu_create_task(run_marker, m, NULL);
}

static void expect_order(const int *priorities, const char *expected, bool known)
{
    marker markers[32];
    counter c = counter_new();
    char text[64];
    size_t count = strlen(expected);
    for (int i = 0; known && i < 20; i++) { /* as a job so short that many share a lane */
        start_marker(&markers[0], &c, '-', 0, 0);
        (void)yibu_await(markers[0].task);
        yibu_task_unref(markers[0].task);
    }
    long before = counter_read(&c, text, sizeof(text));
    start_marker(&markers[0], &c, '0', 0, YIBU_MS(100));
    wait_for_marks(&c, before + 1);
    for (size_t i = 1; i < count; i++) {
        start_marker(&markers[i], &c, (char)('0' + i), priorities[i], 0);
        if (i % 3 == 0)
            (void)yibu_sleep(0); /* so that what came so far may lie in the lane already */
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(yibu_await(markers[i].task), 0);
        yibu_task_unref(markers[i].task);
    }
    counter_read(&c, text, sizeof(text));
    assert_string_equal(text + before, expected);
    unlink(c.path);
}

static intptr_t in_order_of_priority(void *arg)
{
    static const int priorities[] = {0, 0, -5, 0, 9, INT32_MIN, 9, 0, INT32_MAX};
    expect_order(priorities, "084613725", arg != NULL);
    return 0;
}

static void jobs_in_line_are_run_in_order_of_priority(void **state)
{
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(in_order_of_priority, NULL, &options), 0);
    assert_int_equal(yibu_run(in_order_of_priority, &state, &options), 0);
}

/* Grace. */

static counter told;

static void tell_and_go(int signal_number)
{
    (void)signal_number;
    counter_add(told.path, 'T');
    _exit(5);
}

static volatile sig_atomic_t asked;

static void note_the_wish(int signal_number)
{
    (void)signal_number;
    asked = 1;
}

typedef struct stubborn {
    counter count;
    char how; /* 'g' goes, 'i' ignores, 'a' answers */
} stubborn;

static intptr_t hold_on(yibu_bytes input, yibu_buffer *output)
{
    const stubborn *s = input.data;
    told = s->count;
    signal(SIGTERM, s->how == 'g' ? tell_and_go : s->how == 'a' ? note_the_wish : SIG_IGN);
    counter_add(told.path, '.');
    while (!asked)
        usleep(1000);
    asked = 0;
    return yibu_buffer_append(output, "so far", 6);
}
YIBU_JOB(hold_on);

static intptr_t hold(stubborn *s, int64_t timeout_ns, int64_t grace_ns, yibu_buffer *output,
                     yibu_job_report *report)
{
    *report = (yibu_job_report){.size = sizeof(*report)};
    yibu_job_options options = {
        .size = sizeof(options), .timeout_ns = timeout_ns, .grace_ns = grace_ns, .report = report};
    return yibu_to_process(&hold_on_job, VALUE(*s), output, &options);
}

static void expect_hold(char how, int64_t grace_ns, intptr_t result, const char *marks)
{
    stubborn s = {counter_new(), how};
    yibu_job_report report;
    yibu_buffer output = {0};
    char text[8];
    assert_int_equal(hold(&s, YIBU_MS(50), grace_ns, &output, &report), result);
    counter_read(&s.count, text, sizeof(text));
    assert_string_equal(text, marks);
    assert_int_equal(output.size, result == -ETIMEDOUT ? 0 : 6);
    if (result == -ETIMEDOUT)
        assert_int_equal(report.signal, how == 'g' && grace_ns ? 0 : SIGKILL);
    expect_gone(report.worker);
    yibu_buffer_free(&output);
    unlink(s.count.path);
}

LOOP_TEST(worker_to_be_ended_is_asked_first_where_it_has_a_grace)
{
    expect_hold('g', YIBU_SECONDS(1000), -ETIMEDOUT, ".T");
    expect_hold('g', 0, -ETIMEDOUT, ".");
    expect_hold('i', YIBU_MS(50), -ETIMEDOUT, ".");
    return 0;
}

LOOP_TEST(answer_within_the_grace_counts)
{
    expect_hold('a', YIBU_SECONDS(1000), 0, ".");
    return 0;
}

static intptr_t hold_without_limit(void *arg)
{
    yibu_job_report report;
    return hold(arg, 0, YIBU_MS(50), NULL, &report);
}

LOOP_TEST(cancelled_job_has_its_grace_too)
{
    static const char hows[] = {'g', 'i'};
    for (int i = 0; i < 2; i++) {
        stubborn s = {counter_new(), hows[i]};
        char text[8];
        yibu_task *task = yibu_create_task(hold_without_limit, &s, NULL);
        wait_for_marks(&s.count, 1);
        assert_true(yibu_task_cancel(task));
        assert_int_equal(yibu_await(task), -ECANCELED);
        yibu_task_unref(task);
        counter_read(&s.count, text, sizeof(text));
        assert_string_equal(text, hows[i] == 'g' ? ".T" : ".");
        unlink(s.count.path);
    }
    return 0;
}

/* A worker that cannot hear is killed all the same. */

static intptr_t stop_itself(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    raise(SIGSTOP);
    return 0;
}
YIBU_JOB(stop_itself);

LOOP_TEST(stopped_worker_is_killed_at_its_time_limit)
{
    yibu_job_report report = {.size = sizeof(report)};
    yibu_job_options options = {.size = sizeof(options),
                                .timeout_ns = YIBU_MS(30),
                                .grace_ns = YIBU_MS(30),
                                .report = &report};
    assert_int_equal(yibu_to_process(&stop_itself_job, NOTHING, NULL, &options), -ETIMEDOUT);
    assert_int_equal(report.signal, SIGKILL);
    expect_gone(report.worker);
    return 0;
}

LOOP_TEST(options_out_of_range_are_refused)
{
    yibu_job_options bad[] = {{.grace_ns = -1}, {.retry_delay_ns = -1}, {.timeout_ns = -1}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bad[i].size = sizeof(bad[i]);
        assert_int_equal(yibu_to_process(&stop_itself_job, NOTHING, NULL, &bad[i]), -EINVAL);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_whose_worker_died_is_tried_again),
        cmocka_unit_test(job_whose_worker_always_dies_fails_after_its_attempts),
        cmocka_unit_test(without_attempts_there_is_one),
        cmocka_unit_test(failure_that_a_job_returns_is_not_tried_again),
        cmocka_unit_test(delay_between_attempts_doubles),
        cmocka_unit_test(cancel_ends_the_wait_for_the_next_attempt),
        cmocka_unit_test(jobs_in_line_are_run_in_order_of_priority),
        cmocka_unit_test(worker_to_be_ended_is_asked_first_where_it_has_a_grace),
        cmocka_unit_test(answer_within_the_grace_counts),
        cmocka_unit_test(cancelled_job_has_its_grace_too),
        cmocka_unit_test(stopped_worker_is_killed_at_its_time_limit),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
