/* How a parallel loop's items are divided, and taken by many threads at once. */
#include <pthread.h>

#include "base/memory.h"
#include "exec/parallel.h"
#include "test.h"

static void expect_units(yb_units units, int64_t first, int64_t end)
{
    int64_t at = first;
    for (uint32_t i = 0; i < units.count; i++) {
        assert_true(yb_units_start(&units, i) == at);
        assert_true(yb_units_start(&units, i + 1) > at);
        at = yb_units_start(&units, i + 1);
    }
    assert_true(at == (units.count ? end : first));
}

static void units_cover_the_items_without_gap_or_overlap(void **state)
{
    (void)state;
    static const int64_t counts[] = {0, 1, 2, 3, 7, 1023, 1024, 1025, 5000};
    static const int64_t grains[] = {0, 1, 2, 3, 1000, 100000, INT64_MAX};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        for (size_t j = 0; j < sizeof(grains) / sizeof(grains[0]); j++)
            for (uint32_t limit = 1; limit <= 1024; limit *= 32) {
                yb_units units = yb_units_of(-3, counts[i] - 3, grains[j], limit);
                assert_in_range(units.count, 0, limit);
                assert_true(units.items >= (uint64_t)grains[j]);
                expect_units(units, -3, counts[i] - 3);
            }
}

static void the_longest_ranges_are_divided_too(void **state)
{
    (void)state;
    expect_units(yb_units_of(0, INT64_MAX, 0, 1000), 0, INT64_MAX);
    expect_units(yb_units_of(INT64_MIN, INT64_MAX, 0, 1000), INT64_MIN, INT64_MAX);
    expect_units(yb_units_of(INT64_MIN, INT64_MAX, INT64_MAX, 1000), INT64_MIN, INT64_MAX);
    yb_units units = yb_units_of(INT64_MIN, INT64_MAX, 0, UINT32_MAX);
    assert_true(yb_units_start(&units, 0) == INT64_MIN);
    assert_true(yb_units_start(&units, units.count) == INT64_MAX);
    assert_true(yb_units_start(&units, units.count - 1) < INT64_MAX);
}

static void a_range_that_ends_before_it_begins_has_no_units(void **state)
{
    (void)state;
    assert_int_equal(yb_units_of(5, 5, 0, 1000).count, 0);
    assert_int_equal(yb_units_of(5, 4, 1, 1000).count, 0);
    assert_int_equal(yb_units_of(INT64_MAX, INT64_MIN, 1, 1000).count, 0);
}

enum { PARTICIPANTS = 8, UNITS = 200000 };

static void begin(yb_parallel *loop, uint32_t units)
{
    *loop = (yb_parallel){.width = PARTICIPANTS, .units = {.count = units}};
    loop->caller.loop = loop;
    loop->helpers = yb_calloc(PARTICIPANTS - 1, sizeof(*loop->helpers));
    assert_non_null(loop->helpers);
    for (unsigned i = 1; i < PARTICIPANTS; i++)
        loop->helpers[i - 1].loop = loop;
    yb_participant_begin(&loop->caller, units);
}

static void who_takes_leaves_something_to_steal(void **state)
{
    (void)state;
    yb_parallel loop;
    begin(&loop, 1000);
    uint32_t first, end;
    assert_true(yb_participant_take(&loop.caller, UINT32_MAX, 0, &first, &end));
    assert_int_equal(first, 0);
    assert_int_equal(end, 250);
    assert_true(yb_participant_take(&loop.caller, 10, 0, &first, &end));
    assert_int_equal(first, 250);
    assert_int_equal(end, 260);
    assert_int_equal(yb_participant_left(&loop.caller), 740);
    assert_true(yb_participant_take(&loop.caller, 10, 739, &first, &end));
    assert_int_equal(end - first, 10);
    assert_true(yb_participant_take(&loop.caller, 10, 730, &first, &end));
    assert_int_equal(end - first, 730);
    yb_free(loop.helpers);
}

static void who_has_nothing_steals_half_of_the_longest(void **state)
{
    (void)state;
    yb_parallel loop;
    begin(&loop, 100);
    uint32_t first, end;
    assert_true(yb_participant_take(&loop.helpers[3], 1, 0, &first, &end));
    assert_int_equal(first, 50);
    assert_int_equal(yb_participant_left(&loop.caller), 50);
    assert_int_equal(yb_participant_left(&loop.helpers[3]), 49);
    assert_true(yb_participant_take(&loop.helpers[0], 1, 0, &first, &end));
    assert_int_equal(first, 25);
    assert_true(yb_participant_take(&loop.helpers[1], 1, 0, &first, &end));
    assert_int_equal(first, 75); /* of 51 to 99 */
    yb_free(loop.helpers);
}

static void the_last_unit_is_taken_once(void **state)
{
    (void)state;
    yb_parallel loop;
    begin(&loop, 1);
    uint32_t first, end;
    assert_true(yb_participant_take(&loop.helpers[0], 7, 0, &first, &end));
    assert_int_equal(first, 0);
    assert_int_equal(end, 1);
    assert_false(yb_participant_take(&loop.caller, 1, 0, &first, &end));
    assert_false(yb_participant_take(&loop.helpers[0], 1, 0, &first, &end));
    yb_free(loop.helpers);
}

static _Atomic(uint8_t) seen[UNITS];

static void *take_all(void *arg)
{
    yb_participant *self = arg;
    uint32_t first, end, most = 1;
    while (yb_participant_take(self, most, 0, &first, &end)) {
        for (uint32_t unit = first; unit < end; unit++)
            atomic_fetch_add(&seen[unit], 1);
        most = most % 7 + 1;
    }
    return NULL;
}

static void threads_that_steal_from_each_other_get_each_unit_once(void **state)
{
    (void)state;
    yb_parallel loop;
    pthread_t threads[PARTICIPANTS];
    memset(seen, 0, sizeof(seen));
    begin(&loop, UNITS);
    for (unsigned i = 0; i < PARTICIPANTS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, take_all, yb_parallel_participant(&loop, i)), 0);
    for (unsigned i = 0; i < PARTICIPANTS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < UNITS; i++)
        assert_int_equal(seen[i], 1);
    yb_free(loop.helpers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_cover_the_items_without_gap_or_overlap),
        cmocka_unit_test(the_longest_ranges_are_divided_too),
        cmocka_unit_test(a_range_that_ends_before_it_begins_has_no_units),
        cmocka_unit_test(who_takes_leaves_something_to_steal),
        cmocka_unit_test(who_has_nothing_steals_half_of_the_longest),
        cmocka_unit_test(the_last_unit_is_taken_once),
        cmocka_unit_test(threads_that_steal_from_each_other_get_each_unit_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
