/* Watches of folders. */
#include "files.h"

static void expect(yibu_iterator *changes, unsigned change, const char *name)
{
    void *item;
    assert_int_equal(yibu_iterator_next(changes, &item), 1);
    const yibu_folder_event *event = item;
    assert_int_equal(event->change, change);
    assert_string_equal(event->name, name);
}

LOOP_TEST(changes_come_with_names_in_their_order)
{
    yibu_iterator *changes;
    assert_int_equal(yibu_watch_folder(test_folder, 0, &changes), 0);
    (void)test_file("a", "x", 1);
    expect(changes, YIBU_FOLDER_CREATED, "a");
    expect(changes, YIBU_FOLDER_MODIFIED, "a");
    expect(changes, YIBU_FOLDER_CLOSED, "a");
    assert_int_equal(chmod(test_path("a"), 0400), 0);
    expect(changes, YIBU_FOLDER_ATTRIBUTES, "a");
    assert_int_equal(unlink(test_path("a")), 0);
    expect(changes, YIBU_FOLDER_DELETED, "a");
    return yibu_iterator_close(changes);
}

LOOP_TEST(only_what_was_asked_for_comes)
{
    yibu_iterator *changes;
    void *item;
    assert_int_equal(yibu_watch_folder(test_folder, YIBU_FOLDER_CREATED, &changes), 0);
    (void)test_file("a", "x", 1);
    assert_int_equal(mkdir(test_path("b"), 0700), 0);
    expect(changes, YIBU_FOLDER_CREATED, "a");
    assert_int_equal(yibu_iterator_next(changes, &item), 1);
    assert_true(((yibu_folder_event *)item)->is_folder);
    return yibu_iterator_close(changes);
}

LOOP_TEST(a_rename_is_a_pair_with_one_cookie)
{
    (void)test_file("old", "", 0);
    yibu_iterator *changes;
    void *item;
    assert_int_equal(yibu_watch_folder(test_folder, 0, &changes), 0);
    assert_int_equal(rename(test_path("old"), test_path("new")), 0);
    assert_int_equal(yibu_iterator_next(changes, &item), 1);
    const yibu_folder_event *event = item;
    assert_int_equal(event->change, YIBU_FOLDER_MOVED_FROM);
    assert_string_equal(event->name, "old");
    uint32_t cookie = event->cookie;
    assert_true(cookie != 0);
    assert_int_equal(yibu_iterator_next(changes, &item), 1);
    assert_int_equal(event->change, YIBU_FOLDER_MOVED_TO);
    assert_string_equal(event->name, "new");
    assert_int_equal(event->cookie, cookie);
    return yibu_iterator_close(changes);
}

LOOP_TEST(a_watch_ends_when_its_folder_is_removed)
{
    yibu_iterator *changes;
    void *item;
    assert_int_equal(mkdir(test_path("folder"), 0700), 0);
    assert_int_equal(yibu_watch_folder(test_path("folder"), 0, &changes), 0);
    assert_int_equal(rename(test_path("folder"), test_path("renamed")), 0);
    expect(changes, YIBU_FOLDER_MOVED, "");
    assert_int_equal(rmdir(test_path("renamed")), 0);
    expect(changes, YIBU_FOLDER_REMOVED, "");
    assert_int_equal(yibu_iterator_next(changes, &item), 0);
    return yibu_iterator_close(changes);
}

static long queue_limit(void)
{
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    long limit = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld", &limit), 1);
    (void)fclose(file);
    return limit;
}

LOOP_TEST(events_that_were_lost_are_told)
{
    const char *a = test_file("a", "", 0), *b = test_path("b");
    yibu_iterator *changes;
    long limit = queue_limit();
    if (limit > 1000000)
        return 0;
    assert_int_equal(yibu_watch_folder(test_folder, YIBU_FOLDER_MOVED_TO, &changes), 0);
    for (long i = 0; i <= limit; i++) {
        assert_int_equal(rename(i % 2 ? b : a, i % 2 ? a : b), 0);
    }
    void *item;
    long count = 0;
    const yibu_folder_event *event;
    do {
        assert_int_equal(yibu_iterator_next(changes, &item), 1);
        event = item;
        count++;
    } while (event->change == YIBU_FOLDER_MOVED_TO);
    assert_int_equal(event->change, YIBU_FOLDER_OVERFLOW);
    assert_int_equal(count, limit + 1);
    return yibu_iterator_close(changes);
}

static intptr_t wait_for_a_change(void *arg)
{
    void *item;
    return yibu_iterator_next(arg, &item);
}

LOOP_TEST(a_watch_waits_and_can_be_cancelled)
{
    yibu_iterator *changes;
    int before = test_descriptors();
    assert_int_equal(yibu_watch_folder(test_folder, 0, &changes), 0);
    yibu_task *task = yibu_create_task(wait_for_a_change, changes, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    assert_false(yibu_task_done(task));
    (void)test_file("a", "", 0);
    assert_int_equal(yibu_await(task), 1);
    yibu_task_unref(task);
    expect(changes, YIBU_FOLDER_CLOSED, "a");
    task = yibu_create_task(wait_for_a_change, changes, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    assert_int_equal(yibu_iterator_close(changes), 0);
    assert_int_equal(test_descriptors(), before);
    return 0;
}

LOOP_TEST(what_cannot_be_watched_is_told)
{
    yibu_iterator *changes;
    int before = test_descriptors();
    assert_int_equal(yibu_watch_folder(test_path("missing"), 0, &changes), -ENOENT);
    assert_int_equal(yibu_watch_folder(test_file("file", "", 0), 0, &changes), -ENOTDIR);
    assert_int_equal(yibu_watch_folder(NULL, 0, &changes), -EINVAL);
    assert_int_equal(yibu_watch_folder(".", YIBU_FOLDER_OVERFLOW, &changes), -EINVAL);
    assert_int_equal(test_descriptors(), before);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(changes_come_with_names_in_their_order),
        file_test(only_what_was_asked_for_comes),
        file_test(a_rename_is_a_pair_with_one_cookie),
        file_test(a_watch_ends_when_its_folder_is_removed),
        file_test(events_that_were_lost_are_told),
        file_test(a_watch_waits_and_can_be_cancelled),
        file_test(what_cannot_be_watched_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
