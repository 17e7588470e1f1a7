/* Which jobs are looked after each time they have run. */
#include "test.h"

#include "proc/trust.h"

static const yibu_job clean = {"clean", NULL}, dirty = {"dirty", NULL};

/* Runs the job, each time with a look that finds nothing.  Returns how many did not wait. */
static int earn(const yibu_job *job)
{
    int looks = 0;
    while (!yb_trust_ran(job)) {
        looks++;
        yb_trust_looked(false);
    }
    yb_trust_looked(false);
    return looks;
}

static void job_earns_trust_by_leaving_all_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(earn(&clean), YB_TRUST_AFTER);
    assert_int_equal(earn(&clean), 0);
}

static void trust_that_was_lost_is_earned_again_slowly(void **state)
{
    (void)state;
    earn(&dirty);
    assert_true(yb_trust_ran(&dirty));
    yb_trust_looked(true);
    assert_int_equal(earn(&dirty), YB_TRUST_AGAIN_AFTER);
}

static void those_that_ran_since_the_last_look_are_suspects(void **state)
{
    (void)state;
    static const yibu_job bystander = {"bystander", NULL};
    earn(&clean);
    earn(&dirty);
    earn(&bystander);
    assert_true(yb_trust_ran(&clean));
    assert_true(yb_trust_ran(&dirty));
    yb_trust_looked(true);
    assert_false(yb_trust_ran(&clean));
    assert_false(yb_trust_ran(&dirty));
    assert_true(yb_trust_ran(&bystander));
    yb_trust_looked(false);
}

/* However many there are: a place that was taken over knows nothing of who had it before. */
static void nobody_inherits_trust(void **state)
{
    (void)state;
    static const yibu_job jobs[500];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 500; i++)
            assert_int_equal(earn(&jobs[i]), YB_TRUST_AFTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job_earns_trust_by_leaving_all_as_it_was),
        cmocka_unit_test(trust_that_was_lost_is_earned_again_slowly),
        cmocka_unit_test(those_that_ran_since_the_last_look_are_suspects),
        cmocka_unit_test(nobody_inherits_trust),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
