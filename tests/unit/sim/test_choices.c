/* The choices of a run: replayed from a list, from a file, from the environment. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim.h"

typedef struct draws {
    uint64_t bound;
    uint64_t drawn[10];
} draws;

static intptr_t draw_ten(void *arg)
{
    draws *d = arg;
    for (int i = 0; i < 10; i++)
        d->drawn[i] = yibu_sim_random(d->bound);
    return 0;
}

static draws draw(uint64_t seed, const char *choices)
{
    draws d = {.bound = 100};
    yibu_sim_options options = {.size = sizeof(options), .choices = choices};
    assert_int_equal(yibu_sim_run(seed, draw_ten, &d, &options), 0);
    return d;
}

static void a_seed_draws_the_same_numbers_again(void **state)
{
    (void)state;
    draws first = draw(7, NULL), second = draw(7, NULL), other = draw(8, NULL);
    assert_memory_equal(&first, &second, sizeof(first));
    assert_memory_not_equal(&first, &other, sizeof(first));
}

static void a_list_is_replayed_and_what_is_missing_is_0(void **state)
{
    (void)state;
    draws d = draw(7, "1:5, 3:99\n# a comment, 4:4\n8:1");
    const uint64_t wanted[10] = {0, 5, 0, 99, 0, 0, 0, 0, 1, 0};
    assert_memory_equal(d.drawn, wanted, sizeof(wanted));
}

static void an_empty_list_is_the_plain_run(void **state)
{
    (void)state;
    draws d = draw(7, "");
    for (int i = 0; i < 10; i++)
        assert_int_equal(d.drawn[i], 0);
}

static void a_choice_beyond_its_bound_becomes_the_highest(void **state)
{
    (void)state;
    assert_int_equal(draw(7, "0:1000").drawn[0], 99);
}

static void a_list_out_of_order_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "2:1,1:1", "1:1,1:1", "1", "1:", ":1", "a:1", "1:-1", "99999999999999999999:1"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        draws d = {.bound = 100};
        yibu_sim_options options = {.size = sizeof(options), .choices = wrong[i]};
        assert_int_equal(yibu_sim_run(1, draw_ten, &d, &options), -EINVAL);
    }
}

static void the_environment_overrides_the_seed(void **state)
{
    (void)state;
    draws wanted = draw(7, NULL);
    setenv("YIBU_SIM_SEED", "7", 1);
    draws d = draw(8, NULL);
    setenv("YIBU_SIM_SEED", "seven", 1);
    assert_int_equal(yibu_sim_run(1, draw_ten, &d, NULL), -EINVAL);
    unsetenv("YIBU_SIM_SEED");
    assert_memory_equal(&d, &wanted, sizeof(d));
}

static void the_environment_overrides_the_choices(void **state)
{
    (void)state;
    setenv("YIBU_SIM_CHOICES", "2:3", 1);
    draws d = draw(8, "2:4");
    unsetenv("YIBU_SIM_CHOICES");
    assert_int_equal(d.drawn[2], 3);
}

/* Writes a file that only this process knows, and gives its path. */
static int make_file(const char *text, char path[64])
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void choices_are_read_from_a_file(void **state)
{
    (void)state;
    char path[64], setting[80];
    int fd = make_file("0:1\n2:30\n", path);
    snprintf(setting, sizeof(setting), "@%s", path);
    setenv("YIBU_SIM_CHOICES", setting, 1);
    draws d = draw(8, NULL);
    setenv("YIBU_SIM_CHOICES", "@/nonexistent/choices", 1);
    assert_int_equal(yibu_sim_run(1, draw_ten, &d, NULL), -ENOENT);
    unsetenv("YIBU_SIM_CHOICES");
    close(fd);
    assert_int_equal(d.drawn[0], 1);
    assert_int_equal(d.drawn[2], 30);
}

static void the_trace_goes_to_the_file_of_the_environment(void **state)
{
    (void)state;
    char path[64], text[4096] = "";
    int fd = make_file("", path);
    setenv("YIBU_SIM_TRACE", path, 1);
    (void)draw(8, NULL);
    setenv("YIBU_SIM_TRACE", "/nonexistent/trace", 1);
    draws d = {.bound = 2};
    assert_int_equal(yibu_sim_run(1, draw_ten, &d, NULL), -ENOENT);
    unsetenv("YIBU_SIM_TRACE");
    assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
    close(fd);
    assert_non_null(strstr(text, "main        starts\n"));
    assert_non_null(strstr(text, "main        ends: 0\n"));
}

/* The record. */

enum { CAPACITY = 8 };

typedef struct record {
    yibu_sim_record head;
    uint64_t values[CAPACITY];
} record;

static void the_record_holds_the_choices_that_were_made(void **state)
{
    (void)state;
    char path[64];
    int fd = make_file("", path);
    record r = {.head = {.magic = {'y', 'i', 'b', 'u', 's', 'i', 'm', '1'}, .capacity = CAPACITY}};
    assert_int_equal(write(fd, &r, sizeof(r)), sizeof(r));
    setenv("YIBU_SIM_RECORD", path, 1);
    draws d = draw(9, NULL);
    unsetenv("YIBU_SIM_RECORD");
    assert_int_equal(pread(fd, &r, sizeof(r), 0), sizeof(r));
    close(fd);
    assert_int_equal(r.head.runs, 1);
    assert_int_equal(r.head.seed, 9);
    assert_int_equal(r.head.choices, 10);
    assert_int_equal(r.head.steps, 1);
    assert_int_equal(r.head.ended, 1);
    assert_memory_equal(r.values, d.drawn, sizeof(r.values));
}

static void a_file_that_is_no_record_is_refused(void **state)
{
    (void)state;
    char path[64];
    draws d = {.bound = 2};
    int fd = make_file("this is another file, and long enough to hold the head of a record, which "
                       "takes no more than a hundred and twenty-eight bytes",
                       path);
    setenv("YIBU_SIM_RECORD", path, 1);
    assert_int_equal(yibu_sim_run(1, draw_ten, &d, NULL), -EINVAL);
    unsetenv("YIBU_SIM_RECORD");
    close(fd);
}

static intptr_t ask_for_bytes(void *arg)
{
    *(uint64_t *)arg = yibu_sim_random(UINT64_MAX);
    return 0;
}

static void the_report_counts_and_digests(void **state)
{
    (void)state;
    uint64_t bits;
    yibu_sim_report first = {.size = sizeof(first)}, second = {.size = sizeof(second)};
    yibu_sim_options options = {.size = sizeof(options), .report = &first};
    assert_int_equal(yibu_sim_run(3, ask_for_bytes, &bits, &options), 0);
    options.report = &second;
    assert_int_equal(yibu_sim_run(3, ask_for_bytes, &bits, &options), 0);
    assert_int_equal(first.choices, 1);
    assert_int_equal(first.steps, 1);
    assert_int_equal(first.seed, 3);
    assert_int_equal(first.digest, second.digest);
    assert_int_equal(yibu_sim_run(4, ask_for_bytes, &bits, &options), 0);
    assert_int_not_equal(first.digest, second.digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_draws_the_same_numbers_again),
        cmocka_unit_test(a_list_is_replayed_and_what_is_missing_is_0),
        cmocka_unit_test(an_empty_list_is_the_plain_run),
        cmocka_unit_test(a_choice_beyond_its_bound_becomes_the_highest),
        cmocka_unit_test(a_list_out_of_order_is_refused),
        cmocka_unit_test(the_environment_overrides_the_seed),
        cmocka_unit_test(the_environment_overrides_the_choices),
        cmocka_unit_test(choices_are_read_from_a_file),
        cmocka_unit_test(the_trace_goes_to_the_file_of_the_environment),
        cmocka_unit_test(the_record_holds_the_choices_that_were_made),
        cmocka_unit_test(a_file_that_is_no_record_is_refused),
        cmocka_unit_test(the_report_counts_and_digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
