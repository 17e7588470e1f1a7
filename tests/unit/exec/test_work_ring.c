/* The line of work: order, limit, withdrawal, many threads that push and take. */
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

/* Random pushes, one or many, withdrawals and takes, beside a plain list. */

enum { SEEDS = 200, STEPS = 3000 };

typedef struct model {
    yb_work_ring *ring;
    piece *pieces;
    int *line; /* numbers of pieces, in order; -1: withdrawn */
    int first, last, next;
    uint32_t random;
} model;

static uint32_t draw(model *m, uint32_t limit)
{
    m->random = m->random * 1664525 + 1013904223;
    return (m->random >> 8) % limit;
}

static void push_some(model *m)
{
    yb_work *works[40];
    size_t count = 1 + draw(m, 40), pushed;
    for (size_t i = 0; i < count; i++)
        works[i] = &m->pieces[m->next + (int)i].work;
    pushed = count == 1 ? yb_work_ring_push(m->ring, works[0])
                        : yb_work_ring_push_many(m->ring, works, count);
    int in_line = m->last - m->first;
    if (in_line + (int)count <= YB_RING_SLOTS)
        assert_int_equal(pushed, count);
    for (size_t i = 0; i < pushed; i++)
        m->line[m->last++] = m->next++;
    assert_true(yb_work_ring_length(m->ring) <= YB_RING_SLOTS);
}

static void withdraw_one(model *m)
{
    if (m->first == m->last)
        return;
    int *place = &m->line[m->first + (int)draw(m, (uint32_t)(m->last - m->first))];
    if (*place < 0)
        return;
    assert_true(yb_work_ring_withdraw(m->ring, &m->pieces[*place].work));
    assert_false(yb_work_ring_withdraw(m->ring, &m->pieces[*place].work));
    *place = -1;
}

static void take_some(model *m)
{
    for (uint32_t count = draw(m, 40); count > 0; count--) {
        while (m->first < m->last && m->line[m->first] < 0)
            m->first++;
        yb_work *work = yb_work_ring_take(m->ring);
        if (m->first == m->last) {
            assert_null(work);
            return;
        }
        assert_ptr_equal(work, &m->pieces[m->line[m->first++]].work);
    }
}

static void the_ring_is_what_a_list_would_be(void **state)
{
    (void)state;
    enum { MOST = STEPS * 40 };
    model m = {.pieces = calloc(MOST, sizeof(*m.pieces)), .line = calloc(MOST, sizeof(*m.line))};
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        m.ring = new_ring();
        m.random = seed;
        m.first = m.last = m.next = 0;
        for (int step = 0; step < STEPS && m.next < MOST - 40; step++) {
            switch (draw(&m, 5)) {
            case 0:
            case 1:
                push_some(&m);
                break;
            case 2:
                withdraw_one(&m);
                break;
            default:
                take_some(&m);
            }
        }
        free(m.ring);
    }
    free(m.line);
    free(m.pieces);
}

/* Several threads push, some of it together, and withdraw of their own; several take.  Each piece
 * is had once, and by each taker in its pusher's order. */

enum { PUSHERS = 3, EACH = 60000 };

typedef struct crowd {
    yb_work_ring *ring;
    _Atomic(int) accounted, out_of_order;
    piece *pieces[PUSHERS];
} crowd;

typedef struct pusher {
    crowd *crowd;
    piece *pieces;
} pusher;

static void push_all(yb_work_ring *ring, yb_work **works, size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t pushed = count == 1 ? yb_work_ring_push(ring, works[0])
                                   : yb_work_ring_push_many(ring, works + done, count - done);
        if (pushed == 0)
            sched_yield();
        done += pushed;
    }
}

static void *push_pieces(void *arg)
{
    pusher *p = arg;
    crowd *c = p->crowd;
    for (int i = 0; i < EACH;) {
        yb_work *works[7];
        size_t count = 0;
        size_t wanted = (size_t)(1 + i % 7);
        while (count < wanted && i < EACH)
            works[count++] = &p->pieces[i++].work;
        push_all(c->ring, works, count);
        if (i % 3 == 0 && yb_work_ring_withdraw(c->ring, works[0])) {
            YB_CONTAINER_OF(works[0], piece, work)->withdrawn = true;
            atomic_fetch_add(&c->accounted, 1);
        }
    }
    return NULL;
}

static int pusher_of(const crowd *c, const piece *p)
{
    for (int i = 0; i < PUSHERS; i++)
        if (p >= c->pieces[i] && p < c->pieces[i] + EACH)
            return i;
    return -1;
}

static void *take_from_many(void *arg)
{
    crowd *c = arg;
    const piece *last[PUSHERS] = {NULL};
    while (atomic_load(&c->accounted) < PUSHERS * EACH) {
        yb_work *work = yb_work_ring_take(c->ring);
        if (!work) {
            sched_yield();
            continue;
        }
        piece *p = YB_CONTAINER_OF(work, piece, work);
        int from = pusher_of(c, p);
        if (from < 0 || p <= last[from])
            atomic_fetch_add(&c->out_of_order, 1);
        else
            last[from] = p;
        atomic_fetch_add(&p->taken, 1);
        atomic_fetch_add(&c->accounted, 1);
    }
    return NULL;
}

static void many_threads_may_push_at_once(void **state)
{
    (void)state;
    crowd c = {.ring = new_ring()};
    pusher pushers[PUSHERS];
    pthread_t threads[PUSHERS + TAKERS];
    for (int i = 0; i < PUSHERS; i++) {
        c.pieces[i] = calloc(EACH, sizeof(piece));
        pushers[i] = (pusher){&c, c.pieces[i]};
    }
    for (int i = 0; i < PUSHERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, push_pieces, &pushers[i]), 0);
    for (int i = PUSHERS; i < PUSHERS + TAKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_from_many, &c), 0);
    for (int i = 0; i < PUSHERS + TAKERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(c.out_of_order, 0);
    assert_true(yb_work_ring_empty(c.ring));
    for (int i = 0; i < PUSHERS; i++) {
        for (int j = 0; j < EACH; j++)
            assert_int_equal(c.pieces[i][j].taken + c.pieces[i][j].withdrawn, 1);
        free(c.pieces[i]);
    }
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
        cmocka_unit_test(the_ring_is_what_a_list_would_be),
        cmocka_unit_test(many_threads_may_push_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
