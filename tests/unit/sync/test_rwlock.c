/* Read-write locks: many readers or one writer, first come, first served. */
#include "waiting.h"

static intptr_t read_lock(void *lock)
{
    return yibu_rwlock_acquire_read(lock);
}

static intptr_t write_lock(void *lock)
{
    return yibu_rwlock_acquire_write(lock);
}

static yibu_rwlock_stats look(const yibu_rwlock *lock)
{
    yibu_rwlock_stats stats;
    yibu_rwlock_statistics(lock, &stats);
    return stats;
}

LOOP_TEST(many_read_at_once)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(yibu_rwlock_acquire_read(&lock), 0);
        assert_int_equal(look(&lock).readers, i);
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    assert_int_equal(look(&lock).readers, 0);
    return 0;
}

LOOP_TEST(a_writer_waits_for_all_readers)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_read(&lock), 0);
    assert_int_equal(yibu_rwlock_acquire_read(&lock), 0);
    yibu_task *writer = start(write_lock, &lock);
    settle();
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    settle();
    assert_false(yibu_task_done(writer));
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    await_result(writer, 0);
    assert_true(look(&lock).writing);
    return 0;
}

LOOP_TEST(a_writer_keeps_readers_and_writers_out)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    assert_int_equal(yibu_rwlock_try_acquire_read(&lock), -EAGAIN);
    assert_int_equal(yibu_rwlock_try_acquire_write(&lock), -EAGAIN);
    yibu_task *reader = start(read_lock, &lock), *writer = start(write_lock, &lock);
    settle();
    assert_false(yibu_task_done(reader) || yibu_task_done(writer));
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    await_result(reader, 0);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    await_result(writer, 0);
    return 0;
}

LOOP_TEST(a_waiting_writer_keeps_later_readers_behind_it)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_read(&lock), 0);
    yibu_task *writer = start(write_lock, &lock), *reader = start(read_lock, &lock);
    settle();
    assert_false(yibu_task_done(reader));
    assert_int_equal(yibu_rwlock_try_acquire_read(&lock), -EAGAIN);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    await_result(writer, 0);
    settle();
    assert_false(yibu_task_done(reader));
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    await_result(reader, 0);
    return 0;
}

LOOP_TEST(readers_next_to_each_other_enter_together)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    yibu_task *tasks[5];
    for (int i = 0; i < 5; i++) /* r r w r r */
        tasks[i] = start(i == 2 ? write_lock : read_lock, &lock);
    settle();
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    settle();
    for (int i = 0; i < 5; i++)
        assert_int_equal(yibu_task_done(tasks[i]), i < 2);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    settle();
    for (int i = 0; i < 5; i++)
        assert_int_equal(yibu_task_done(tasks[i]), i < 3);
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    for (int i = 0; i < 5; i++)
        await_result(tasks[i], 0);
    assert_int_equal(look(&lock).readers, 2);
    return 0;
}

LOOP_TEST(writers_are_served_in_the_order_they_came)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    yibu_task *tasks[4];
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    for (int i = 0; i < 4; i++)
        tasks[i] = start(write_lock, &lock);
    settle();
    for (int i = 0; i < 4; i++) {
        assert_int_equal(yibu_rwlock_release_write(&lock), 0);
        settle();
        for (int j = 0; j < 4; j++)
            assert_int_equal(yibu_task_done(tasks[j]), j <= i);
    }
    for (int i = 0; i < 4; i++)
        await_result(tasks[i], 0);
    return 0;
}

LOOP_TEST(a_newcomer_does_not_barge_into_a_lock_that_was_just_released)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    yibu_task *writer = start(write_lock, &lock);
    settle();
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    assert_int_equal(yibu_rwlock_try_acquire_read(&lock), -EAGAIN);
    assert_int_equal(yibu_rwlock_try_acquire_write(&lock), -EAGAIN);
    await_result(writer, 0);
    return 0;
}

LOOP_TEST(try_acquire_takes_what_is_free)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_try_acquire_read(&lock), 0);
    assert_int_equal(yibu_rwlock_try_acquire_read(&lock), 0);
    assert_int_equal(yibu_rwlock_try_acquire_write(&lock), -EAGAIN);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    assert_int_equal(yibu_rwlock_try_acquire_write(&lock), 0);
    return 0;
}

LOOP_TEST(release_of_what_is_not_held_is_refused)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_release_read(&lock), -EPERM);
    assert_int_equal(yibu_rwlock_release_write(&lock), -EPERM);
    assert_int_equal(yibu_rwlock_acquire_read(&lock), 0);
    assert_int_equal(yibu_rwlock_release_write(&lock), -EPERM);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    assert_int_equal(yibu_rwlock_release_read(&lock), -EPERM);
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    assert_int_equal(yibu_rwlock_release_write(&lock), -EPERM);
    return 0;
}

/* Cancels. */

LOOP_TEST(a_task_cancelled_before_it_waits_takes_nothing)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    yibu_task *reader = start(read_lock, &lock), *writer = start(write_lock, &lock);
    yibu_task_cancel(reader);
    yibu_task_cancel(writer);
    await_result(reader, -ECANCELED);
    await_result(writer, -ECANCELED);
    assert_int_equal(look(&lock).readers, 0);
    assert_false(look(&lock).writing);
    return 0;
}

LOOP_TEST(a_cancelled_writer_lets_the_readers_behind_it_in)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_read(&lock), 0);
    yibu_task *writer = start(write_lock, &lock);
    yibu_task *readers[2] = {start(read_lock, &lock), start(read_lock, &lock)};
    yibu_task *last = start(write_lock, &lock);
    settle();
    yibu_task_cancel(writer);
    await_result(writer, -ECANCELED);
    await_result(readers[0], 0);
    await_result(readers[1], 0);
    assert_int_equal(look(&lock).readers, 3);
    assert_false(yibu_task_done(last));
    for (int i = 0; i < 3; i++)
        assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    await_result(last, 0);
    return 0;
}

LOOP_TEST(a_cancelled_reader_leaves_the_line)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    yibu_task *reader = start(read_lock, &lock), *writer = start(write_lock, &lock);
    settle();
    yibu_task_cancel(reader);
    assert_int_equal(look(&lock).waiting_readers, 0);
    await_result(reader, -ECANCELED);
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    await_result(writer, 0);
    return 0;
}

LOOP_TEST(a_writer_cancelled_after_it_was_handed_the_lock_passes_it_on)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    yibu_task *writer = start(write_lock, &lock);
    yibu_task *readers[2] = {start(read_lock, &lock), start(read_lock, &lock)};
    settle();
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    yibu_task_cancel(writer);
    await_result(writer, -ECANCELED);
    await_result(readers[0], 0);
    await_result(readers[1], 0);
    return 0;
}

LOOP_TEST(a_reader_cancelled_after_it_was_handed_the_lock_passes_it_on)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    yibu_task *reader = start(read_lock, &lock), *writer = start(write_lock, &lock);
    settle();
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    assert_int_equal(look(&lock).readers, 1);
    yibu_task_cancel(reader);
    await_result(reader, -ECANCELED);
    await_result(writer, 0);
    return 0;
}

LOOP_TEST(a_cancelled_writer_does_not_pass_on_what_somebody_else_has_released)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    yibu_task *first = start(write_lock, &lock), *second = start(write_lock, &lock);
    settle();
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    assert_int_equal(yibu_rwlock_release_write(&lock), 0); /* in the first one's stead */
    yibu_task_cancel(first);
    await_result(first, -ECANCELED);
    await_result(second, 0);
    assert_true(look(&lock).writing);
    return 0;
}

LOOP_TEST(a_time_limit_ends_the_wait_of_a_writer_and_readers_enter)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    yibu_timeout limit;
    assert_int_equal(yibu_rwlock_acquire_read(&lock), 0);
    yibu_timeout_begin(&limit, YIBU_MS(1));
    assert_int_equal(yibu_timeout_end(&limit, yibu_rwlock_acquire_write(&lock)), -ETIMEDOUT);
    assert_int_equal(yibu_rwlock_try_acquire_read(&lock), 0);
    return 0;
}

static intptr_t write_in_a_shield(void *lock)
{
    yibu_timeout shield;
    int r = yibu_shield_begin(&shield, YIBU_FOREVER);
    if (r == 0)
        r = yibu_rwlock_acquire_write(lock);
    yibu_shield_end(&shield);
    return r;
}

LOOP_TEST(a_cancel_does_not_end_a_wait_in_a_shield)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_read(&lock), 0);
    yibu_task *writer = start(write_in_a_shield, &lock);
    settle();
    yibu_task_cancel(writer);
    settle();
    assert_int_equal(look(&lock).waiting_writers, 1);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    await_result(writer, 0);
    return 0;
}

/* Looking at one. */

LOOP_TEST(statistics_say_who_is_in_and_who_waits)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    yibu_task *tasks[3] = {start(read_lock, &lock), start(write_lock, &lock),
                           start(read_lock, &lock)};
    settle();
    yibu_rwlock_stats stats = look(&lock);
    assert_int_equal(stats.readers, 0);
    assert_true(stats.writing);
    assert_ptr_equal(stats.owner, yibu_current_task());
    assert_int_equal(stats.waiting_readers, 2);
    assert_int_equal(stats.waiting_writers, 1);
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    await_result(tasks[0], 0);
    stats = look(&lock);
    assert_int_equal(stats.readers, 1);
    assert_false(stats.writing);
    assert_null(stats.owner);
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    assert_ptr_equal(look(&lock).owner, tasks[1]);
    await_result(tasks[1], 0);
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    await_result(tasks[2], 0);
    return 0;
}

LOOP_TEST(a_report_names_the_writer_or_counts_the_readers)
{
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_task_set_name(yibu_current_task(), "main"), 0);
    assert_int_equal(yibu_rwlock_acquire_write(&lock), 0);
    yibu_task *reader = start(read_lock, &lock), *writer = start(write_lock, &lock);
    settle();
    assert_non_null(strstr(wait_of(reader), "lock held by task \"main\""));
    assert_ptr_equal(owner_of_wait(reader), yibu_current_task());
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
    await_result(reader, 0);
    assert_non_null(strstr(wait_of(writer), "held by 1 reader"));
    assert_null(owner_of_wait(writer));
    assert_int_equal(yibu_rwlock_release_read(&lock), 0);
    await_result(writer, 0);
    return 0;
}

static void only_tasks_wait_but_anybody_may_try(void **state)
{
    (void)state;
    yibu_rwlock lock = YIBU_RWLOCK_INIT;
    assert_int_equal(yibu_rwlock_acquire_read(&lock), YIBU_ENOTASK);
    assert_int_equal(yibu_rwlock_acquire_write(&lock), YIBU_ENOTASK);
    assert_int_equal(yibu_rwlock_try_acquire_write(&lock), 0);
    assert_true(look(&lock).writing);
    assert_null(look(&lock).owner);
    assert_int_equal(yibu_rwlock_release_write(&lock), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_read_at_once),
        cmocka_unit_test(a_writer_waits_for_all_readers),
        cmocka_unit_test(a_writer_keeps_readers_and_writers_out),
        cmocka_unit_test(a_waiting_writer_keeps_later_readers_behind_it),
        cmocka_unit_test(readers_next_to_each_other_enter_together),
        cmocka_unit_test(writers_are_served_in_the_order_they_came),
        cmocka_unit_test(a_newcomer_does_not_barge_into_a_lock_that_was_just_released),
        cmocka_unit_test(try_acquire_takes_what_is_free),
        cmocka_unit_test(release_of_what_is_not_held_is_refused),
        cmocka_unit_test(a_task_cancelled_before_it_waits_takes_nothing),
        cmocka_unit_test(a_cancelled_writer_lets_the_readers_behind_it_in),
        cmocka_unit_test(a_cancelled_reader_leaves_the_line),
        cmocka_unit_test(a_writer_cancelled_after_it_was_handed_the_lock_passes_it_on),
        cmocka_unit_test(a_reader_cancelled_after_it_was_handed_the_lock_passes_it_on),
        cmocka_unit_test(a_cancelled_writer_does_not_pass_on_what_somebody_else_has_released),
        cmocka_unit_test(a_time_limit_ends_the_wait_of_a_writer_and_readers_enter),
        cmocka_unit_test(a_cancel_does_not_end_a_wait_in_a_shield),
        cmocka_unit_test(statistics_say_who_is_in_and_who_waits),
        cmocka_unit_test(a_report_names_the_writer_or_counts_the_readers),
        cmocka_unit_test(only_tasks_wait_but_anybody_may_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
