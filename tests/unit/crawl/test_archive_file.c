/* The archive's file: names that do not clash, and an end wherever writing stopped. */
#include "archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

static void expect_name(struct archive_file *archive, const char *url, const char *expected)
{
    char *name = archive_name(archive, url);
    assert_non_null(name);
    assert_string_equal(name, expected);
    free(name);
}

static void names_are_paths_below_their_host(void **state)
{
    (void)state;
    struct archive_file archive = {0};
    expect_name(&archive, "http://h/", "h/index.html");
    expect_name(&archive, "http://h/a/", "h/a/index.html");
    expect_name(&archive, "http://h/a/b?c=/d", "h/a/b?c=_d");
    expect_name(&archive, "http://h:81//x///y", "h:81/x/y");
    tdestroy(archive.names, free);
}

static void names_never_clash(void **state)
{
    (void)state;
    struct archive_file archive = {0};
    expect_name(&archive, "http://h/a", "h/a");
    expect_name(&archive, "https://h/a", "h/a~");
    expect_name(&archive, "http://h/a/", "h/a~~/index.html");
    expect_name(&archive, "http://h/a/b", "h/a~~/b");
    expect_name(&archive, "http://h/a/b/c", "h/a~~/b~/c");
    expect_name(&archive, "http://h/a/index.html", "h/a~~/index.html~");
    tdestroy(archive.names, free);
}

static off_t size_of(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    return status.st_size;
}

static void a_file_is_its_entries_and_an_end(void **state)
{
    (void)state;
    struct archive_file archive;
    char path[] = "/tmp/yibu-archive-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(archive_create(&archive, path), 0);
    assert_false(archive_add(&archive, (yibu_bytes){"frame", 5}, 100));
    assert_int_equal(archive_close(&archive), 0);
    assert_int_equal(archive.written_entries, 1);
    assert_int_equal(size_of(path), archive.written_bytes);
    assert_true(size_of(path) > 5);
    unlink(path);
}

static void a_full_piece_is_due(void **state)
{
    (void)state;
    struct archive_file archive = {.fd = -1};
    char *frame = calloc(1, ARCHIVE_PIECE_BYTES);
    uint64_t entries;
    assert_true(archive_add(&archive, (yibu_bytes){frame, ARCHIVE_PIECE_BYTES}, 1));
    yibu_buffer piece = archive_take(&archive, &entries);
    assert_int_equal(piece.size, ARCHIVE_PIECE_BYTES);
    assert_int_equal(entries, 1);
    yibu_buffer_free(&piece);
    free(frame);
}

/* A limit to the size of files stands for a full disk: what does not fit is cut off whole. */
static void a_full_disk_leaves_whole_entries_and_an_end(void **state)
{
    (void)state;
    struct archive_file archive;
    struct rlimit limit;
    char path[] = "/tmp/yibu-archive-XXXXXX";
    close(mkstemp(path));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    signal(SIGXFSZ, SIG_IGN);
    char frame[600] = "";
    uint64_t entries;
    assert_int_equal(archive_create(&archive, path), 0);
    for (int i = 0; i < 2; i++) {
        archive_add(&archive, (yibu_bytes){frame, sizeof(frame)}, 1);
        yibu_buffer piece = archive_take(&archive, &entries);
        assert_int_equal(archive_write(&archive, piece, entries), i == 0 ? 0 : -EFBIG);
    }
    assert_int_equal(archive_close(&archive), -EFBIG);
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(archive.written_entries, 1);
    assert_int_equal(size_of(path), archive.written_bytes);
    assert_true(archive.written_bytes > 600 && archive.written_bytes < 700);
    unlink(path);
}

static void a_file_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    struct archive_file archive;
    assert_int_equal(archive_create(&archive, "/nowhere/at/all"), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_paths_below_their_host),
        cmocka_unit_test(names_never_clash),
        cmocka_unit_test(a_file_is_its_entries_and_an_end),
        cmocka_unit_test(a_full_piece_is_due),
        cmocka_unit_test(a_full_disk_leaves_whole_entries_and_an_end),
        cmocka_unit_test(a_file_that_cannot_be_made_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
