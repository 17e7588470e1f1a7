/* What one job asks for itself: memory, processors, environment, folder, output; and that the next
 * job finds none of it. */
#include "jobs.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Address space is counted otherwise by instruments. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(YB_VALGRIND)
enum { INSTRUMENTED = 1 };
#else
enum { INSTRUMENTED = 0 };
#endif

static intptr_t call_as(const yibu_job *job, yibu_bytes input, yibu_buffer *ret_output,
                        yibu_job_options options, yibu_job_report *ret_report)
{
    *ret_report = (yibu_job_report){.size = sizeof(*ret_report)};
    options.size = sizeof(options);
    options.report = ret_report;
    return yibu_to_process(job, input, ret_output, &options);
}

static intptr_t tell_pid(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return getpid();
}
YIBU_JOB(tell_pid);

/* Memory. */

/* Allocates so much; -ENOMEM where it does not get it. */
static intptr_t allocate(yibu_bytes input, yibu_buffer *output)
{
    size_t size;
    (void)output;
    memcpy(&size, input.data, sizeof(size));
    char *memory = malloc(size);
    if (!memory)
        return -ENOMEM;
    memset(memory, 1, size);
    intptr_t r = memory[size / 2];
    free(memory);
    return r;
}
YIBU_JOB(allocate);

LOOP_TEST(memory_limit_is_the_jobs_and_not_the_workers)
{
    size_t much = 256 << 20, little = 1 << 20;
    yibu_job_options limited = {.memory_bytes = 64 << 20};
    yibu_job_report first, report;
    if (INSTRUMENTED)
        return 0;
    assert_int_equal(call_as(&allocate_job, VALUE(much), NULL, limited, &first), -ENOMEM);
    assert_int_equal(first.reason, YIBU_JOB_REASON_NONE);
    assert_int_equal(call_as(&allocate_job, VALUE(little), NULL, limited, &report), 1);
    assert_int_equal(report.worker, first.worker);
    assert_int_equal(call_as(&allocate_job, VALUE(much), NULL, (yibu_job_options){0}, &report), 1);
    return 0;
}

static intptr_t trust_malloc(yibu_bytes input, yibu_buffer *output)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    size_t size = 16 << 20;
    for (;;) {
        char *volatile memory = malloc(size);
        memory[*(const char *)input.data == 'm' ? size - 1 : 0] = 1;
    }
    return output->size != 0;
}
YIBU_JOB(trust_malloc);

static intptr_t give_up(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    for (;;)
        if (!malloc(16 << 20))
            abort();
}
YIBU_JOB(give_up);

LOOP_TEST(job_that_dies_of_its_memory_limit_was_out_of_memory)
{
    yibu_job_options limited = {.memory_bytes = 128 << 20};
    yibu_job_report report;
    if (INSTRUMENTED)
        return 0;
    assert_int_equal(call_as(&trust_malloc_job, TEXT("0"), NULL, limited, &report), YIBU_EWORKER);
    assert_int_equal(report.reason, YIBU_JOB_REASON_OUT_OF_MEMORY);
    assert_int_equal(report.signal, SIGSEGV);
    assert_int_equal(call_as(&give_up_job, NOTHING, NULL, limited, &report), YIBU_EWORKER);
    assert_int_equal(report.reason, YIBU_JOB_REASON_OUT_OF_MEMORY);
    assert_int_equal(report.signal, SIGABRT);
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

/* Processors. */

static intptr_t count_processors(yibu_bytes input, yibu_buffer *output)
{
    cpu_set_t set;
    (void)input;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return -errno;
    (void)yibu_buffer_append(output, &set, sizeof(set));
    return CPU_COUNT(&set);
}
YIBU_JOB(count_processors);

LOOP_TEST(job_runs_on_its_processors_and_the_next_on_all)
{
    cpu_set_t all, one;
    yibu_buffer output = {0};
    yibu_job_report report;
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    int last = 0;
    for (size_t i = 0; i < CPU_SETSIZE; i++)
        last = CPU_ISSET(i, &all) ? (int)i : last;
    yibu_job_options options = {.cpus = &last, .cpu_count = 1};
    assert_int_equal(call_as(&count_processors_job, NOTHING, &output, options, &report), 1);
    memcpy(&one, output.data, sizeof(one));
    assert_true(CPU_ISSET((size_t)last, &one));
    assert_int_equal(call(&count_processors_job, NOTHING), CPU_COUNT(&all));
    yibu_buffer_free(&output);
    return 0;
}

LOOP_TEST(processors_that_are_not_there_fail_the_job)
{
    int none = 8000;
    yibu_job_options options = {.cpus = &none, .cpu_count = 1};
    yibu_job_report report;
    assert_int_equal(call_as(&tell_pid_job, NOTHING, NULL, options, &report), -EINVAL);
    assert_true(call(&tell_pid_job, NOTHING) > 0);
    return 0;
}

/* Environment and folder. */

static intptr_t look_around(yibu_bytes input, yibu_buffer *output)
{
    char folder[4096], text[8192];
    const char *set = getenv("YIBU_TEST_SET"), *home = getenv("HOME"), *path = getenv("PATH");
    (void)input;
    int n = snprintf(text, sizeof(text), "%s %s %s %s", set ? set : "-", home ? "home" : "-",
                     path ? "path" : "-", getcwd(folder, sizeof(folder)) ? folder : "-");
    return yibu_buffer_append(output, text, (size_t)n + 1);
}
YIBU_JOB(look_around);

static void expect_around(const char *expected, yibu_job_options options)
{
    yibu_buffer output = {0};
    yibu_job_report report;
    assert_int_equal(call_as(&look_around_job, NOTHING, &output, options, &report), 0);
    assert_string_equal(output.data, expected);
    yibu_buffer_free(&output);
}

LOOP_TEST(environment_and_folder_are_the_jobs_alone)
{
    const char *const changes[] = {"YIBU_TEST_SET=a=b", "HOME", "YIBU_TEST_NONE", NULL};
    char here[4096], plain[8192];
    setenv("HOME", "/root", 1);
    setenv("PATH", "/bin", 1);
    assert_non_null(getcwd(here, sizeof(here)));
    snprintf(plain, sizeof(plain), "- home path %s", here);
    for (int i = 0; i < 3; i++) {
        expect_around(plain, (yibu_job_options){0});
        expect_around("a=b - path /", (yibu_job_options){.env_changes = changes, .cwd = "/"});
    }
    return 0;
}

LOOP_TEST(folder_that_is_not_there_fails_the_job)
{
    yibu_job_options options = {.cwd = "/nowhere/at/all"};
    yibu_buffer output = {0};
    yibu_job_report report;
    assert_int_equal(call_as(&look_around_job, NOTHING, &output, options, &report), -ENOENT);
    assert_int_equal(output.size, 0);
    yibu_buffer_free(&output);
    return 0;
}

/* Output. */

/* Says what it was told to; and then, for 'k', dies. */
static intptr_t speak(yibu_bytes input, yibu_buffer *output)
{
    const char *how = input.data;
    (void)output;
    printf("to output %s\n", how);
    fprintf(stderr, "to error %s\n", how);
    printf("unfinished");
    if (how[0] == 'k')
        raise(SIGKILL);
    return 0;
}
YIBU_JOB(speak);

typedef struct texts {
    yibu_buffer out, err;
} texts;

static void expect_texts(texts *t, const char *out, const char *err)
{
    assert_int_equal(t->out.size, strlen(out));
    assert_memory_equal(t->out.data ? t->out.data : "", out, t->out.size);
    assert_int_equal(t->err.size, strlen(err));
    assert_memory_equal(t->err.data ? t->err.data : "", err, t->err.size);
    yibu_buffer_free(&t->out);
    yibu_buffer_free(&t->err);
    *t = (texts){{0}, {0}};
}

static yibu_job_options capture(texts *t)
{
    return (yibu_job_options){.out = YIBU_JOB_STDIO_CAPTURE,
                              .err = YIBU_JOB_STDIO_CAPTURE,
                              .ret_out = &t->out,
                              .ret_err = &t->err};
}

LOOP_TEST(what_a_job_writes_is_captured)
{
    texts t = {{0}, {0}};
    yibu_job_report report;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(call_as(&speak_job, (yibu_bytes){"x", 2}, NULL, capture(&t), &report), 0);
        assert_false(report.truncated);
        expect_texts(&t, "to output x\nunfinished", "to error x\n");
    }
    return 0;
}

LOOP_TEST(what_a_job_wrote_before_it_died_is_there)
{
    texts t = {{0}, {0}};
    yibu_job_report report;
    intptr_t r = call_as(&speak_job, (yibu_bytes){"k", 2}, NULL, capture(&t), &report);
    assert_int_equal(r, YIBU_EWORKER);
    expect_texts(&t, "to output k\n", "to error k\n");
    return 0;
}

LOOP_TEST(text_of_the_last_attempt_alone_is_kept)
{
    texts t = {{0}, {0}};
    yibu_job_report report;
    yibu_job_options options = capture(&t);
    options.max_attempts = 3;
    options.retry_delay_ns = 1;
    intptr_t r = call_as(&speak_job, (yibu_bytes){"k", 2}, NULL, options, &report);
    assert_int_equal(r, YIBU_EWORKER);
    assert_int_equal(report.attempts, 3);
    expect_texts(&t, "to output k\n", "to error k\n");
    return 0;
}

static intptr_t write_much(yibu_bytes input, yibu_buffer *output)
{
    char line[100];
    size_t size, written = 0;
    (void)output;
    memcpy(&size, input.data, sizeof(size));
    memset(line, 'x', sizeof(line));
    while (written < size) {
        ssize_t n = write(STDOUT_FILENO, line, sizeof(line));
        if (n < 0)
            return -errno;
        written += (size_t)n;
    }
    return 0;
}
YIBU_JOB(write_much);

LOOP_TEST(text_beyond_its_limit_is_refused_and_told)
{
    texts t = {{0}, {0}};
    yibu_job_report report;
    yibu_job_options options = capture(&t);
    size_t size = 100000;
    options.capture_limit = 12345;
    assert_int_equal(call_as(&write_much_job, VALUE(size), NULL, options, &report), -EPERM);
    assert_true(report.truncated);
    assert_int_equal(t.out.size, 12345);
    options.capture_limit = 0;
    assert_int_equal(call_as(&write_much_job, VALUE(size), NULL, options, &report), 0);
    assert_false(report.truncated);
    assert_int_equal(t.out.size, 12345 + size);
    yibu_buffer_free(&t.out);
    return 0;
}

static intptr_t where_output_leads(yibu_bytes input, yibu_buffer *output)
{
    char path[4096];
    (void)input;
    ssize_t n = readlink("/proc/self/fd/1", path, sizeof(path));
    return n < 0 ? -errno : yibu_buffer_append(output, path, (size_t)n);
}
YIBU_JOB(where_output_leads);

static void expect_output_at(yibu_job_options options, const char *expected)
{
    yibu_buffer output = {0};
    yibu_job_report report;
    assert_int_equal(call_as(&where_output_leads_job, NOTHING, &output, options, &report), 0);
    assert_int_equal(yibu_buffer_append(&output, "", 1), 0);
    assert_string_equal(output.data, expected);
    yibu_buffer_free(&output);
}

LOOP_TEST(output_leads_where_it_did_after_a_job_that_had_it_elsewhere)
{
    char ours[4096];
    ssize_t n = readlink("/proc/self/fd/1", ours, sizeof(ours) - 1);
    assert_true(n > 0);
    ours[n] = '\0';
    expect_output_at((yibu_job_options){.out = YIBU_JOB_STDIO_DEVNULL}, "/dev/null");
    expect_output_at((yibu_job_options){0}, ours);
    expect_output_at((yibu_job_options){.out = YIBU_JOB_STDIO_CAPTURE},
                     "/memfd:yibu-output (deleted)");
    expect_output_at((yibu_job_options){0}, ours);
    return 0;
}

/* Many with text in one lane. */

typedef struct speaker {
    char text[16];
    texts said;
    yibu_task *task;
} speaker;

static intptr_t run_speaker(void *arg)
{
    speaker *s = arg;
    yibu_job_report report;
    return call_as(&speak_job, (yibu_bytes){s->text, sizeof(s->text)}, NULL, capture(&s->said),
                   &report);
}

static intptr_t speak_at_once(void *arg)
{
    enum { COUNT = 300 };
    static speaker speakers[COUNT];
    (void)arg;
    for (int i = 0; i < COUNT; i++) {
        snprintf(speakers[i].text, sizeof(speakers[i].text), "%c%d", i % 50 == 7 ? 'k' : 'n', i);
        speakers[i].said = (texts){{0}, {0}};
        speakers[i].task = yibu_create_task(run_speaker, &speakers[i], NULL);
    }
    for (int i = 0; i < COUNT; i++) {
        char out[128], err[128];
        bool dies = speakers[i].text[0] == 'k';
        assert_int_equal(yibu_await(speakers[i].task), dies ? YIBU_EWORKER : 0);
        yibu_task_unref(speakers[i].task);
        snprintf(out, sizeof(out), "to output %.15s\n%s", speakers[i].text,
                 dies ? "" : "unfinished");
        snprintf(err, sizeof(err), "to error %.15s\n", speakers[i].text);
        expect_texts(&speakers[i].said, out, err);
    }
    return 0;
}

static void text_of_many_jobs_in_one_lane_is_not_mixed(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(speak_at_once, NULL, &options), 0);
    options.max_processes = 3;
    assert_int_equal(yibu_run(speak_at_once, NULL, &options), 0);
}

/* What cannot be. */

LOOP_TEST(settings_that_cannot_be_are_refused)
{
    static char long_text[80000];
    int negative = -1;
    yibu_buffer text = {0};
    yibu_job_report report;
    const char *const nameless[] = {"=x", NULL}, *const empty[] = {"", NULL};
    const char *const too_long[] = {long_text, NULL};
    memset(long_text, 'x', sizeof(long_text) - 1);
    const yibu_job_options wrong[] = {
        {.cpus = &negative, .cpu_count = 1},
        {.cpu_count = 1},
        {.env_changes = nameless},
        {.env_changes = empty},
        {.cwd = ""},
        {.out = (yibu_job_stdio)9},
        {.ret_out = &text},
        {.err = YIBU_JOB_STDIO_CAPTURE, .capture_limit = (64 << 20) + 1},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(call_as(&tell_pid_job, NOTHING, NULL, wrong[i], &report), -EINVAL);
    yibu_job_options big = {.env_changes = too_long};
    assert_int_equal(call_as(&tell_pid_job, NOTHING, NULL, big, &report), -E2BIG);
    return 0;
}

/* A large input beside settings, which then lie elsewhere. */
static intptr_t sum(yibu_bytes input, yibu_buffer *output)
{
    const unsigned char *bytes = input.data;
    intptr_t total = 0;
    (void)output;
    for (size_t i = 0; i < input.size; i++)
        total += bytes[i];
    return getenv("YIBU_TEST_SET") ? total : -ENOENT;
}
YIBU_JOB(sum);

LOOP_TEST(settings_go_with_inputs_of_any_size)
{
    const char *const changes[] = {"YIBU_TEST_SET=1", NULL};
    static unsigned char input[3 << 20];
    static const size_t sizes[] = {0, 1, 7, 8, 63, 65535, 65536, 65537, sizeof(input)};
    yibu_job_report report;
    memset(input, 1, sizeof(input));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        intptr_t r = call_as(&sum_job, (yibu_bytes){input, sizes[i]}, NULL,
                             (yibu_job_options){.env_changes = changes}, &report);
        assert_int_equal(r, sizes[i]);
    }
    return 0;
}

/* Use. */

static intptr_t compute(yibu_bytes input, yibu_buffer *output)
{
    int64_t end = monotonic_ns() + YIBU_MS(30);
    volatile unsigned work = 0;
    (void)input, (void)output;
    while (monotonic_ns() < end)
        work++;
    return 0;
}
YIBU_JOB(compute);

LOOP_TEST(report_tells_what_a_job_has_used)
{
    yibu_job_report busy, idle;
    assert_int_equal(call_with(&compute_job, NOTHING, 0, &busy), 0);
    assert_true(call_with(&tell_pid_job, NOTHING, 0, &idle) > 0);
    assert_true(busy.user_ns + busy.system_ns > YIBU_MS(1));
    assert_true(idle.user_ns + idle.system_ns < busy.user_ns + busy.system_ns);
    assert_true(busy.peak_memory_bytes > 100000);
    assert_int_equal(busy.attempts, 1);
    assert_int_equal(busy.reason, YIBU_JOB_REASON_NONE);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_limit_is_the_jobs_and_not_the_workers),
        cmocka_unit_test(job_that_dies_of_its_memory_limit_was_out_of_memory),
        cmocka_unit_test(job_runs_on_its_processors_and_the_next_on_all),
        cmocka_unit_test(processors_that_are_not_there_fail_the_job),
        cmocka_unit_test(environment_and_folder_are_the_jobs_alone),
        cmocka_unit_test(folder_that_is_not_there_fails_the_job),
        cmocka_unit_test(what_a_job_writes_is_captured),
        cmocka_unit_test(what_a_job_wrote_before_it_died_is_there),
        cmocka_unit_test(text_of_the_last_attempt_alone_is_kept),
        cmocka_unit_test(text_beyond_its_limit_is_refused_and_told),
        cmocka_unit_test(output_leads_where_it_did_after_a_job_that_had_it_elsewhere),
        cmocka_unit_test(text_of_many_jobs_in_one_lane_is_not_mixed),
        cmocka_unit_test(settings_that_cannot_be_are_refused),
        cmocka_unit_test(settings_go_with_inputs_of_any_size),
        cmocka_unit_test(report_tells_what_a_job_has_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
