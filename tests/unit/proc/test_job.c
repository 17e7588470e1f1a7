/* The register of jobs: several in a file, several files, C and C++, and libraries that go. */
#include "test.h"

#include "proc/job.h"

static intptr_t first(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return 1;
}
YIBU_JOB(first);

static intptr_t second(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return 2;
}
YIBU_JOB(second);

YIBU_DECLARE_JOB(job_in_c);
YIBU_DECLARE_JOB(another_job_in_c);
YIBU_DECLARE_JOB(job_in_cpp);

static const yibu_job *find(const char *name)
{
    return yb_job_find(name, strlen(name));
}

static void jobs_of_all_files_are_found_by_name(void **state)
{
    (void)state;
    assert_ptr_equal(find("first"), &first_job);
    assert_ptr_equal(find("second"), &second_job);
    assert_ptr_equal(find("job_in_c"), &job_in_c_job);
    assert_ptr_equal(find("another_job_in_c"), &another_job_in_c_job);
    assert_ptr_equal(find("job_in_cpp"), &job_in_cpp_job);
    assert_int_equal(job_in_cpp_job.function((yibu_bytes){NULL, 0}, NULL), 3);
}

static void only_the_whole_name_counts(void **state)
{
    (void)state;
    assert_null(find("firs"));
    assert_null(find("first_"));
    assert_null(find(""));
    assert_ptr_equal(yb_job_find("firstly", 5), &first_job);
}

static void module_is_registered_once_and_taken_back(void **state)
{
    static const yibu_job own = {"own", first}, shadow = {"first", second};
    static const yibu_job *const entries[] = {&own, &shadow};
    (void)state;
    yibu_register_jobs_(entries, entries + 2);
    yibu_register_jobs_(entries, entries + 2);
    assert_ptr_equal(find("own"), &own);
    assert_ptr_equal(find("first"), &first_job); /* the earlier one counts */
    yibu_unregister_jobs_(entries);
    assert_null(find("own"));
    yibu_unregister_jobs_(entries);
    assert_ptr_equal(find("first"), &first_job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_of_all_files_are_found_by_name),
        cmocka_unit_test(only_the_whole_name_counts),
        cmocka_unit_test(module_is_registered_once_and_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
