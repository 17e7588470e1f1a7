/* Payloads where memory is short: whoever asks for it is told, nobody is killed, and nothing is
 * lost.
 *
 * The linker's --wrap lets the calls of the library through here, in this process and in the
 * workers, which are runs of the same program. */
#include "jobs.h"

#include <string.h>
#include <sys/mman.h>

#include <yibu/payload.h>

enum { MEGABYTE = 1 << 20 };

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* What fails, with what; 0: nothing. */
static struct {
    int populate, reserve, map, write;
    size_t map_from; /* only mappings of at least so many bytes */
} shortage;

int __real_madvise(void *memory, size_t size, int advice);
int __wrap_madvise(void *memory, size_t size, int advice);
int __real_fallocate(int fd, int mode, off_t at, off_t size);
int __wrap_fallocate(int fd, int mode, off_t at, off_t size);
void *__real_mmap(void *memory, size_t size, int protection, int flags, int fd, off_t at);
void *__wrap_mmap(void *memory, size_t size, int protection, int flags, int fd, off_t at);
ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);

static bool fails(int error)
{
    errno = error;
    return error != 0;
}

int __wrap_madvise(void *memory, size_t size, int advice)
{
    if (advice == MADV_POPULATE_WRITE && fails(shortage.populate))
        return -1;
    return __real_madvise(memory, size, advice);
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t size)
{
    if (mode == 0 && fails(shortage.reserve))
        return -1;
    return __real_fallocate(fd, mode, at, size);
}

void *__wrap_mmap(void *memory, size_t size, int protection, int flags, int fd, off_t at)
{
    if (fd >= 0 && size >= shortage.map_from && fails(shortage.map))
        return MAP_FAILED;
    return __real_mmap(memory, size, protection, flags, fd, at);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
    return fails(shortage.write) ? -1 : __real_pwrite(fd, data, size, at);
}

/* Answers with so many bytes; where the second number is not zero, that is what populating fails
 * with in the worker. */
static intptr_t fill(yibu_bytes input, yibu_buffer *output)
{
    long numbers[2];
    memcpy(numbers, input.data, sizeof(numbers));
    shortage.populate = (int)numbers[1];
    int r = yibu_buffer_reserve(output, (size_t)numbers[0]);
    shortage.populate = 0;
    if (r < 0)
        return r;
    memset(output->data, 0x33, (size_t)numbers[0]);
    output->size = (size_t)numbers[0];
    return 5;
}
YIBU_JOB(fill);

static intptr_t try_fill(long size, int error, yibu_payload **ret_output)
{
    yibu_payload *input;
    long numbers[2] = {size, error};
    assert_int_equal(yibu_payload_new(NULL, sizeof(numbers), &input), 0);
    memcpy(yibu_payload_data(input), numbers, sizeof(numbers));
    return yibu_to_process_payload(&fill_job, input, ret_output, NULL);
}

static void expect_works(long size)
{
    yibu_payload *output;
    assert_int_equal(try_fill(size, 0, &output), 5);
    const unsigned char *bytes = yibu_payload_data(output);
    assert_int_equal(yibu_payload_size(output), size);
    for (long i = 0; i < size; i += 4096)
        assert_int_equal(bytes[i], 0x33);
    assert_int_equal(bytes[size - 1], 0x33);
    yibu_payload_free(output);
}

LOOP_TEST(payload_without_memory_is_not_made)
{
    yibu_payload *payload, *held;
    assert_int_equal(yibu_payload_new(NULL, 100000, &held), 0);
    memset(yibu_payload_data(held), 9, 100000);
    for (int i = 0; i < 2000; i++) { /* more often than there are pieces */
        shortage.populate = i % 2 ? EFAULT : ENOMEM;
        assert_int_equal(yibu_payload_new(NULL, 5 * MEGABYTE, &payload), -ENOMEM);
    }
    shortage.populate = 0;
    assert_int_equal(((unsigned char *)yibu_payload_data(held))[99999], 9);
    yibu_payload_free(held);
    expect_works(5 * MEGABYTE);
    return 0;
}

/* Kernels without MADV_POPULATE_WRITE. */
LOOP_TEST(memory_is_reserved_where_it_cannot_be_populated)
{
    yibu_payload *payload;
    shortage.populate = EINVAL;
    assert_int_equal(yibu_payload_new(NULL, 9 * MEGABYTE, &payload), 0);
    memset(yibu_payload_data(payload), 1, 9 * MEGABYTE);
    shortage.reserve = ENOSPC;
    yibu_payload *none;
    assert_int_equal(yibu_payload_new(NULL, 9 * MEGABYTE, &none), -ENOMEM);
    shortage.populate = shortage.reserve = 0;
    for (int i = 0; i < 9 * MEGABYTE; i += 4096)
        assert_int_equal(((unsigned char *)yibu_payload_data(payload))[i], 1);
    yibu_payload_free(payload);
    expect_works(9 * MEGABYTE);
    return 0;
}

LOOP_TEST(job_without_memory_is_told)
{
    yibu_payload *output;
    expect_works(100);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(try_fill(9 * MEGABYTE, EFAULT, &output), -ENOMEM);
        assert_null(output);
    }
    expect_works(9 * MEGABYTE);
    assert_int_equal(try_fill(9 * MEGABYTE, EINVAL, &output), 5); /* an older kernel */
    yibu_payload_free(output);
    return 0;
}

/* The parent cannot map what the job has written. */
LOOP_TEST(output_that_cannot_be_mapped_is_given_back)
{
    yibu_payload *output;
    expect_works(9 * MEGABYTE);
    shortage.map_from = 5 * MEGABYTE;
    for (int i = 0; i < 600; i++) {
        shortage.map = ENOMEM;
        assert_int_equal(try_fill(9 * MEGABYTE, 0, &output), -ENOMEM);
        assert_null(output);
        assert_int_equal(yibu_payload_new(NULL, 9 * MEGABYTE, &output), -ENOMEM);
        shortage.map = 0;
    }
    expect_works(9 * MEGABYTE);
    return 0;
}

/* The copying call, too. */
LOOP_TEST(input_without_memory_fails_alone)
{
    static char bytes[9 * MEGABYTE];
    for (int i = 0; i < 20; i++) {
        shortage.write = i % 2 ? ENOSPC : ENOMEM;
        assert_int_equal(call(&fill_job, VALUE(bytes)), -ENOMEM);
        shortage.write = 0;
        expect_works(MEGABYTE);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payload_without_memory_is_not_made),
        cmocka_unit_test(memory_is_reserved_where_it_cannot_be_populated),
        cmocka_unit_test(job_without_memory_is_told),
        cmocka_unit_test(output_that_cannot_be_mapped_is_given_back),
        cmocka_unit_test(input_without_memory_fails_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
