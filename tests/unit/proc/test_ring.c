/* The book-keeping of a ring. */
#include "test.h"

#include "proc/ring.h"

enum { SIZE = 1024 };

static uint64_t take(yb_ring *ring, uint64_t size)
{
    uint64_t position;
    assert_true(yb_ring_room(ring, size, &position) >= size);
    return yb_ring_take(ring, position, size);
}

static void pieces_follow_each_other_aligned(void **state)
{
    (void)state;
    yb_ring ring;
    uint64_t position;
    yb_ring_init(&ring, SIZE);
    assert_int_equal(yb_ring_room(&ring, 1, &position), SIZE);
    assert_int_equal(position, 0);
    assert_int_equal(yb_ring_take(&ring, position, 1), 64);
    assert_int_equal(yb_ring_room(&ring, 1, &position), SIZE - 64);
    assert_int_equal(position, 64);
    assert_int_equal(yb_ring_take(&ring, position, 65), 192);
}

static void piece_never_wraps(void **state)
{
    (void)state;
    yb_ring ring;
    uint64_t position;
    yb_ring_init(&ring, SIZE);
    uint64_t first = take(&ring, 512), second = take(&ring, 384);
    yb_ring_release(&ring, first);
    assert_int_equal(yb_ring_room(&ring, 256, &position), 512);
    assert_int_equal(yb_ring_place(&ring, position), 0);
    uint64_t third = yb_ring_take(&ring, position, 256);
    assert_int_equal(yb_ring_room(&ring, 1, &position), 256);
    yb_ring_release(&ring, second);
    yb_ring_release(&ring, third);
    assert_int_equal(yb_ring_room(&ring, SIZE, &position), SIZE);
}

static void short_piece_uses_the_end_of_a_lap(void **state)
{
    (void)state;
    yb_ring ring;
    uint64_t position;
    yb_ring_init(&ring, SIZE);
    uint64_t first = take(&ring, 896);
    assert_int_equal(yb_ring_room(&ring, 128, &position), 128);
    assert_int_equal(yb_ring_place(&ring, position), 896);
    yb_ring_take(&ring, position, 128);
    assert_int_equal(yb_ring_room(&ring, 1, &position), 0);
    yb_ring_release(&ring, first);
    assert_int_equal(yb_ring_room(&ring, 1, &position), 896);
}

static void full_ring_has_no_room(void **state)
{
    (void)state;
    yb_ring ring;
    uint64_t position;
    yb_ring_init(&ring, SIZE);
    uint64_t end = take(&ring, SIZE);
    assert_int_equal(yb_ring_room(&ring, 1, &position), 0);
    yb_ring_release(&ring, end);
    assert_int_equal(yb_ring_room(&ring, SIZE, &position), SIZE);
    assert_int_equal(position, 0);
}

/* Against the obvious model: which bytes are handed out. */
static void pieces_never_overlap(void **state)
{
    enum { PIECES = 64, ROUNDS = 100000 };
    (void)state;
    yb_ring ring;
    uint64_t starts[PIECES], ends[PIECES], sizes[PIECES];
    unsigned oldest = 0, next = 0, seed = 1;
    bool used[SIZE / 64] = {false};
    yb_ring_init(&ring, SIZE);
    for (int round = 0; round < ROUNDS; round++) {
        seed = seed * 1103515245 + 12345;
        uint64_t size = 1 + (seed >> 16) % 400, position;
        if (next - oldest < PIECES && yb_ring_room(&ring, size, &position) >= size) {
            unsigned i = next++ % PIECES;
            starts[i] = yb_ring_place(&ring, position);
            sizes[i] = size;
            ends[i] = yb_ring_take(&ring, position, size);
            for (uint64_t at = starts[i]; at < starts[i] + size; at += 64) {
                assert_true(at < SIZE && !used[at / 64]);
                used[at / 64] = true;
            }
        } else {
            unsigned i = oldest++ % PIECES;
            yb_ring_release(&ring, ends[i]);
            for (uint64_t at = starts[i]; at < starts[i] + sizes[i]; at += 64)
                used[at / 64] = false;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_follow_each_other_aligned),
        cmocka_unit_test(piece_never_wraps),
        cmocka_unit_test(short_piece_uses_the_end_of_a_lap),
        cmocka_unit_test(full_ring_has_no_room),
        cmocka_unit_test(pieces_never_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
