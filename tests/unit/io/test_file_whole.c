/* Whole files: read into buffers, and replaced by others. */
#include "files.h"

LOOP_TEST(a_file_of_any_size_is_read)
{
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 100000, 3000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *data = malloc(sizes[i] + 1);
        test_fill(data, sizes[i]);
        const char *path = test_file("sized", data, sizes[i]);
        yibu_buffer buffer = {0};
        for (int cold = 0; cold < 2; cold++) {
            if (cold)
                test_evict(path);
            buffer.size = 0;
            assert_int_equal(yibu_read_file(path, 1 << 22, &buffer), sizes[i]);
            assert_int_equal(buffer.size, sizes[i]);
            assert_memory_equal(buffer.data, data, sizes[i]);
        }
        yibu_buffer_free(&buffer);
        free(data);
    }
    return 0;
}

LOOP_TEST(a_file_is_appended_to_the_buffer)
{
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_buffer_append(&buffer, "before ", 7), 0);
    assert_int_equal(yibu_read_file(test_file("after", "after", 5), 5, &buffer), 5);
    assert_int_equal(buffer.size, 12);
    assert_memory_equal(buffer.data, "before after", 12);
    yibu_buffer_free(&buffer);
    return 0;
}

LOOP_TEST(a_file_beyond_the_limit_is_not_read)
{
    char data[5000] = "";
    const char *path = test_file("long", data, sizeof(data));
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_read_file(path, 4999, &buffer), YIBU_ELIMIT);
    assert_int_equal(yibu_read_file(path, 10, &buffer), YIBU_ELIMIT);
    assert_int_equal(yibu_read_file(path, 0, &buffer), YIBU_ELIMIT);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(yibu_read_file(path, 5000, &buffer), 5000);
    assert_int_equal(yibu_read_file(path, SIZE_MAX, &buffer), 5000);
    assert_int_equal(yibu_read_file(path, 5000, NULL), -EINVAL);
    assert_int_equal(yibu_read_file(test_path("missing"), 10, &buffer), -ENOENT);
    assert_int_equal(yibu_read_file(test_folder, 10, &buffer), -EISDIR);
    assert_int_equal(buffer.size, 10000);
    yibu_buffer_free(&buffer);
    return 0;
}

LOOP_TEST(files_that_do_not_know_their_size_are_read_too)
{
    yibu_buffer buffer = {0};
    ssize_t n = yibu_read_file("/proc/self/smaps", 1 << 24, &buffer);
    assert_true(n > 4096);
    assert_memory_equal((char *)buffer.data + n - 1, "\n", 1);
    yibu_buffer_free(&buffer);
    return 0;
}

static void assert_content(const char *path, const char *text)
{
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_read_file(path, 1 << 20, &buffer), (ssize_t)strlen(text));
    assert_memory_equal(buffer.data, text, strlen(text));
    yibu_buffer_free(&buffer);
}

LOOP_TEST(a_file_is_written_whole)
{
    const char *path = test_path("whole");
    mode_t mask = umask(022);
    struct statx about;
    yibu_write_file_options options = {.size = sizeof(options), .mode = 0640, .durable = true};
    assert_int_equal(yibu_write_file(path, "first", 5, NULL), 0);
    assert_content(path, "first");
    assert_int_equal(yibu_stat(path, &about), 0);
    assert_int_equal(about.stx_mode & 0777, 0644);
    assert_int_equal(yibu_write_file(path, "second", 6, &options), 0);
    assert_content(path, "second");
    assert_int_equal(yibu_stat(path, &about), 0);
    assert_int_equal(about.stx_mode & 0777, 0640);
    assert_int_equal(yibu_write_file(path, NULL, 0, NULL), 0);
    assert_content(path, "");
    umask(mask);
    return 0;
}

LOOP_TEST(a_link_to_the_old_file_keeps_its_content)
{
    const char *path = test_file("old", "old", 3), *other = test_path("other");
    assert_int_equal(yibu_link(path, other), 0);
    assert_int_equal(yibu_write_file(path, "new", 3, NULL), 0);
    assert_content(path, "new");
    assert_content(other, "old");
    return 0;
}

LOOP_TEST(a_write_that_fails_changes_nothing)
{
    assert_int_equal(yibu_write_file(test_path("no/such"), "x", 1, NULL), -ENOENT);
    assert_int_equal(yibu_write_file(NULL, "x", 1, NULL), -EINVAL);
    assert_int_equal(yibu_mkdir(test_path("folder"), 0700), 0);
    assert_int_equal(yibu_write_file(test_path("folder"), "x", 1, NULL), -EISDIR);
    assert_int_equal(test_entries(), 1);
    return 0;
}

typedef struct writer {
    const char *path;
    char *data;
    size_t size;
    intptr_t result;
} writer;

static intptr_t write_it(void *arg)
{
    writer *w = arg;
    w->result = yibu_write_file(w->path, w->data, w->size, NULL);
    return 0;
}

/* Cancelled after any number of turns, the file is the old one or the new one, and nothing else is
 * left in the folder. */
LOOP_TEST(a_cancelled_write_leaves_the_old_file_or_the_new_one)
{
    enum { SIZE = 200000 };
    writer w = {.path = test_path("file"), .data = malloc(SIZE), .size = SIZE};
    test_fill(w.data, SIZE);
    for (int turns = 0; turns < 30; turns++) {
        (void)test_file("file", "old", 3);
        yibu_task *task = yibu_create_task(write_it, &w, NULL);
        for (int i = 0; i < turns; i++)
            assert_int_equal(yibu_sleep(i % 3 ? 0 : YIBU_US(20)), 0);
        yibu_task_cancel(task);
        (void)yibu_await(task);
        yibu_task_unref(task);
        struct statx about;
        assert_int_equal(yibu_stat(w.path, &about), 0);
        assert_true(w.result == 0 || w.result == -ECANCELED);
        assert_int_equal(about.stx_size, w.result == 0 ? SIZE : 3);
        assert_int_equal(test_entries(), 1);
    }
    free(w.data);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_file_of_any_size_is_read),
        file_test(a_file_is_appended_to_the_buffer),
        file_test(a_file_beyond_the_limit_is_not_read),
        file_test(files_that_do_not_know_their_size_are_read_too),
        file_test(a_file_is_written_whole),
        file_test(a_link_to_the_old_file_keeps_its_content),
        file_test(a_write_that_fails_changes_nothing),
        file_test(a_cancelled_write_leaves_the_old_file_or_the_new_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
