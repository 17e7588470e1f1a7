/* The book-keeping of pieces that come back in any order. */
#include "test.h"

#include "proc/pieces.h"

enum { PAGE = YB_PIECES_ALIGNMENT, PAGES = 1000, SIZE = PAGES * PAGE };

static yb_pieces pieces;

static int setup(void **state)
{
    (void)state;
    yb_pieces_init(&pieces, SIZE);
    return 0;
}

static uint64_t take(uint64_t size)
{
    uint64_t start;
    assert_true(yb_pieces_room(&pieces, size, &start) >= size);
    yb_pieces_take(&pieces, start, size);
    return start;
}

static void pieces_are_whole_pages_from_the_lowest_place_on(void **state)
{
    (void)state;
    assert_int_equal(take(1), 0);
    assert_int_equal(take(PAGE + 1), PAGE);
    assert_int_equal(take(PAGE), 3 * PAGE);
}

static void what_comes_back_in_the_middle_is_taken_again(void **state)
{
    (void)state;
    uint64_t first = take(4 * PAGE), second = take(4 * PAGE), third = take(4 * PAGE);
    assert_true(yb_pieces_release(&pieces, second));
    assert_int_equal(take(5 * PAGE), 12 * PAGE); /* it is too short */
    assert_int_equal(take(4 * PAGE), second);
    assert_true(yb_pieces_release(&pieces, first));
    assert_true(yb_pieces_release(&pieces, third));
    assert_int_equal(take(1), first);
}

static void room_is_the_largest_where_none_suffices(void **state)
{
    (void)state;
    uint64_t start, first = take(10 * PAGE);
    take(10 * PAGE);
    uint64_t third = take(20 * PAGE);
    take(SIZE - 40 * PAGE);
    assert_int_equal(yb_pieces_room(&pieces, 1, &start), 0);
    yb_pieces_release(&pieces, first);
    yb_pieces_release(&pieces, third);
    assert_int_equal(yb_pieces_room(&pieces, 30 * PAGE, &start), 20 * PAGE);
    assert_int_equal(start, third);
}

static void what_was_not_taken_is_not_taken_back(void **state)
{
    (void)state;
    assert_false(yb_pieces_release(&pieces, 0));
    take(2 * PAGE);
    assert_false(yb_pieces_release(&pieces, PAGE));
    assert_true(yb_pieces_release(&pieces, 0));
    assert_false(yb_pieces_release(&pieces, 0));
}

static void there_is_a_limit_to_their_number(void **state)
{
    (void)state;
    uint64_t start;
    for (int i = 0; i < YB_PIECES_MOST; i++)
        take(1);
    assert_int_equal(yb_pieces_room(&pieces, 1, &start), 0);
    assert_true(yb_pieces_release(&pieces, 7 * PAGE));
    assert_int_equal(take(1), 7 * PAGE);
}

/* Against the obvious model: which pages are taken, and whose they are. */
static void pieces_never_overlap(void **state)
{
    enum { HELD = 100, ROUNDS = 100000 };
    (void)state;
    static bool used[PAGES];
    uint64_t starts[HELD], counts[HELD] = {0};
    unsigned seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245 + 12345;
        unsigned i = (seed >> 16) % HELD;
        uint64_t size = 1 + (seed >> 12) % (20 * PAGE), start;
        bool taking = counts[i] == 0;
        if (taking && yb_pieces_room(&pieces, size, &start) < size)
            continue;
        if (taking) {
            yb_pieces_take(&pieces, start, size);
            starts[i] = start / PAGE;
            counts[i] = (size + PAGE - 1) / PAGE;
        } else {
            assert_true(yb_pieces_release(&pieces, starts[i] * PAGE));
        }
        for (uint64_t page = starts[i]; page < starts[i] + counts[i]; page++) {
            assert_true(page < PAGES && used[page] != taking);
            used[page] = taking;
        }
        if (!taking)
            counts[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pieces_are_whole_pages_from_the_lowest_place_on, setup),
        cmocka_unit_test_setup(what_comes_back_in_the_middle_is_taken_again, setup),
        cmocka_unit_test_setup(room_is_the_largest_where_none_suffices, setup),
        cmocka_unit_test_setup(what_was_not_taken_is_not_taken_back, setup),
        cmocka_unit_test_setup(there_is_a_limit_to_their_number, setup),
        cmocka_unit_test_setup(pieces_never_overlap, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
