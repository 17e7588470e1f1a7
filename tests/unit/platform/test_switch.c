/* The switch between contexts. */
#include "test.h"

#include <fenv.h>
#include <math.h>

#include "coroutine.h"
#include "platform/float_environment.h"
#include "platform/stack.h"

uint64_t registers_changed(uint64_t seed, void (*fn)(void *arg), void *arg); /* registers.S */

enum { ROUNDS = 10, MANY = 100, COLOURS = 20 };

typedef struct register_user {
    uint64_t seed;
    uint64_t changed;
} register_user;

static void yield(void *arg)
{
    (void)arg;
    coroutine_yield();
}

static void use_registers(void *arg)
{
    register_user *user = arg;
    for (int i = 0; i < ROUNDS; i++)
        user->changed += registers_changed(user->seed + (uint64_t)i, yield, NULL);
}

static void a_switch_preserves_the_registers_of_the_callee(void **state)
{
    (void)state;
    register_user users[2] = {{.seed = UINT64_C(0x1111111100000000)},
                              {.seed = UINT64_C(0x2222222200000000)}};
    coroutine *both[2];
    for (int i = 0; i < 2; i++)
        both[i] = coroutine_new(use_registers, &users[i], "registers");
    for (int round = 0; round <= ROUNDS; round++)
        for (int i = 0; i < 2; i++)
            coroutine_resume(both[i]);
    for (int i = 0; i < 2; i++) {
        assert_true(coroutine_ended(both[i]));
        assert_int_equal(users[i].changed, 0);
        coroutine_free(both[i]);
    }
    coroutine_thread_end();
}

static void change_registers(void *arg)
{
    registers_changed(*(uint64_t *)arg, yield, NULL);
}

static void resume(void *arg)
{
    coroutine_resume(arg);
}

static void starting_and_ending_a_context_preserves_the_registers_of_its_resumer(void **state)
{
    (void)state;
    uint64_t seed = UINT64_C(0x3333333300000000);
    coroutine *one = coroutine_new(change_registers, &seed, "changes registers");
    assert_int_equal(registers_changed(1000, resume, one), 0); /* it starts */
    assert_int_equal(registers_changed(2000, resume, one), 0); /* it ends */
    assert_true(coroutine_ended(one));
    coroutine_free(one);
    coroutine_thread_end();
}

typedef struct beginning {
    uintptr_t frame;
    char text[32];
} beginning;

static void look_at_frame(void *arg)
{
    beginning *seen = arg;
    _Alignas(16) volatile char local = 0;
    seen->frame = (uintptr_t)__builtin_frame_address(0) | (uintptr_t)&local;
    snprintf(seen->text, sizeof seen->text, "%.3f", 1.5); /* stores SSE registers, aligned */
}

static void a_context_begins_with_its_argument_on_an_aligned_stack(void **state)
{
    (void)state;
    coroutine *coroutines[COLOURS];
    for (int i = 0; i < COLOURS; i++) {
        beginning seen = {0};
        coroutine *fresh = coroutine_new(look_at_frame, &seen, "aligned");
        coroutine_resume(fresh);
        assert_true(coroutine_ended(fresh));
        assert_int_equal(seen.frame % 16, 0);
        assert_string_equal(seen.text, "1.500");
        coroutines[i] = fresh;
    }
    for (int i = 0; i < COLOURS; i++)
        coroutine_free(coroutines[i]);
    coroutine_thread_end();
}

typedef struct counter {
    uint64_t seed;
    uint64_t sum;
} counter;

static void count(void *arg)
{
    counter *mine = arg;
    uint64_t local = mine->seed;
    double fraction = (double)mine->seed / 3;
    for (int i = 0; i < ROUNDS; i++) {
        coroutine_yield();
        local += (uint64_t)i;
        fraction *= 2;
    }
    mine->sum = local + (uint64_t)(fraction / 1024 * 3 + 0.5);
}

static void contexts_keep_their_locals_in_any_order_of_switches(void **state)
{
    (void)state;
    static counter counters[MANY];
    static coroutine *all[MANY];
    int left = MANY;
    uint64_t random = 88172645463325252;
    for (int i = 0; i < MANY; i++) {
        counters[i].seed = (uint64_t)i * 1000;
        all[i] = coroutine_new(count, &counters[i], "counter");
    }
    while (left > 0) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        coroutine *next = all[random % MANY];
        if (coroutine_ended(next))
            continue;
        coroutine_resume(next);
        left -= coroutine_ended(next);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(counters[i].sum, 2 * counters[i].seed + 45);
        coroutine_free(all[i]);
    }
    coroutine_thread_end();
}

static void resume_another(void *arg)
{
    coroutine_resume(arg);
    coroutine_yield();
    coroutine_resume(arg);
}

static void a_context_can_be_the_one_that_resumes_others(void **state)
{
    (void)state;
    register_user user = {.seed = 7};
    coroutine *inner = coroutine_new(use_registers, &user, "inner");
    coroutine *outer = coroutine_new(resume_another, inner, "outer");
    coroutine_resume(outer);
    assert_false(coroutine_ended(outer));
    coroutine_resume(inner);
    coroutine_resume(outer);
    assert_true(coroutine_ended(outer));
    assert_false(coroutine_ended(inner));
    coroutine_free(inner);
    coroutine_free(outer);
    coroutine_thread_end();
}

static volatile double little = 0.25;

static void round_up(void *arg)
{
    long *ret_rounded = arg;
    yb_float_environment own, threads;
    yb_float_environment_save(&threads);
    fesetround(FE_UPWARD);
    for (int i = 0; i < 2; i++) {
        yb_float_environment_save(&own);
        yb_float_environment_restore(&threads);
        coroutine_yield();
        yb_float_environment_restore(&own);
        ret_rounded[i] = lrint(little);
    }
    yb_float_environment_restore(&threads);
}

static void a_saved_float_environment_keeps_rounding_modes_apart(void **state)
{
    (void)state;
    long rounded[2] = {0};
    coroutine *up = coroutine_new(round_up, rounded, "rounds up");
    while (!coroutine_ended(up)) {
        coroutine_resume(up);
        assert_int_equal(lrint(little), 0);
        assert_int_equal(fegetround(), FE_TONEAREST);
    }
    assert_int_equal(rounded[0], 1);
    assert_int_equal(rounded[1], 1);
    coroutine_free(up);
    coroutine_thread_end();
}

static void the_default_float_environment_is_what_a_program_starts_with(void **state)
{
    (void)state;
    yb_float_environment before;
    yb_float_environment_save(&before);
    fesetround(FE_UPWARD);
    assert_int_equal(lrint(little), 1);
    yb_float_environment_restore(&yb_float_environment_default);
    assert_int_equal(fegetround(), FE_TONEAREST);
    assert_int_equal(lrint(little), 0);
    yb_float_environment_restore(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_switch_preserves_the_registers_of_the_callee),
        cmocka_unit_test(starting_and_ending_a_context_preserves_the_registers_of_its_resumer),
        cmocka_unit_test(a_context_begins_with_its_argument_on_an_aligned_stack),
        cmocka_unit_test(contexts_keep_their_locals_in_any_order_of_switches),
        cmocka_unit_test(a_context_can_be_the_one_that_resumes_others),
        cmocka_unit_test(a_saved_float_environment_keeps_rounding_modes_apart),
        cmocka_unit_test(the_default_float_environment_is_what_a_program_starts_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
