/* The report of a stack overflow. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "child.h"
#include "coroutine.h"
#include "platform/overflow.h"
#include "platform/stack_guard.h"

void step_frames_of_12_kb(int count); /* frames.c */

/* Memory below the frame that is left to the coroutine. */
static size_t room_left(const coroutine *self)
{
    return (size_t)((char *)__builtin_frame_address(0) - coroutine_stack(self)->low);
}

__attribute__((noinline)) static size_t descend(const coroutine *self, size_t leave)
{
    volatile char frame[256];
    frame[0] = 1;
    if (room_left(self) < leave)
        return 1;
    return descend(self, leave) + (size_t)frame[0];
}

static void descend_for_ever(void *arg)
{
    descend(*(coroutine **)arg, 0);
}

static void overflow_in(coroutine_function *fn, size_t size)
{
    coroutine *deep;
    yb_overflow_watch_start(coroutine_describe);
    deep = coroutine_new_sized(fn, &deep, "too deep", size);
    coroutine_resume(deep);
}

static void overflow_small(void)
{
    overflow_in(descend_for_ever, 0);
}

static void overflow_large(void)
{
    overflow_in(descend_for_ever, 1 << 20);
}

static void assert_reported(void (*fn)(void), const char *expected)
{
    child_result result;
    child_run(fn, &result);
    assert_true(child_died_of(&result, SIGSEGV));
    assert_non_null(strstr(result.said, expected));
}

static void an_overflow_names_whose_stack_it_was_and_ends_the_process(void **state)
{
    (void)state;
    assert_reported(overflow_small,
                    "yibu: stack overflow in coroutine \"too deep\": its stack of 64 KiB, guard "
                    "included, is full; ask for a larger stack_bytes");
}

static void an_overflow_of_the_largest_stack_gives_other_advice(void **state)
{
    (void)state;
    assert_reported(overflow_large, "its stack of 1024 KiB, guard included, is full, and there is "
                                    "none larger");
}

static size_t jump_offset;

static void jump(void *arg)
{
    (void)arg;
    volatile char *offset = __builtin_alloca(jump_offset + 1);
    offset[0] = 1;
    step_frames_of_12_kb(10);
}

static void overflow_jumping(void)
{
    overflow_in(jump, 0);
}

static void frames_of_12_kb_do_not_step_over_the_guard(void **state)
{
    (void)state;
    for (jump_offset = 0; jump_offset < 12 << 10; jump_offset += 1 << 10)
        assert_reported(overflow_jumping, "yibu: stack overflow in coroutine \"too deep\"");
}

static void *run_overflow(void *arg)
{
    (void)arg;
    overflow_small();
    return NULL;
}

static void overflow_on_a_thread(void)
{
    pthread_t thread;
    yb_overflow_watch_start(coroutine_describe);
    pthread_create(&thread, NULL, run_overflow, NULL);
    pthread_join(thread, NULL);
}

static void an_overflow_on_another_thread_is_reported_too(void **state)
{
    (void)state;
    assert_reported(overflow_on_a_thread, "yibu: stack overflow in coroutine \"too deep\"");
}

static void descend_nearly(void *arg)
{
    size_t *ret_depth = ((void **)arg)[1];
    *ret_depth = descend(*(coroutine **)arg, 1500);
}

static void recursion_to_just_above_the_guard_is_fine(void **state)
{
    (void)state;
    size_t depth = 0;
    void *arg[2] = {NULL, &depth};
    coroutine *deep = coroutine_new(descend_nearly, arg, "nearly");
    arg[0] = deep;
    coroutine_resume(deep);
    assert_true(coroutine_ended(deep));
    assert_true(depth > 30);
    coroutine_free(deep);
    coroutine_thread_end();
}

static void on_fault(int signal_number)
{
    (void)signal_number;
    raise(SIGUSR1);
}

static char *volatile nowhere = (char *)64;

static void fault_elsewhere(void)
{
    yb_overflow_watch_start(coroutine_describe);
    *nowhere = 1;
}

static void fault_elsewhere_under_an_earlier_handler(void)
{
    signal(SIGSEGV, on_fault);
    fault_elsewhere();
}

static void other_faults_go_to_the_earlier_handler(void **state)
{
    (void)state;
    child_result result;
    child_run(fault_elsewhere_under_an_earlier_handler, &result);
    assert_true(child_died_of(&result, SIGUSR1));
    assert_null(strstr(result.said, "yibu:"));
}

static void other_faults_kill_where_nobody_handled_them(void **state)
{
    (void)state;
    child_result result;
    child_run(fault_elsewhere, &result);
    assert_true(child_died_of(&result, SIGSEGV));
    assert_null(strstr(result.said, "yibu:"));
}

static void overflow_under_an_earlier_handler(void)
{
    static char alternate[1 << 16];
    sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = sizeof alternate}, NULL);
    sigaction(SIGSEGV, &(struct sigaction){.sa_handler = on_fault, .sa_flags = SA_ONSTACK}, NULL);
    overflow_small();
}

static void the_earlier_handler_sees_the_overflow_after_the_report(void **state)
{
    (void)state;
    child_result result;
    child_run(overflow_under_an_earlier_handler, &result);
    assert_true(child_died_of(&result, SIGUSR1));
    assert_non_null(strstr(result.said, "yibu: stack overflow in coroutine \"too deep\""));
}

static void send_the_signal(void)
{
    yb_overflow_watch_start(coroutine_describe);
    raise(SIGSEGV);
}

static void a_signal_that_somebody_sends_still_kills(void **state)
{
    (void)state;
    child_result result;
    child_run(send_the_signal, &result);
    assert_true(child_died_of(&result, SIGSEGV));
}

static void the_handler_is_gone_with_the_last_watcher(void **state)
{
    (void)state;
    struct sigaction before, during, after;
    stack_t alternate;
    sigaction(SIGSEGV, NULL, &before);
    sigaltstack(NULL, &alternate);
    int flags = alternate.ss_flags;
    assert_int_equal(yb_overflow_watch_start(coroutine_describe), 0);
    assert_int_equal(yb_overflow_watch_start(coroutine_describe), 0);
    yb_overflow_watch_stop();
    sigaction(SIGSEGV, NULL, &during);
    assert_true(during.sa_flags & SA_ONSTACK);
    yb_overflow_watch_stop();
    sigaction(SIGSEGV, NULL, &after);
    assert_ptr_equal(after.sa_sigaction, before.sa_sigaction);
    sigaltstack(NULL, &alternate);
    assert_int_equal(alternate.ss_flags, flags);
}

static void read_into_the_guard(void *arg)
{
    ssize_t *result = arg;
    char local;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    char *guard = (char *)(((uintptr_t)&local & ~(uintptr_t)65535) + YB_GUARD_BYTES / 2);
    *result = read(fd, guard, 8) < 0 ? -errno : 0;
    close(fd);
}

static void a_system_call_that_touches_a_guard_fails(void **state)
{
    (void)state;
    ssize_t result = 0;
    coroutine *one = coroutine_new(read_into_the_guard, &result, "reader");
    coroutine_resume(one);
    assert_int_equal(result, -EFAULT);
    coroutine_free(one);
    coroutine_thread_end();
}

static coroutine *inherited;

static void go_on_after_fork(void)
{
    coroutine_resume(inherited);
    if (!coroutine_ended(inherited))
        _exit(1);
    overflow_small();
}

static void yield_once(void *arg)
{
    coroutine_yield();
    *(bool *)arg = true;
}

static void stacks_and_guards_survive_fork(void **state)
{
    (void)state;
    bool done = false;
    inherited = coroutine_new(yield_once, &done, "inherited");
    coroutine_resume(inherited);
    assert_reported(go_on_after_fork, "yibu: stack overflow in coroutine \"too deep\"");
    coroutine_resume(inherited);
    assert_true(done);
    coroutine_free(inherited);
    coroutine_thread_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_overflow_names_whose_stack_it_was_and_ends_the_process),
        cmocka_unit_test(an_overflow_of_the_largest_stack_gives_other_advice),
        cmocka_unit_test(frames_of_12_kb_do_not_step_over_the_guard),
        cmocka_unit_test(an_overflow_on_another_thread_is_reported_too),
        cmocka_unit_test(recursion_to_just_above_the_guard_is_fine),
        cmocka_unit_test(other_faults_go_to_the_earlier_handler),
        cmocka_unit_test(other_faults_kill_where_nobody_handled_them),
        cmocka_unit_test(the_earlier_handler_sees_the_overflow_after_the_report),
        cmocka_unit_test(a_signal_that_somebody_sends_still_kills),
        cmocka_unit_test(the_handler_is_gone_with_the_last_watcher),
        cmocka_unit_test(a_system_call_that_touches_a_guard_fails),
        cmocka_unit_test(stacks_and_guards_survive_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
