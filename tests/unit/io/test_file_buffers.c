/* Aligned buffers, and reads past the page cache. */
#include "files.h"
#include "loop.h"

enum { BLOCK = 4096, BLOCKS = 64 };

static void transfer_directly(yibu_file_buffers *buffers, const char *path)
{
    char *data = malloc(BLOCK * BLOCKS);
    test_fill(data, BLOCK * BLOCKS);
    int fd = yibu_file_open(path, O_RDWR | O_CREAT | O_DIRECT, 0600);
    if (fd == -EINVAL) { /* a file system without O_DIRECT */
        fd = yibu_file_open(path, O_RDWR | O_CREAT, 0600);
        print_message("no O_DIRECT here\n");
    }
    assert_true(fd >= 0);
    void *block;
    assert_int_equal(yibu_file_buffers_take(buffers, &block), 0);
    for (int i = 0; i < BLOCKS; i++) {
        memcpy(block, data + i * BLOCK, BLOCK);
        assert_int_equal(yibu_file_write_at(fd, block, BLOCK, i * BLOCK), BLOCK);
    }
    for (int i = BLOCKS; i-- > 0;) {
        assert_int_equal(yibu_file_read_at(fd, block, BLOCK, i * BLOCK), BLOCK);
        assert_memory_equal(block, data + i * BLOCK, BLOCK);
    }
    assert_int_equal(yibu_file_read_at(fd, block, BLOCK, BLOCKS * BLOCK), 0);
    yibu_file_buffers_give(buffers, block);
    assert_int_equal(yibu_file_close(fd), 0);
    free(data);
}

LOOP_TEST(blocks_are_written_and_read_past_the_cache)
{
    yibu_file_buffers *buffers;
    assert_int_equal(yibu_file_buffers_new(4, BLOCK, &buffers), 0);
    const char *backend = yibu_loop_backend(yibu_get_running_loop());
    assert_int_equal(yibu_file_buffers_registered(buffers), strcmp(backend, "io_uring") == 0);
    transfer_directly(buffers, test_path("direct"));
    yibu_file_buffers_free(buffers);
    return 0;
}

/* More sets than the kernel's table holds: the rest works without being registered. */
LOOP_TEST(buffers_that_are_not_registered_work_as_well)
{
    enum { SETS = 20 };
    yibu_file_buffers *sets[SETS];
    for (int i = 0; i < SETS; i++)
        assert_int_equal(yibu_file_buffers_new(1, BLOCK, &sets[i]), 0);
    assert_false(yibu_file_buffers_registered(sets[SETS - 1]));
    transfer_directly(sets[SETS - 1], test_path("plain"));
    for (int i = 0; i < SETS; i++)
        yibu_file_buffers_free(sets[i]);
    assert_int_equal(yibu_file_buffers_new(1, BLOCK, &sets[0]), 0);
    transfer_directly(sets[0], test_path("again"));
    yibu_file_buffers_free(sets[0]);
    return 0;
}

static intptr_t transfer_after_the_move(void *arg)
{
    transfer_directly(arg, test_path("moved"));
    return 0;
}

/* yibu_loop_fd moves io_uring's loop to another ring, and the registered memory with it. */
static void registered_buffers_survive_a_new_ring(void **state)
{
    yibu_loop *loop;
    assert_int_equal(test_files_setup(state), 0);
    assert_int_equal(test_loop_setup((void **)&loop), 0);
    yibu_file_buffers *buffers;
    assert_int_equal(yibu_file_buffers_new(1, BLOCK, &buffers), 0);
    assert_true(yibu_loop_fd(loop) >= 0);
    yibu_task *task = yibu_create_task(transfer_after_the_move, buffers, NULL);
    test_loop_drain(loop);
    assert_true(yibu_task_done(task));
    yibu_task_unref(task);
    yibu_file_buffers_free(buffers);
    assert_int_equal(yibu_loop_free(loop), 0);
    unsetenv("CMOCKA_TEST_ABORT");
    assert_int_equal(test_files_teardown(state), 0);
}

typedef struct taker {
    yibu_file_buffers *buffers;
    void *block;
} taker;

static intptr_t take(void *arg)
{
    taker *t = arg;
    return yibu_file_buffers_take(t->buffers, &t->block);
}

LOOP_TEST(whoever_finds_no_buffer_waits_for_one)
{
    yibu_file_buffers *buffers;
    void *first, *second;
    assert_int_equal(yibu_file_buffers_new(2, 100, &buffers), 0);
    assert_int_equal(yibu_file_buffers_take(buffers, &first), 0);
    assert_int_equal(yibu_file_buffers_take(buffers, &second), 0);
    assert_ptr_not_equal(first, second);
    assert_int_equal((uintptr_t)first % 512, 0);
    taker waiting = {.buffers = buffers}, cancelled = {.buffers = buffers};
    yibu_task *a = yibu_create_task(take, &cancelled, NULL);
    yibu_task *b = yibu_create_task(take, &waiting, NULL);
    assert_int_equal(yibu_sleep(0), 0);
    yibu_task_cancel(a);
    assert_int_equal(yibu_await(a), -ECANCELED);
    yibu_file_buffers_give(buffers, first);
    assert_int_equal(yibu_await(b), 0);
    assert_ptr_equal(waiting.block, first);
    yibu_file_buffers_give(buffers, first);
    yibu_file_buffers_give(buffers, second);
    yibu_task_unref(a);
    yibu_task_unref(b);
    yibu_file_buffers_free(buffers);
    yibu_file_buffers_free(NULL);
    return 0;
}

LOOP_TEST(sizes_that_cannot_be_are_refused)
{
    yibu_file_buffers *buffers;
    assert_int_equal(yibu_file_buffers_new(0, 1, &buffers), -EINVAL);
    assert_int_equal(yibu_file_buffers_new(1, 0, &buffers), -EINVAL);
    assert_int_equal(yibu_file_buffers_new(SIZE_MAX / 2, 4096, &buffers), -EINVAL);
    assert_int_equal(yibu_file_buffers_new(1, SIZE_MAX, &buffers), -EINVAL);
    assert_int_equal(yibu_file_buffers_new(1, 1, NULL), -EINVAL);
    return 0;
}

static yibu_file_buffers *left;

LOOP_TEST(buffers_are_left_behind)
{
    return yibu_file_buffers_new(1, 1, &left);
}

static void buffers_may_outlive_their_loop(void **state)
{
    buffers_are_left_behind(state);
    yibu_file_buffers_free(left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        file_test(blocks_are_written_and_read_past_the_cache),
        file_test(buffers_that_are_not_registered_work_as_well),
        cmocka_unit_test(registered_buffers_survive_a_new_ring),
        cmocka_unit_test(whoever_finds_no_buffer_waits_for_one),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(buffers_may_outlive_their_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
