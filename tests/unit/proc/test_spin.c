/* Waiting by spinning: when it is tried, what it may take, and that nothing spins when idle. */
#include "jobs.h"

#include <string.h>

#include "proc/spin.h"

/* Spins that would take so long, one after the other with a pause: how much of a second they
 * take. */
static int64_t spend(int64_t spin_ns, int64_t pause_ns, int64_t *ret_charged_ns)
{
    yb_spin spin = {0};
    int64_t spent = 0;
    *ret_charged_ns = 0;
    for (int64_t now = 0; now < YIBU_SECONDS(1); now += pause_ns) {
        if (!yb_spin_pays(&spin) || !yb_spin_affordable(&spin, now))
            continue;
        now += spin_ns;
        spent += spin_ns;
        if (spin_ns > YB_SPIN_FREE_NS)
            *ret_charged_ns += spin_ns - YB_SPIN_FREE_NS;
        yb_spin_ended(&spin, true, spin_ns);
    }
    return spent;
}

static void spinning_takes_no_more_than_its_share(void **state)
{
    (void)state;
    static const int64_t pauses[] = {100, 1000, 10000, 100000, 1000000};
    for (int64_t spin_ns = 1000; spin_ns <= 100000; spin_ns += 3000)
        for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
            int64_t charged, share = YIBU_SECONDS(1) / YB_SPIN_SHARE;
            (void)spend(spin_ns, pauses[i], &charged);
            assert_true(charged <= share + YB_SPIN_MOST_DEBT_NS + spin_ns);
        }
}

static void short_spins_are_always_tried(void **state)
{
    (void)state;
    int64_t charged;
    assert_true(spend(YB_SPIN_FREE_NS, 100, &charged) > YIBU_MS(950));
}

static void share_is_used_where_spins_are_answered(void **state)
{
    (void)state;
    int64_t charged;
    (void)spend(80000, 2000, &charged);
    assert_true(charged > YIBU_MS(200));
    assert_true(spend(20000, 100000, &charged) > YIBU_MS(150)); /* all of them */
}

static void spins_in_vain_are_left_out_more_and_more(void **state)
{
    (void)state;
    yb_spin spin = {0};
    int tried = 0;
    for (int i = 0; i < 100000; i++)
        if (yb_spin_pays(&spin)) {
            tried++;
            yb_spin_ended(&spin, false, 100);
        }
    assert_true(tried < 100000 / 200);
    while (!yb_spin_pays(&spin))
        continue;
    yb_spin_ended(&spin, true, 100);
    assert_true(yb_spin_pays(&spin));
}

static int64_t processor_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return YIBU_SECONDS(time.tv_sec) + time.tv_nsec;
}

/* What its worker has used of the processor, in microseconds. */
static intptr_t used(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return (intptr_t)(processor_ns() / 1000);
}
YIBU_JOB(used);

static intptr_t rest_after_work(void *arg)
{
    enum { REST_MS = 300, MOST_MS = 60 * YB_TEST_SLOWDOWN };
    (void)arg;
    for (int i = 0; i < 2000; i++)
        assert_true(call(&used_job, NOTHING) >= 0);
    intptr_t worker_us = call(&used_job, NOTHING);
    int64_t parent_ns = processor_ns();
    assert_int_equal(yibu_sleep(YIBU_MS(REST_MS)), 0);
    parent_ns = processor_ns() - parent_ns;
    worker_us = call(&used_job, NOTHING) - worker_us;
    assert_true(parent_ns < YIBU_MS(MOST_MS));
    assert_true(worker_us < MOST_MS * 1000);
    return 0;
}

static void nothing_spins_when_idle(void **state)
{
    (void)state;
    yibu_loop_options options = {.size = sizeof(options), .max_processes = 1};
    assert_int_equal(yibu_run(rest_after_work, NULL, &options), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spinning_takes_no_more_than_its_share),
        cmocka_unit_test(short_spins_are_always_tried),
        cmocka_unit_test(share_is_used_where_spins_are_answered),
        cmocka_unit_test(spins_in_vain_are_left_out_more_and_more),
        cmocka_unit_test(nothing_spins_when_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
