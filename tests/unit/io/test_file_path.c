/* Names of files, and what is known of them. */
#include "files.h"

#include <limits.h>

LOOP_TEST(a_file_is_renamed_linked_and_removed)
{
    char a[64], b[64];
    snprintf(a, sizeof(a), "%s", test_file("a", "content", 7));
    snprintf(b, sizeof(b), "%s", test_path("b"));
    struct statx about;
    assert_int_equal(yibu_link(a, b), 0);
    assert_int_equal(yibu_stat(b, &about), 0);
    assert_int_equal(about.stx_nlink, 2);
    assert_int_equal(about.stx_size, 7);
    assert_true(S_ISREG(about.stx_mode));
    assert_int_equal(yibu_link(a, b), -EEXIST);
    assert_int_equal(yibu_unlink(a), 0);
    assert_int_equal(yibu_unlink(a), -ENOENT);
    assert_int_equal(yibu_rename(b, a), 0);
    assert_int_equal(yibu_stat(b, &about), -ENOENT);
    assert_int_equal(yibu_stat(a, &about), 0);
    assert_int_equal(yibu_chmod(a, 0751), 0);
    assert_int_equal(yibu_stat(a, &about), 0);
    assert_int_equal(about.stx_mode & 07777, 0751);
    return 0;
}

LOOP_TEST(a_folder_is_made_and_removed)
{
    const char *path = test_path("folder");
    assert_int_equal(yibu_mkdir(path, 0700), 0);
    assert_int_equal(yibu_mkdir(path, 0700), -EEXIST);
    struct statx about;
    assert_int_equal(yibu_stat(path, &about), 0);
    assert_true(S_ISDIR(about.stx_mode));
    assert_int_equal(yibu_unlink(path), -EISDIR);
    (void)test_file("folder/inside", "", 0);
    path = test_path("folder");
    assert_int_equal(yibu_rmdir(path), -ENOTEMPTY);
    assert_int_equal(yibu_unlink(test_path("folder/inside")), 0);
    assert_int_equal(yibu_rmdir(path), 0);
    return 0;
}

LOOP_TEST(a_symbolic_link_says_where_it_leads)
{
    char target[PATH_MAX];
    struct statx about;
    const char *path = test_path("link");
    assert_int_equal(yibu_symlink("elsewhere", path), 0);
    assert_int_equal(yibu_readlink(path, target, sizeof(target)), 9);
    assert_string_equal(target, "elsewhere");
    assert_int_equal(yibu_readlink(path, target, 10), 9);
    assert_int_equal(yibu_readlink(path, target, 9), -ERANGE);
    assert_int_equal(yibu_readlink(test_folder, target, 9), -EINVAL);
    assert_int_equal(yibu_stat(path, &about), -ENOENT);
    assert_int_equal(yibu_lstat(path, &about), 0);
    assert_true(S_ISLNK(about.stx_mode));
    return 0;
}

LOOP_TEST(paths_that_are_missing_are_mistakes)
{
    struct statx about;
    char text[8];
    assert_int_equal(yibu_stat(NULL, &about), -EINVAL);
    assert_int_equal(yibu_stat(".", NULL), -EINVAL);
    assert_int_equal(yibu_rename("a", NULL), -EINVAL);
    assert_int_equal(yibu_unlink(NULL), -EINVAL);
    assert_int_equal(yibu_mkdir(NULL, 0), -EINVAL);
    assert_int_equal(yibu_readlink(NULL, text, 8), -EINVAL);
    assert_int_equal(yibu_readlink(".", text, 0), -EINVAL);
    return 0;
}

LOOP_TEST(a_path_may_be_relative_to_an_open_folder)
{
    (void)test_file("inside", "x", 1);
    int folder = yibu_file_open(test_folder, O_RDONLY | O_DIRECTORY, 0);
    assert_true(folder >= 0);
    int fd = yibu_file_open_at(folder, "inside", O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_int_equal(yibu_file_close(fd), 0);
    fd = yibu_file_open_at(folder, "made", O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(yibu_file_close(fd), 0);
    assert_int_equal(yibu_unlink(test_path("made")), 0);
    return yibu_file_close(folder);
}

typedef struct maker {
    char path[128];
    intptr_t result;
} maker;

static intptr_t make_folder(void *arg)
{
    maker *m = arg;
    m->result = yibu_mkdir(m->path, 0700);
    return 0;
}

/* Many are queued, then all are cancelled: each has run or not, and says which. */
LOOP_TEST(a_cancelled_call_has_run_or_not)
{
    enum { COUNT = 100 };
    static maker makers[COUNT];
    yibu_task *tasks[COUNT];
    for (int i = 0; i < COUNT; i++) {
        snprintf(makers[i].path, sizeof(makers[i].path), "%s/%d", test_folder, i);
        tasks[i] = yibu_create_task(make_folder, &makers[i], NULL);
    }
    assert_int_equal(yibu_sleep(0), 0);
    for (int i = 0; i < COUNT; i++)
        yibu_task_cancel(tasks[i]);
    for (int i = 0; i < COUNT; i++) {
        (void)yibu_await(tasks[i]);
        yibu_task_unref(tasks[i]);
        assert_true(makers[i].result == 0 || makers[i].result == -ECANCELED);
        assert_int_equal(access(makers[i].path, F_OK), makers[i].result == 0 ? 0 : -1);
    }
    return 0;
}

static intptr_t stat_slowly(void *arg)
{
    struct statx about;
    for (int i = 0; i < 200; i++)
        assert_int_equal(yibu_stat(arg, &about), 0);
    return 0;
}

/* Calls on paths have no descriptor: closing one, whatever its number, is nothing to them. */
LOOP_TEST(closing_a_descriptor_does_not_end_calls_on_paths)
{
    yibu_task *task = yibu_create_task(stat_slowly, test_folder, NULL);
    for (int i = 0; i < 200; i++) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_int_equal(yibu_sleep(0), 0);
        assert_int_equal(yibu_close(fd), 0);
    }
    assert_int_equal(yibu_await(task), 0);
    yibu_task_unref(task);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_file_is_renamed_linked_and_removed),
        file_test(a_folder_is_made_and_removed),
        file_test(a_symbolic_link_says_where_it_leads),
        file_test(paths_that_are_missing_are_mistakes),
        file_test(a_path_may_be_relative_to_an_open_folder),
        file_test(a_cancelled_call_has_run_or_not),
        file_test(closing_a_descriptor_does_not_end_calls_on_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
