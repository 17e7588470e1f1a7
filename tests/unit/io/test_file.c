/* Files: opened, read, written, measured and closed. */
#include "files.h"

#include <sys/socket.h>

#include "gate.h"

static const char text[] = "the quick brown fox";
enum { LENGTH = sizeof(text) - 1 };

static int open_text(int flags)
{
    int fd = yibu_file_open(test_file("text", text, LENGTH), flags, 0);
    assert_true(fd >= 0);
    return fd;
}

LOOP_TEST(a_file_is_written_and_read_back)
{
    int fd = yibu_file_open(test_path("new"), O_RDWR | O_CREAT | O_EXCL, 0640);
    assert_true(fd >= 0);
    assert_int_equal(yibu_file_write(fd, text, LENGTH), LENGTH);
    assert_int_equal(yibu_file_write(fd, "!", 1), 1);
    char back[64];
    assert_int_equal(yibu_file_read(fd, back, sizeof(back)), 0);
    assert_int_equal(yibu_file_read_at(fd, back, sizeof(back), 0), LENGTH + 1);
    assert_memory_equal(back, "the quick brown fox!", LENGTH + 1);
    assert_int_equal(yibu_file_close(fd), 0);
    return 0;
}

LOOP_TEST(a_file_is_closed_in_programs_that_are_started)
{
    int fd = open_text(O_RDONLY);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    return yibu_file_close(fd);
}

LOOP_TEST(the_position_moves_with_reads_and_not_with_those_at_an_offset)
{
    int fd = open_text(O_RDONLY);
    char back[16];
    assert_int_equal(yibu_file_read(fd, back, 4), 4);
    assert_memory_equal(back, "the ", 4);
    assert_int_equal(yibu_file_read_at(fd, back, 3, 16), 3);
    assert_memory_equal(back, "fox", 3);
    assert_int_equal(yibu_file_read(fd, back, 5), 5);
    assert_memory_equal(back, "quick", 5);
    return yibu_file_close(fd);
}

LOOP_TEST(a_read_is_short_at_the_end_alone_also_from_disk)
{
    enum { SIZE = 3 * 1024 * 1024 + 17 };
    char *data = malloc(SIZE), *back = malloc(SIZE + 100);
    test_fill(data, SIZE);
    const char *path = test_file("big", data, SIZE);
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            test_evict(path);
        int fd = yibu_file_open(path, O_RDONLY, 0);
        assert_int_equal(yibu_file_read(fd, back, SIZE + 100), SIZE);
        assert_memory_equal(back, data, SIZE);
        assert_int_equal(yibu_file_read_at(fd, back, 100, SIZE - 10), 10);
        assert_int_equal(yibu_file_close(fd), 0);
    }
    free(data);
    free(back);
    return 0;
}

/* Some pages in memory, others not: what is there and what comes from the disk make one answer. */
LOOP_TEST(a_read_that_is_cached_in_part_is_whole)
{
    enum { SIZE = 96 * 1024 };
    char *data = malloc(SIZE), *back = malloc(SIZE);
    test_fill(data, SIZE);
    const char *path = test_file("part", data, SIZE);
    test_evict(path);
    int fd = yibu_file_open(path, O_RDONLY, 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
    assert_int_equal(pread(fd, back, 8192, 0), 8192);
    assert_int_equal(yibu_file_read(fd, back, SIZE), SIZE);
    assert_memory_equal(back, data, SIZE);
    free(data);
    free(back);
    return yibu_file_close(fd);
}

LOOP_TEST(pieces_are_gathered_and_scattered)
{
    int fd = yibu_file_open(test_path("pieces"), O_RDWR | O_CREAT, 0600);
    char a[] = "one ", b[] = "two ", c[] = "three";
    const struct iovec out[] = {{a, 4}, {b, 4}, {c, 5}};
    assert_int_equal(yibu_file_writev(fd, out, 3, 3), 13);
    assert_int_equal(yibu_file_writev(fd, out, 1, -1), 4);
    char x[6], y[30];
    const struct iovec in[] = {{x, 6}, {y, 30}};
    assert_int_equal(yibu_file_readv(fd, in, 2, 0), 16);
    assert_memory_equal(x, "one ne", 6); /* the one at position 0 came second */
    assert_memory_equal(y, " two three", 10);
    assert_int_equal(yibu_file_readv(fd, in, 2, -1), 12);
    assert_int_equal(yibu_file_readv(fd, in, 2, 100), 0);
    assert_int_equal(yibu_file_readv(fd, in, 5000, 0), -EINVAL);
    return yibu_file_close(fd);
}

LOOP_TEST(appended_data_goes_to_the_end)
{
    int fd = open_text(O_WRONLY | O_APPEND);
    assert_int_equal(yibu_file_write(fd, "!", 1), 1);
    struct statx about;
    assert_int_equal(yibu_file_stat(fd, &about), 0);
    assert_int_equal(about.stx_size, LENGTH + 1);
    return yibu_file_close(fd);
}

LOOP_TEST(a_file_is_cut_extended_and_synced)
{
    int fd = open_text(O_RDWR);
    struct statx about;
    assert_int_equal(yibu_file_truncate(fd, 5), 0);
    assert_int_equal(yibu_file_stat(fd, &about), 0);
    assert_int_equal(about.stx_size, 5);
    assert_int_equal(yibu_file_fallocate(fd, 0, 0, 10000), 0);
    assert_int_equal(yibu_file_stat(fd, &about), 0);
    assert_int_equal(about.stx_size, 10000);
    assert_true(about.stx_blocks * 512 >= 10000);
    assert_int_equal(yibu_file_fsync(fd), 0);
    assert_int_equal(yibu_file_fdatasync(fd), 0);
    assert_int_equal(yibu_file_chmod(fd, 0400), 0);
    assert_int_equal(yibu_file_stat(fd, &about), 0);
    assert_int_equal(about.stx_mode & 0777, 0400);
    return yibu_file_close(fd);
}

LOOP_TEST(mistakes_are_told)
{
    char byte = 'x';
    const int closed = 12345;
    assert_int_equal(yibu_file_open(test_path("missing"), O_RDONLY, 0), -ENOENT);
    assert_int_equal(yibu_file_open(NULL, O_RDONLY, 0), -EINVAL);
    assert_int_equal(yibu_file_read(-1, &byte, 1), -EBADF);
    assert_int_equal(yibu_file_read(closed, &byte, 1), -EBADF);
    assert_int_equal(yibu_file_write_at(closed, &byte, 1, 0), -EBADF);
    assert_int_equal(yibu_file_fsync(closed), -EBADF);
    assert_int_equal(yibu_file_close(closed), -EBADF);
    assert_int_equal(yibu_file_close(-1), -EBADF);
    int fd = open_text(O_RDONLY);
    assert_int_equal(yibu_file_read(fd, NULL, 1), -EINVAL);
    assert_int_equal(yibu_file_read_at(fd, &byte, 1, -1), -EINVAL);
    assert_int_equal(yibu_file_write(fd, &byte, 1), -EBADF);
    assert_int_equal(yibu_file_truncate(fd, -1), -EINVAL);
    assert_int_equal(yibu_file_stat(fd, NULL), -EINVAL);
    assert_int_equal(yibu_file_close(fd), 0);
    fd = yibu_file_open(test_folder, O_RDONLY, 0);
    assert_int_equal(yibu_file_read(fd, &byte, 1), -EISDIR);
    assert_int_equal(yibu_file_close(fd), 0);
    return 0;
}

static void outside_a_task(void **state)
{
    (void)state;
    char byte;
    assert_int_equal(yibu_file_open(".", O_RDONLY, 0), YIBU_ENOTASK);
    assert_int_equal(yibu_file_read(0, &byte, 1), YIBU_ENOTASK);
    int fd = open(".", O_RDONLY | O_CLOEXEC);
    assert_int_equal(yibu_file_close(fd), 0);
}

/* Whoever reads from a FIFO that is open for writing, too, waits for ever: until it is written to,
 * or cancelled. */
static intptr_t read_fifo(void *arg)
{
    char byte;
    return yibu_file_read(*(int *)arg, &byte, 1);
}

static int open_fifo(int flags)
{
    const char *path = test_path("fifo");
    assert_true(mkfifo(path, 0600) == 0 || errno == EEXIST);
    return yibu_file_open(path, flags, 0);
}

LOOP_TEST(a_read_of_a_fifo_waits_for_data)
{
    int fd = open_fifo(O_RDWR);
    yibu_task *task = yibu_create_task(read_fifo, &fd, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
    assert_false(yibu_task_done(task));
    assert_int_equal(yibu_file_write(fd, "x", 1), 1);
    assert_int_equal(yibu_await(task), 1);
    yibu_task_unref(task);
    return yibu_file_close(fd);
}

static void read_what_there_is(int from, int to)
{
    char back[100];
    const struct iovec piece = {back, sizeof(back)};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(yibu_file_write(to, "hello", 5), 5);
        if (i < 2)
            assert_int_equal(yibu_file_read(from, back, sizeof(back)), 5);
        else
            assert_int_equal(yibu_file_readv(from, &piece, 1, -1), 5);
        assert_memory_equal(back, "hello", 5);
    }
}

LOOP_TEST(a_read_of_a_fifo_or_pipe_takes_what_there_is)
{
    int fd = open_fifo(O_RDWR), ends[2];
    read_what_there_is(fd, fd);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    read_what_there_is(ends[0], ends[1]);
    close(ends[0]);
    close(ends[1]);
    return yibu_file_close(fd);
}

LOOP_TEST(a_read_of_a_fifo_can_be_cancelled)
{
    int fd = open_fifo(O_RDWR);
    yibu_task *task = yibu_create_task(read_fifo, &fd, NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(2)), 0);
    yibu_task_cancel(task);
    assert_int_equal(yibu_await(task), -ECANCELED);
    yibu_task_unref(task);
    return yibu_file_close(fd);
}

LOOP_TEST(opening_a_fifo_does_not_wait_for_the_other_end)
{
    assert_int_equal(open_fifo(O_WRONLY), -ENXIO);
    int fd = open_fifo(O_RDONLY);
    assert_true(fd >= 0);
    return yibu_file_close(fd);
}

LOOP_TEST(sockets_and_devices_are_read_as_well)
{
    int ends[2];
    char back[4] = "abcd";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    yibu_task *task = yibu_create_task(read_fifo, &ends[0], NULL);
    assert_int_equal(yibu_sleep(YIBU_MS(1)), 0);
    const struct iovec pieces[] = {{NULL, 0}, {back, 1}};
    assert_int_equal(yibu_file_writev(ends[1], pieces, 2, -1), 1);
    assert_int_equal(yibu_await(task), 1);
    yibu_task_unref(task);
    close(ends[0]);
    close(ends[1]);
    int fd = yibu_file_open("/dev/zero", O_RDONLY, 0);
    assert_int_equal(yibu_file_read(fd, back, 4), 4);
    assert_memory_equal(back, "\0\0\0\0", 4);
    return yibu_file_close(fd);
}

typedef struct chunk {
    int fd;
    int64_t offset;
    char bytes[4096];
    ssize_t result;
} chunk;

static intptr_t read_chunk(void *arg)
{
    chunk *c = arg;
    c->result = yibu_file_read_at(c->fd, c->bytes, sizeof(c->bytes), c->offset);
    return 0;
}

LOOP_TEST(many_reads_at_once_each_get_their_own)
{
    enum { COUNT = 200, SIZE = COUNT * 4096 };
    char *data = malloc(SIZE);
    test_fill(data, SIZE);
    const char *path = test_file("many", data, SIZE);
    test_evict(path);
    int fd = yibu_file_open(path, O_RDONLY, 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
    chunk *chunks = calloc(COUNT, sizeof(*chunks));
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        chunks[i].fd = fd;
        chunks[i].offset = (i * 37 % COUNT) * 4096;
        assert_int_equal(yibu_group_spawn(&group, read_chunk, &chunks[i]), 0);
    }
    assert_int_equal(yibu_group_end(&group, 0), 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(chunks[i].result, 4096);
        assert_memory_equal(chunks[i].bytes, data + chunks[i].offset, 4096);
    }
    free(chunks);
    free(data);
    return yibu_file_close(fd);
}

/* A cancel comes while the disk works, or before: what was transferred is returned. */
LOOP_TEST(a_cancelled_read_has_happened_or_not)
{
    enum { SIZE = 4096 };
    char data[SIZE];
    test_fill(data, SIZE);
    const char *path = test_file("cancelled", data, SIZE);
    for (int i = 0; i < 20; i++) {
        test_evict(path);
        chunk c = {.fd = yibu_file_open(path, O_RDONLY, 0)};
        yibu_task *task = yibu_create_task(read_chunk, &c, NULL);
        if (i % 2)
            assert_int_equal(yibu_sleep(0), 0);
        yibu_task_cancel(task);
        (void)yibu_await(task);
        yibu_task_unref(task);
        assert_true(c.result == SIZE || c.result == -ECANCELED);
        if (c.result == SIZE)
            assert_memory_equal(c.bytes, data, SIZE);
        assert_int_equal(yibu_file_close(c.fd), 0);
    }
    return 0;
}

static intptr_t close_it(void *arg)
{
    (void)yibu_sleep(YIBU_FOREVER); /* cancelled */
    return yibu_file_close(*(int *)arg);
}

LOOP_TEST(a_close_is_made_in_a_cancelled_task)
{
    int fd = open_text(O_RDWR);
    yibu_task *task = yibu_create_task(close_it, &fd, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(task);
    (void)yibu_await(task);
    yibu_task_unref(task);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    return 0;
}

/* Every thread of the default pool is held until the file has been read and written. */
LOOP_TEST(functions_that_block_do_not_delay_files)
{
    enum { COUNT = 64 };
    gate held;
    gate_open(&held);
    yibu_group group = YIBU_GROUP_INIT;
    assert_int_equal(yibu_group_begin(&group, NULL), 0);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(yibu_group_spawn(&group, pass_gate_on_a_thread, &held), 0);
    int fd = open_text(O_RDWR);
    assert_int_equal(yibu_file_write(fd, "THE", 3), 3);
    struct statx about;
    assert_int_equal(yibu_file_stat(fd, &about), 0);
    assert_int_equal(yibu_file_close(fd), 0);
    for (int i = 0; i < COUNT; i++)
        sem_post(&held.go);
    assert_int_equal(yibu_group_end(&group, 0), 0);
    gate_close(&held);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(a_file_is_written_and_read_back),
        file_test(a_file_is_closed_in_programs_that_are_started),
        file_test(the_position_moves_with_reads_and_not_with_those_at_an_offset),
        file_test(a_read_is_short_at_the_end_alone_also_from_disk),
        file_test(a_read_that_is_cached_in_part_is_whole),
        file_test(pieces_are_gathered_and_scattered),
        file_test(appended_data_goes_to_the_end),
        file_test(a_file_is_cut_extended_and_synced),
        file_test(mistakes_are_told),
        cmocka_unit_test(outside_a_task),
        file_test(a_read_of_a_fifo_waits_for_data),
        file_test(a_read_of_a_fifo_or_pipe_takes_what_there_is),
        file_test(a_read_of_a_fifo_can_be_cancelled),
        file_test(opening_a_fifo_does_not_wait_for_the_other_end),
        file_test(sockets_and_devices_are_read_as_well),
        file_test(many_reads_at_once_each_get_their_own),
        file_test(a_cancelled_read_has_happened_or_not),
        file_test(a_close_is_made_in_a_cancelled_task),
        file_test(functions_that_block_do_not_delay_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
