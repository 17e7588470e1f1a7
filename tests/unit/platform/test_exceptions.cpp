// C++ exceptions in coroutines that are suspended while they handle them.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {
#include <cmocka.h>
}

#include <exception>
#include <stdexcept>
#include <string>

#include "coroutine.h"

namespace
{

struct catcher {
    std::string thrown;
    std::string rethrown;
    int uncaught_inside = -1;
};

void rethrow(catcher *self)
{
    try {
        throw;
    } catch (const std::runtime_error &error) {
        self->rethrown = error.what();
    }
}

void suspend_in_catch(void *arg)
{
    auto *self = static_cast<catcher *>(arg);
    try {
        throw std::runtime_error(self->thrown);
    } catch (const std::runtime_error &) {
        coroutine_yield();
        rethrow(self);
        coroutine_yield();
    }
    coroutine_yield();
}

void two_coroutines_suspended_in_catch_rethrow_their_own_exceptions(void **)
{
    catcher catchers[2] = {{"first", "", -1}, {"second", "", -1}};
    coroutine *both[2];
    for (int i = 0; i < 2; i++)
        both[i] = coroutine_new(suspend_in_catch, &catchers[i], "catcher");
    for (int round = 0; round < 4; round++)
        for (int i = 0; i < 2; i++) {
            coroutine_resume(both[i]);
            assert_true(std::current_exception() == nullptr);
        }
    for (int i = 0; i < 2; i++) {
        assert_true(coroutine_ended(both[i]));
        assert_string_equal(catchers[i].rethrown.c_str(), catchers[i].thrown.c_str());
        coroutine_free(both[i]);
    }
    coroutine_thread_end();
}

void a_fresh_coroutine_sees_nothing_of_the_exception_its_resumer_handles(void **)
{
    catcher inner = {"inner", "", -1};
    coroutine *one = coroutine_new(suspend_in_catch, &inner, "inner");
    try {
        throw std::logic_error("outer");
    } catch (const std::logic_error &) {
        coroutine_resume(one);
        try {
            throw;
        } catch (const std::logic_error &again) {
            assert_string_equal(again.what(), "outer");
        }
        coroutine_resume(one);
    }
    coroutine_resume(one);
    coroutine_resume(one);
    assert_string_equal(inner.rethrown.c_str(), "inner");
    coroutine_free(one);
    coroutine_thread_end();
}

struct suspends_in_destructor {
    catcher *self;
    ~suspends_in_destructor()
    {
        coroutine_yield();
        self->uncaught_inside = std::uncaught_exceptions();
    }
};

void unwind_through_a_suspension(void *arg)
{
    auto *self = static_cast<catcher *>(arg);
    try {
        suspends_in_destructor local = {self};
        throw std::runtime_error(self->thrown);
    } catch (const std::runtime_error &error) {
        self->rethrown = error.what();
    }
}

void a_destructor_that_suspends_while_unwinding_keeps_its_count_to_itself(void **)
{
    catcher unwinding = {"unwinding", "", -1};
    coroutine *one = coroutine_new(unwind_through_a_suspension, &unwinding, "unwinding");
    coroutine_resume(one);
    assert_int_equal(std::uncaught_exceptions(), 0);
    coroutine_resume(one);
    assert_true(coroutine_ended(one));
    assert_int_equal(unwinding.uncaught_inside, 1);
    assert_string_equal(unwinding.rethrown.c_str(), "unwinding");
    coroutine_free(one);
    coroutine_thread_end();
}

} // namespace

int main()
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_coroutines_suspended_in_catch_rethrow_their_own_exceptions),
        cmocka_unit_test(a_fresh_coroutine_sees_nothing_of_the_exception_its_resumer_handles),
        cmocka_unit_test(a_destructor_that_suspends_while_unwinding_keeps_its_count_to_itself),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
