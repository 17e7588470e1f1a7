/* Files where the machine has no more to give: no space, no descriptors, signals without end. */
#include "files.h"

#include <sys/mount.h>
#include <sys/resource.h>

#include "signal_storm.h"

enum { SMALL_DISK = 1 << 20, MUCH = 3 << 20 };

static char much[MUCH];

/* A file system of 1 MiB in the folder; false where the user may not mount one. */
static bool mount_small_disk(void)
{
    const char *path = test_path("disk");
    assert_int_equal(mkdir(path, 0700), 0);
    if (mount("none", path, "tmpfs", 0, "size=1m") == 0)
        return true;
    print_message("no file system can be mounted here\n");
    return false;
}

static void unmount(void)
{
    assert_int_equal(umount(test_path("disk")), 0);
}

LOOP_TEST(a_full_disk_takes_what_fits_and_then_says_so)
{
    if (!mount_small_disk())
        return 0;
    int fd = yibu_file_open(test_path("disk/file"), O_RDWR | O_CREAT, 0600);
    ssize_t n = yibu_file_write(fd, much, MUCH);
    assert_true(n > 0 && n <= SMALL_DISK);
    assert_int_equal(yibu_file_write(fd, much, MUCH), -ENOSPC);
    assert_int_equal(yibu_file_fallocate(fd, 0, 0, MUCH), -ENOSPC);
    struct statx about;
    assert_int_equal(yibu_file_stat(fd, &about), 0);
    assert_int_equal(about.stx_size, n);
    assert_int_equal(yibu_file_truncate(fd, 0), 0);
    assert_int_equal(yibu_file_write_at(fd, much, 1000, 0), 1000);
    assert_int_equal(yibu_file_close(fd), 0);
    unmount();
    return 0;
}

LOOP_TEST(whole_files_and_copies_that_do_not_fit_leave_what_was_there)
{
    if (!mount_small_disk())
        return 0;
    char path[600], outside[600];
    snprintf(path, sizeof(path), "%s", test_path("disk/file"));
    snprintf(outside, sizeof(outside), "%s", test_file("outside", much, MUCH));
    assert_int_equal(yibu_write_file(path, "old", 3, NULL), 0);
    assert_int_equal(yibu_write_file(path, much, MUCH, NULL), -ENOSPC);
    assert_int_equal(yibu_copy_file(outside, path), -ENOSPC);
    yibu_buffer back = {0};
    assert_int_equal(yibu_read_file(path, 100, &back), 3);
    assert_memory_equal(back.data, "old", 3);
    assert_int_equal(test_count_in(test_path("disk")), 1);
    assert_int_equal(yibu_write_file(path, much, SMALL_DISK / 2 - 8192, NULL), 0);
    yibu_buffer_free(&back);
    unmount();
    return 0;
}

/* What fails has taken as much as fits, and says how much. */
LOOP_TEST(what_is_sent_to_a_full_disk_stops_where_it_is_full)
{
    if (!mount_small_disk())
        return 0;
    struct statx about;
    size_t sent = 0;
    int from = yibu_file_open(test_file("outside", much, MUCH), O_RDONLY, 0);
    int to = yibu_file_open(test_path("disk/file"), O_WRONLY | O_CREAT, 0600);
    assert_true(from >= 0 && to >= 0);
    assert_int_equal(yibu_sendfile(to, from, 0, MUCH, &sent), -ENOSPC);
    assert_int_equal(yibu_file_stat(to, &about), 0);
    assert_true(sent > 0 && sent <= SMALL_DISK);
    assert_int_equal(about.stx_size, sent);
    assert_int_equal(yibu_file_close(from), 0);
    assert_int_equal(yibu_file_close(to), 0);
    unmount();
    return 0;
}

LOOP_TEST(every_way_to_write_says_that_the_disk_is_full)
{
    if (!mount_small_disk())
        return 0;
    int ends[2], descriptors = test_descriptors();
    int fd = yibu_file_open(test_path("disk/file"), O_RDWR | O_CREAT, 0600);
    const struct iovec pieces[] = {{much, 1000}, {much, 1000}};
    assert_true(fd >= 0);
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(write(ends[1], much, 1000), 1000);
    assert_true(yibu_file_write(fd, much, MUCH) > 0);
    assert_int_equal(yibu_file_writev(fd, pieces, 2, SMALL_DISK), -ENOSPC);
    assert_int_equal(yibu_file_write_at(fd, much, 1000, SMALL_DISK), -ENOSPC);
    assert_int_equal(yibu_copy_file_range(fd, 0, fd, SMALL_DISK, 1000), -ENOSPC);
    assert_int_equal(yibu_splice(ends[0], -1, fd, SMALL_DISK, 1000), -ENOSPC);
    assert_int_equal(yibu_file_close(fd), 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(test_descriptors(), descriptors);
    unmount();
    return 0;
}

LOOP_TEST(a_stream_to_a_file_on_a_full_disk_fails_where_that_is_full)
{
    if (!mount_small_disk())
        return 0;
    yibu_stream *stream;
    struct statx about;
    int fd = yibu_file_open(test_path("disk/file"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(yibu_stream_new(fd, NULL, &stream), 0);
    assert_int_equal(yibu_stream_write(stream, much, MUCH), 0);
    assert_int_equal(yibu_stream_drain(stream), -ENOSPC);
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_wait_closed(stream), -ENOSPC);
    yibu_stream_free(stream);
    assert_int_equal(yibu_stat(test_path("disk/file"), &about), 0);
    assert_true(about.stx_size > 0 && about.stx_size <= SMALL_DISK);
    unmount();
    return 0;
}

LOOP_TEST(a_stream_to_a_full_device_fails_and_can_be_closed)
{
    yibu_stream *stream;
    int descriptors = test_descriptors();
    int fd = yibu_file_open("/dev/full", O_WRONLY, 0);
    assert_int_equal(yibu_connect_write_pipe(fd, NULL, &stream), 0);
    (void)yibu_stream_write(stream, much, MUCH);
    assert_int_equal(yibu_stream_drain(stream), -ENOSPC);
    assert_int_equal(yibu_stream_write(stream, "x", 1), -ENOSPC);
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_wait_closed(stream), -ENOSPC);
    yibu_stream_free(stream);
    assert_int_equal(yibu_file_close(fd), 0);
    assert_int_equal(test_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(without_descriptors_files_are_not_opened_and_nothing_is_lost)
{
    const char *path = test_file("file", "content", 7);
    yibu_buffer back = {0};
    assert_int_equal(yibu_stat(path, &(struct statx){0}), 0); /* threads and all are there */
    struct rlimit before, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    int descriptors = test_descriptors();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    void *item;
    yibu_iterator *entries = yibu_scandir(test_folder), *changes;
    assert_int_equal(yibu_file_open(path, O_RDONLY, 0), -EMFILE);
    assert_int_equal(yibu_read_file(path, 100, &back), -EMFILE);
    assert_int_equal(yibu_write_file(path, "x", 1, NULL), -EMFILE);
    assert_int_equal(yibu_copy_file(path, path), -EMFILE);
    assert_int_equal(yibu_iterator_next(entries, &item), -EMFILE);
    assert_int_equal(yibu_watch_folder(test_folder, 0, &changes), -EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(yibu_iterator_close(entries), 0);
    assert_int_equal(yibu_read_file(path, 100, &back), 7);
    yibu_buffer_free(&back);
    assert_int_equal(test_descriptors(), descriptors);
    return 0;
}

LOOP_TEST(a_storm_of_signals_changes_nothing)
{
    const char *path = test_path("file"), *copy = test_path("copy");
    storm_begin(100);
    test_fill(much, MUCH);
    for (int i = 0; i < 10; i++) {
        yibu_buffer back = {0};
        assert_int_equal(yibu_write_file(path, much, MUCH, NULL), 0);
        assert_int_equal(yibu_copy_file(path, copy), MUCH);
        assert_int_equal(yibu_read_file(copy, MUCH, &back), MUCH);
        assert_memory_equal(back.data, much, MUCH);
        assert_int_equal(yibu_unlink(copy), 0);
        yibu_buffer_free(&back);
    }
    storm_end();
    return 0;
}

LOOP_TEST(a_stream_over_a_file_reads_to_its_end)
{
    yibu_stream *stream;
    char *line;
    int fd = yibu_file_open(test_file("lines", "one\ntwo", 7), O_RDONLY, 0);
    assert_int_equal(yibu_stream_new(fd, NULL, &stream), 0);
    assert_int_equal(yibu_stream_readline(stream, &line), 4);
    assert_int_equal(yibu_stream_readline(stream, &line), 3);
    assert_int_equal(yibu_stream_readline(stream, &line), 0);
    assert_int_equal(yibu_stream_write_eof(stream), -ENOTSUP);
    yibu_stream_close(stream);
    assert_int_equal(yibu_stream_wait_closed(stream), 0);
    yibu_stream_free(stream);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    return 0;
}

/* A simulation runs them inline, and what its seed lets fail, fails. */
static intptr_t use_files(void *arg)
{
    long *outcomes = arg;
    yibu_buffer back = {0};
    intptr_t r = yibu_write_file(test_path("file"), "simulated", 9, NULL);
    if (r == 0)
        r = yibu_read_file(test_path("file"), 100, &back);
    assert_true(r == 9 || r == -EIO || r == -ENOSPC);
    outcomes[r == 9]++;
    yibu_buffer_free(&back);
    return 0;
}

static void a_simulation_runs_files_inline_and_lets_them_fail(void **state)
{
    (void)state;
    long failed_and_worked[2] = {0, 0};
    yibu_sim_options options = {.size = sizeof(options), .read_failure = 0.2, .write_failure = 0.2};
    for (uint64_t seed = 0; seed < 200; seed++)
        assert_int_equal(yibu_sim_run(seed, use_files, failed_and_worked, &options), 0);
    assert_true(failed_and_worked[0] > 20 && failed_and_worked[1] > 20);
    assert_true(test_entries() <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_full_disk_takes_what_fits_and_then_says_so),
        file_test(whole_files_and_copies_that_do_not_fit_leave_what_was_there),
        file_test(what_is_sent_to_a_full_disk_stops_where_it_is_full),
        file_test(every_way_to_write_says_that_the_disk_is_full),
        file_test(a_stream_to_a_file_on_a_full_disk_fails_where_that_is_full),
        file_test(a_stream_to_a_full_device_fails_and_can_be_closed),
        file_test(without_descriptors_files_are_not_opened_and_nothing_is_lost),
        file_test(a_storm_of_signals_changes_nothing),
        file_test(a_stream_over_a_file_reads_to_its_end),
        file_test(a_simulation_runs_files_inline_and_lets_them_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
