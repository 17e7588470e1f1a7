/* Listings of folders. */
#include "files.h"

static void make_entries(const char *prefix, int count)
{
    char name[64];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s%d", prefix, i);
        int fd = open(test_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
}

LOOP_TEST(every_entry_is_listed_once_with_its_type)
{
    (void)test_file("file", "", 0);
    assert_int_equal(mkdir(test_path("folder"), 0700), 0);
    assert_int_equal(symlink("nowhere", test_path("link")), 0);
    int r, files = 0, folders = 0, links = 0;
    YIBU_ASYNC_FOR (const yibu_directory_entry *, entry, yibu_scandir(test_folder), &r) {
        files += strcmp(entry->name, "file") == 0 && entry->type == DT_REG;
        folders += strcmp(entry->name, "folder") == 0 && entry->type == DT_DIR;
        links += strcmp(entry->name, "link") == 0 && entry->type == DT_LNK;
        assert_true(entry->inode > 0);
    }
    assert_int_equal(r, 0);
    assert_int_equal(files, 1);
    assert_int_equal(folders, 1);
    assert_int_equal(links, 1);
    return 0;
}

LOOP_TEST(a_folder_of_100000_files_is_listed)
{
    enum { COUNT = 100000 };
    make_entries("", COUNT);
    char *seen = calloc(1, COUNT);
    int r, count = 0;
    YIBU_ASYNC_FOR (const yibu_directory_entry *, entry, yibu_scandir(test_folder), &r) {
        int number = atoi(entry->name);
        assert_true(number >= 0 && number < COUNT && !seen[number]);
        seen[number] = 1;
        count++;
    }
    assert_int_equal(r, 0);
    assert_int_equal(count, COUNT);
    free(seen);
    return 0;
}

LOOP_TEST(what_is_no_folder_is_told_with_the_first_entry)
{
    void *item;
    yibu_iterator *entries = yibu_scandir(test_path("missing"));
    assert_non_null(entries);
    assert_int_equal(yibu_iterator_next(entries, &item), -ENOENT);
    assert_int_equal(yibu_iterator_close(entries), 0);
    entries = yibu_scandir(test_file("file", "", 0));
    assert_int_equal(yibu_iterator_next(entries, &item), -ENOTDIR);
    assert_int_equal(yibu_iterator_close(entries), 0);
    assert_null(yibu_scandir(NULL));
    return 0;
}

/* More than one batch, so that the folder is read after it is gone. */
LOOP_TEST(a_folder_that_is_removed_meanwhile_has_no_more_entries)
{
    enum { COUNT = 3000 };
    char name[64];
    assert_int_equal(mkdir(test_path("folder"), 0700), 0);
    make_entries("folder/entry-with-a-long-name-", COUNT);
    yibu_iterator *entries = yibu_scandir(test_path("folder"));
    void *item;
    assert_int_equal(yibu_iterator_next(entries, &item), 1);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "folder/entry-with-a-long-name-%d", i);
        assert_int_equal(unlink(test_path(name)), 0);
    }
    assert_int_equal(rmdir(test_path("folder")), 0);
    int r;
    while ((r = yibu_iterator_next(entries, &item)) == 1)
        ;
    assert_int_equal(r, 0);
    return yibu_iterator_close(entries);
}

LOOP_TEST(a_listing_that_is_left_early_leaves_no_descriptor)
{
    make_entries("", 10);
    int before = test_descriptors(), r;
    YIBU_ASYNC_FOR (const yibu_directory_entry *, entry, yibu_scandir(test_folder), &r) {
        assert_non_null(entry->name);
        break;
    }
    assert_int_equal(r, 0);
    assert_int_equal(test_descriptors(), before);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(every_entry_is_listed_once_with_its_type),
        file_test(a_folder_of_100000_files_is_listed),
        file_test(what_is_no_folder_is_told_with_the_first_entry),
        file_test(a_folder_that_is_removed_meanwhile_has_no_more_entries),
        file_test(a_listing_that_is_left_early_leaves_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
