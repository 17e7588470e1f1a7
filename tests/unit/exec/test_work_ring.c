/* The line of work: order, limit, withdrawal, many threads that take. */
#include "test.h"

#include <pthread.h>
#include <sched.h>

#include "exec/work_ring.h"

static yb_work_ring *new_ring(void)
{
    return calloc(1, sizeof(yb_work_ring));
}

static void work_leaves_in_the_order_it_came(void **state)
{
    (void)state;
    yb_work_ring *ring = new_ring();
    yb_work work[3];
    for (int i = 0; i < 3; i++)
        assert_true(yb_work_ring_push(ring, &work[i]));
    for (int i = 0; i < 3; i++) {
        assert_false(yb_work_ring_empty(ring));
        assert_ptr_equal(yb_work_ring_take(ring), &work[i]);
    }
    assert_true(yb_work_ring_empty(ring));
    assert_null(yb_work_ring_take(ring));
    free(ring);
}

static void a_full_ring_takes_no_more_until_something_left(void **state)
{
    (void)state;
    yb_work_ring *ring = new_ring();
    static yb_work work[YB_RING_SLOTS + 1];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < YB_RING_SLOTS; i++)
            assert_true(yb_work_ring_push(ring, &work[i]));
        assert_false(yb_work_ring_push(ring, &work[YB_RING_SLOTS]));
        assert_ptr_equal(yb_work_ring_take(ring), &work[0]);
        assert_true(yb_work_ring_push(ring, &work[YB_RING_SLOTS]));
        for (int i = 1; i <= YB_RING_SLOTS; i++)
            assert_ptr_equal(yb_work_ring_take(ring), &work[i]);
        assert_null(yb_work_ring_take(ring));
    }
    free(ring);
}

static void withdrawn_work_is_not_taken(void **state)
{
    (void)state;
    yb_work_ring *ring = new_ring();
    yb_work work[4];
    for (int i = 0; i < 4; i++)
        assert_true(yb_work_ring_push(ring, &work[i]));
    assert_true(yb_work_ring_withdraw(ring, &work[0]));
    assert_true(yb_work_ring_withdraw(ring, &work[2]));
    assert_false(yb_work_ring_withdraw(ring, &work[2]));
    assert_ptr_equal(yb_work_ring_take(ring), &work[1]);
    assert_false(yb_work_ring_withdraw(ring, &work[1]));
    assert_ptr_equal(yb_work_ring_take(ring), &work[3]);
    assert_null(yb_work_ring_take(ring));
    free(ring);
}

static void a_ring_full_of_withdrawn_work_has_room(void **state)
{
    (void)state;
    yb_work_ring *ring = new_ring();
    static yb_work work[YB_RING_SLOTS];
    for (int i = 0; i < YB_RING_SLOTS; i++)
        assert_true(yb_work_ring_push(ring, &work[i]));
    for (int i = 0; i < YB_RING_SLOTS; i++)
        assert_true(yb_work_ring_withdraw(ring, &work[i]));
    yb_work another;
    assert_true(yb_work_ring_push(ring, &another));
    assert_ptr_equal(yb_work_ring_take(ring), &another);
    free(ring);
}

/* A taker that was interrupted between its two steps: it has the number and not its content. */
static void a_slot_is_not_filled_anew_before_its_owner_has_emptied_it(void **state)
{
    (void)state;
    yb_work_ring *ring = new_ring();
    static yb_work work[YB_RING_SLOTS];
    for (int i = 0; i < YB_RING_SLOTS; i++)
        assert_true(yb_work_ring_push(ring, &work[i]));
    assert_true(yb_work_ring_withdraw(ring, &work[0]));
    atomic_fetch_add(&ring->head, 1); /* the first step of a take */
    yb_work late;
    assert_false(yb_work_ring_push(ring, &late));
    atomic_store(&ring->slots[0], 0); /* the second */
    assert_true(yb_work_ring_push(ring, &late));
    assert_ptr_equal(yb_work_ring_take(ring), &work[1]);
    free(ring);
}

/* Four threads take while one pushes and withdraws, both where the takers are and where it pushes
 * itself; every piece of work must be had exactly once, and by each taker in the order it came. */

enum { TAKERS = 4, PIECES = 300000, NEAR_THE_HEAD = YB_RING_SLOTS - 24 };

typedef struct piece {
    yb_work work;
    _Atomic(int) taken;
    bool withdrawn;
} piece;

typedef struct contest {
    yb_work_ring *ring;
    _Atomic(long) accounted;
    _Atomic(long) out_of_order;
} contest;

static void *take_pieces(void *arg)
{
    contest *c = arg;
    const piece *last = NULL;
    while (atomic_load(&c->accounted) < PIECES) {
        yb_work *work = yb_work_ring_take(c->ring);
        if (!work) {
            sched_yield();
            continue;
        }
        piece *p = YB_CONTAINER_OF(work, piece, work);
        if (p <= last)
            atomic_fetch_add(&c->out_of_order, 1);
        last = p;
        atomic_fetch_add(&p->taken, 1);
        atomic_fetch_add(&c->accounted, 1);
        for (int i = 0; i < 50; i++) /* slower than the pusher: the ring is full */
            atomic_signal_fence(memory_order_seq_cst);
    }
    return NULL;
}

static void withdraw(contest *c, piece *p)
{
    if (!yb_work_ring_withdraw(c->ring, &p->work))
        return;
    p->withdrawn = true;
    atomic_fetch_add(&c->accounted, 1);
}

static void every_piece_is_taken_or_withdrawn_once(void **state)
{
    (void)state;
    contest c = {.ring = new_ring()};
    piece *pieces = calloc(PIECES, sizeof(*pieces));
    pthread_t takers[TAKERS];
    for (int i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_create(&takers[i], NULL, take_pieces, &c), 0);
    for (int i = 0; i < PIECES; i++) {
        while (!yb_work_ring_push(c.ring, &pieces[i].work))
            sched_yield();
        if (i % 3 == 0)
            withdraw(&c, &pieces[i]);
        if (i % 3 == 1 && i > NEAR_THE_HEAD)
            withdraw(&c, &pieces[i - NEAR_THE_HEAD]);
    }
    for (int i = 0; i < TAKERS; i++)
        pthread_join(takers[i], NULL);
    int withdrawn = 0;
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(pieces[i].taken + pieces[i].withdrawn, 1);
        withdrawn += pieces[i].withdrawn;
    }
    assert_true(withdrawn > 0);
    assert_int_equal(c.out_of_order, 0);
    assert_true(yb_work_ring_empty(c.ring));
    free(pieces);
    free(c.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_leaves_in_the_order_it_came),
        cmocka_unit_test(a_full_ring_takes_no_more_until_something_left),
        cmocka_unit_test(withdrawn_work_is_not_taken),
        cmocka_unit_test(a_ring_full_of_withdrawn_work_has_room),
        cmocka_unit_test(a_slot_is_not_filled_anew_before_its_owner_has_emptied_it),
        cmocka_unit_test(every_piece_is_taken_or_withdrawn_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
