/* Capacity limiters: who has a token, and a total that changes. */
#include "waiting.h"

/* An allocator that has nothing left while a test says so. */

static bool exhausted;

static void *allocate(size_t size, void *arg)
{
    (void)arg;
    return exhausted ? NULL : malloc(size);
}

static void *reallocate(void *memory, size_t size, void *arg)
{
    (void)arg;
    return exhausted ? NULL : realloc(memory, size);
}

static void release(void *memory, void *arg)
{
    (void)arg;
    free(memory);
}

typedef struct loan {
    yibu_limiter *limiter;
    const void *borrower; /* NULL: the task */
} loan;

static intptr_t borrow(void *arg)
{
    const loan *l = arg;
    return l->borrower ? yibu_limiter_acquire_on_behalf_of(l->limiter, l->borrower)
                       : yibu_limiter_acquire(l->limiter);
}

static intptr_t borrow_and_return(void *arg)
{
    const loan *l = arg;
    int r = yibu_limiter_acquire(l->limiter);
    if (r < 0)
        return r;
    (void)yibu_yield();
    return yibu_limiter_release(l->limiter);
}

static yibu_limiter_stats look(const yibu_limiter *limiter)
{
    yibu_limiter_stats stats;
    yibu_limiter_statistics(limiter, &stats);
    return stats;
}

static const char names[8]; /* borrowers: only their addresses count */

LOOP_TEST(tokens_are_borrowed_and_given_back)
{
    yibu_limiter *limiter = yibu_limiter_new(2);
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    assert_int_equal(look(limiter).borrowed, 1);
    assert_int_equal(yibu_limiter_release(limiter), 0);
    assert_int_equal(look(limiter).borrowed, 0);
    assert_int_equal(yibu_limiter_try_acquire(limiter), 0);
    assert_int_equal(yibu_limiter_release(limiter), 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_task_waits_while_all_tokens_are_out_first_come_first_served)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    loan l = {limiter, NULL};
    yibu_task *tasks[3];
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    for (int i = 0; i < 3; i++)
        tasks[i] = start(borrow_and_return, &l);
    settle();
    assert_int_equal(look(limiter).waiting, 3);
    assert_int_equal(yibu_limiter_release(limiter), 0);
    for (int i = 0; i < 3; i++) {
        await_result(tasks[i], 0);
        for (int j = i + 1; j < 3; j++)
            assert_false(yibu_task_done(tasks[j]));
    }
    assert_int_equal(look(limiter).borrowed, 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_newcomer_does_not_overtake_who_a_token_was_given_to)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    loan l = {limiter, &names[0]};
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    yibu_task *task = start(borrow, &l);
    settle();
    assert_int_equal(yibu_limiter_release(limiter), 0);
    assert_int_equal(yibu_limiter_try_acquire(limiter), -EAGAIN);
    await_result(task, 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_borrower_has_one_token_at_most)
{
    yibu_limiter *limiter = yibu_limiter_new(5);
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    assert_int_equal(yibu_limiter_acquire(limiter), -EALREADY);
    assert_int_equal(yibu_limiter_try_acquire(limiter), -EALREADY);
    assert_int_equal(yibu_limiter_acquire_on_behalf_of(limiter, yibu_current_task()), -EALREADY);
    assert_int_equal(look(limiter).borrowed, 1);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_borrower_waits_once_at_most)
{
    yibu_limiter *limiter = yibu_limiter_new(0);
    loan l = {limiter, &names[1]};
    yibu_task *task = start(borrow, &l);
    settle();
    assert_int_equal(yibu_limiter_acquire_on_behalf_of(limiter, &names[1]), -EALREADY);
    assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, &names[1]), -EPERM);
    yibu_limiter_set_total(limiter, 1);
    await_result(task, 0);
    assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, &names[1]), 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(tokens_are_borrowed_on_behalf_of_anything)
{
    yibu_limiter *limiter = yibu_limiter_new(2);
    assert_int_equal(yibu_limiter_acquire_on_behalf_of(limiter, &names[0]), 0);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, &names[1]), 0);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, &names[2]), -EAGAIN);
    assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, &names[2]), -EPERM);
    assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, &names[0]), 0);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, &names[2]), 0);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, NULL), -EINVAL);
    assert_int_equal(yibu_limiter_acquire_on_behalf_of(limiter, NULL), -EINVAL);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(giving_back_what_was_not_borrowed_is_refused)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    assert_int_equal(yibu_limiter_release(limiter), -EPERM);
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    assert_int_equal(yibu_limiter_release(limiter), 0);
    assert_int_equal(yibu_limiter_release(limiter), -EPERM);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_total_that_is_raised_lets_waiters_in)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    loan loans[4];
    yibu_task *tasks[4];
    for (int i = 0; i < 4; i++) {
        loans[i] = (loan){limiter, &names[i]};
        tasks[i] = start(borrow, &loans[i]);
    }
    settle();
    assert_int_equal(look(limiter).waiting, 3);
    yibu_limiter_set_total(limiter, 3);
    settle();
    assert_int_equal(look(limiter).waiting, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(yibu_task_done(tasks[i]), i < 3);
    yibu_limiter_set_total(limiter, SIZE_MAX);
    for (int i = 0; i < 4; i++)
        await_result(tasks[i], 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_total_that_is_lowered_counts_once_tokens_come_back)
{
    yibu_limiter *limiter = yibu_limiter_new(3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, &names[i]), 0);
    loan l = {limiter, &names[3]};
    yibu_task *task = start(borrow, &l);
    settle();
    yibu_limiter_set_total(limiter, 1);
    assert_int_equal(look(limiter).borrowed, 3);
    for (int i = 0; i < 3; i++) {
        settle();
        assert_false(yibu_task_done(task));
        assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, &names[i]), 0);
    }
    await_result(task, 0);
    assert_int_equal(look(limiter).borrowed, 1);
    yibu_limiter_free(limiter);
    return 0;
}

/* Cancels. */

LOOP_TEST(a_task_cancelled_before_it_waits_borrows_nothing)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    loan l = {limiter, &names[0]};
    yibu_task *task = start(borrow, &l);
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    assert_int_equal(look(limiter).borrowed, 0);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, &names[0]), 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_task_cancelled_while_it_waits_may_ask_again)
{
    yibu_limiter *limiter = yibu_limiter_new(0);
    loan l = {limiter, &names[0]};
    yibu_task *task = start(borrow, &l);
    settle();
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    assert_int_equal(look(limiter).waiting, 0);
    yibu_limiter_set_total(limiter, 1);
    assert_int_equal(look(limiter).borrowed, 0);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, &names[0]), 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_task_cancelled_after_it_was_given_a_token_passes_it_on)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    loan first = {limiter, &names[0]}, second = {limiter, &names[1]};
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    yibu_task *tasks[2] = {start(borrow, &first), start(borrow, &second)};
    settle();
    assert_int_equal(yibu_limiter_release(limiter), 0);
    yibu_task_cancel(tasks[0]);
    await_result(tasks[0], -ECANCELED);
    await_result(tasks[1], 0);
    const void *borrower;
    assert_int_equal(yibu_limiter_borrowers(limiter, &borrower, 1), 1);
    assert_ptr_equal(borrower, &names[1]);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_cancelled_task_does_not_pass_on_what_was_given_back_on_its_behalf)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    loan l = {limiter, &names[0]};
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    yibu_task *task = start(borrow, &l);
    settle();
    assert_int_equal(yibu_limiter_release(limiter), 0);
    assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, &names[0]), 0);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, &names[0]), 0);
    yibu_task_cancel(task);
    await_result(task, -ECANCELED);
    assert_int_equal(look(limiter).borrowed, 1);
    assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, &names[0]), 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_time_limit_ends_the_wait_and_nothing_is_borrowed)
{
    yibu_limiter *limiter = yibu_limiter_new(0);
    yibu_timeout limit;
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_limiter_acquire(limiter)), -ETIMEDOUT);
    yibu_limiter_set_total(limiter, 1);
    assert_int_equal(look(limiter).borrowed, 0);
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    yibu_limiter_free(limiter);
    return 0;
}

static intptr_t borrow_in_a_shield(void *arg)
{
    yibu_timeout shield;
    intptr_t r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        r = borrow(arg);
    yibu_shield_end(&shield);
    return r;
}

LOOP_TEST(a_cancel_does_not_end_a_wait_in_a_shield)
{
    yibu_limiter *limiter = yibu_limiter_new(0);
    loan l = {limiter, &names[0]};
    yibu_task *task = start(borrow_in_a_shield, &l);
    settle();
    yibu_task_cancel(task);
    settle();
    assert_int_equal(look(limiter).waiting, 1);
    yibu_limiter_set_total(limiter, 1);
    await_result(task, 0);
    yibu_limiter_free(limiter);
    return 0;
}

/* Memory. */

LOOP_TEST(without_memory_nothing_is_borrowed_and_nobody_waits)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    exhausted = true;
    assert_null(yibu_limiter_new(1));
    assert_int_equal(yibu_limiter_try_acquire(limiter), -ENOMEM);
    assert_int_equal(yibu_limiter_acquire(limiter), -ENOMEM);
    exhausted = false;
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    exhausted = true;
    assert_int_equal(yibu_limiter_acquire_on_behalf_of(limiter, &names[0]), -ENOMEM);
    exhausted = false;
    assert_int_equal(look(limiter).borrowed, 1);
    assert_int_equal(look(limiter).waiting, 0);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(a_token_is_handed_on_without_memory)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    loan l = {limiter, &names[0]};
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    yibu_task *task = start(borrow, &l);
    settle();
    exhausted = true;
    assert_int_equal(yibu_limiter_release(limiter), 0);
    assert_int_equal(yibu_await(task), 0);
    exhausted = false;
    yibu_task_unref(task);
    yibu_limiter_free(limiter);
    return 0;
}

/* Looking at one. */

LOOP_TEST(borrowers_are_listed_in_the_order_they_got_their_tokens)
{
    enum { MANY = 100 };
    static const char many[MANY];
    yibu_limiter *limiter = yibu_limiter_new(MANY);
    const void *borrowers[MANY];
    for (int i = 0; i < MANY; i++) {
        const void *borrower = &many[i * 37 % MANY];
        assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, borrower), 0);
    }
    assert_int_equal(yibu_limiter_borrowers(limiter, borrowers, MANY), MANY);
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(borrowers[i], &many[i * 37 % MANY]);
    for (int i = 0; i < MANY; i += 2)
        assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, borrowers[i]), 0);
    const void *left[2] = {NULL, NULL};
    assert_int_equal(yibu_limiter_borrowers(limiter, left, 1), MANY / 2);
    assert_ptr_equal(left[0], borrowers[1]);
    assert_null(left[1]);
    assert_int_equal(yibu_limiter_borrowers(limiter, NULL, 0), MANY / 2);
    yibu_limiter_free(limiter);
    return 0;
}

LOOP_TEST(statistics_count_tokens_and_waiters)
{
    yibu_limiter *limiter = yibu_limiter_new(1);
    loan l = {limiter, &names[0]};
    assert_int_equal(yibu_limiter_acquire(limiter), 0);
    yibu_task *task = start(borrow, &l);
    settle();
    yibu_limiter_stats stats = look(limiter);
    assert_int_equal(stats.total, 1);
    assert_int_equal(stats.borrowed, 1);
    assert_int_equal(stats.waiting, 1);
    const void *borrower;
    assert_int_equal(yibu_limiter_borrowers(limiter, &borrower, 1), 1);
    assert_ptr_equal(borrower, yibu_current_task());
    assert_non_null(strstr(wait_of(task), "limiter with 1 of 1 tokens borrowed"));
    assert_int_equal(yibu_limiter_release(limiter), 0);
    await_result(task, 0);
    yibu_limiter_free(limiter);
    return 0;
}

static void tasks_wait_and_others_try_on_behalf(void **state)
{
    (void)state;
    yibu_limiter *limiter = yibu_limiter_new(1);
    assert_int_equal(yibu_limiter_acquire(limiter), YIBU_ENOTASK);
    assert_int_equal(yibu_limiter_acquire_on_behalf_of(limiter, &names[0]), YIBU_ENOTASK);
    assert_int_equal(yibu_limiter_try_acquire(limiter), YIBU_ENOTASK);
    assert_int_equal(yibu_limiter_release(limiter), YIBU_ENOTASK);
    assert_int_equal(yibu_limiter_try_acquire_on_behalf_of(limiter, &names[0]), 0);
    assert_int_equal(yibu_limiter_release_on_behalf_of(limiter, &names[0]), 0);
    yibu_limiter_free(limiter);
    yibu_limiter_free(NULL);
}

int main(void)
{
    const yibu_allocator allocator = {allocate, reallocate, release, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_borrowed_and_given_back),
        cmocka_unit_test(a_task_waits_while_all_tokens_are_out_first_come_first_served),
        cmocka_unit_test(a_newcomer_does_not_overtake_who_a_token_was_given_to),
        cmocka_unit_test(a_borrower_has_one_token_at_most),
        cmocka_unit_test(a_borrower_waits_once_at_most),
        cmocka_unit_test(tokens_are_borrowed_on_behalf_of_anything),
        cmocka_unit_test(giving_back_what_was_not_borrowed_is_refused),
        cmocka_unit_test(a_total_that_is_raised_lets_waiters_in),
        cmocka_unit_test(a_total_that_is_lowered_counts_once_tokens_come_back),
        cmocka_unit_test(a_task_cancelled_before_it_waits_borrows_nothing),
        cmocka_unit_test(a_task_cancelled_while_it_waits_may_ask_again),
        cmocka_unit_test(a_task_cancelled_after_it_was_given_a_token_passes_it_on),
        cmocka_unit_test(a_cancelled_task_does_not_pass_on_what_was_given_back_on_its_behalf),
        cmocka_unit_test(a_time_limit_ends_the_wait_and_nothing_is_borrowed),
        cmocka_unit_test(a_cancel_does_not_end_a_wait_in_a_shield),
        cmocka_unit_test(without_memory_nothing_is_borrowed_and_nobody_waits),
        cmocka_unit_test(a_token_is_handed_on_without_memory),
        cmocka_unit_test(borrowers_are_listed_in_the_order_they_got_their_tokens),
        cmocka_unit_test(statistics_count_tokens_and_waiters),
        cmocka_unit_test(tasks_wait_and_others_try_on_behalf),
    };
    if (yibu_set_allocator(&allocator) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
