/* Buffers on the heap and in memory that is lent. */
#include "test.h"

#include <errno.h>

#include "base/buffer.h"

static bool refuse;

static void *allocate(size_t size, void *arg)
{
    (void)arg;
    return refuse ? NULL : malloc(size);
}

static void *reallocate(void *memory, size_t size, void *arg)
{
    (void)arg;
    return refuse ? NULL : realloc(memory, size);
}

static void release(void *memory, void *arg)
{
    (void)arg;
    free(memory);
}

static void bytes_are_appended_as_the_buffer_grows(void **state)
{
    (void)state;
    yibu_buffer buffer = {0};
    for (int i = 0; i < 10000; i++) {
        char byte = (char)i;
        assert_int_equal(yibu_buffer_append(&buffer, &byte, 1), 0);
    }
    assert_int_equal(buffer.size, 10000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(((char *)buffer.data)[i], (char)i);
    yibu_buffer_free(&buffer);
    assert_null(buffer.data);
    assert_int_equal(buffer.capacity, 0);
}

static void nothing_may_be_appended(void **state)
{
    (void)state;
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_buffer_append(&buffer, NULL, 0), 0);
    assert_int_equal(yibu_buffer_append(&buffer, "", 0), 0);
    assert_null(buffer.data);
    yibu_buffer_free(&buffer);
    yibu_buffer_free(NULL);
}

static void reserved_room_is_written_by_the_caller(void **state)
{
    (void)state;
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_buffer_append(&buffer, "out ", 4), 0);
    assert_int_equal(yibu_buffer_reserve(&buffer, 1000), 0);
    assert_true(buffer.capacity >= 1004);
    memset((char *)buffer.data + buffer.size, 'x', 1000);
    buffer.size += 1000;
    assert_memory_equal(buffer.data, "out xx", 6);
    yibu_buffer_free(&buffer);
}

static void buffer_stays_as_it_was_without_memory(void **state)
{
    (void)state;
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_buffer_append(&buffer, "step", 4), 0);
    yibu_buffer before = buffer;
    refuse = true;
    assert_int_equal(yibu_buffer_reserve(&buffer, 1000), -ENOMEM);
    assert_int_equal(yibu_buffer_append(&buffer, before.data, SIZE_MAX), -ENOMEM);
    refuse = false;
    assert_memory_equal(&buffer, &before, sizeof(buffer));
    yibu_buffer_free(&buffer);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    yibu_buffer buffer = {0};
    assert_int_equal(yibu_buffer_append(&buffer, NULL, 1), -EINVAL);
    assert_int_equal(yibu_buffer_append(NULL, "x", 1), -EINVAL);
    assert_int_equal(yibu_buffer_reserve(NULL, 1), -EINVAL);
}

static char larger[64];

static int lend_more(yibu_buffer *buffer, size_t capacity)
{
    if (capacity > sizeof(larger))
        return -ENOMEM;
    memcpy(larger, buffer->data, buffer->size);
    buffer->data = larger;
    buffer->capacity = sizeof(larger);
    return 0;
}

static void lender_is_asked_for_more(void **state)
{
    (void)state;
    char small[4];
    yibu_buffer buffer;
    yb_buffer_lend(&buffer, small, sizeof(small), lend_more);
    assert_true(yb_buffer_lent(&buffer));
    assert_int_equal(yibu_buffer_append(&buffer, "1234", 4), 0);
    assert_ptr_equal(buffer.data, small);
    assert_int_equal(yibu_buffer_append(&buffer, "5678", 4), 0);
    assert_memory_equal(larger, "12345678", 8);
    assert_int_equal(yibu_buffer_reserve(&buffer, sizeof(larger)), -ENOMEM);
    yibu_buffer_free(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_true(yb_buffer_lent(&buffer));
}

int main(void)
{
    const yibu_allocator allocator = {allocate, reallocate, release, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_appended_as_the_buffer_grows),
        cmocka_unit_test(nothing_may_be_appended),
        cmocka_unit_test(reserved_room_is_written_by_the_caller),
        cmocka_unit_test(buffer_stays_as_it_was_without_memory),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(lender_is_asked_for_more),
    };
    if (yibu_set_allocator(&allocator) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
