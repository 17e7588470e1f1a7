/* Other threads' stacks: what they answer, and what happens where they do not. */
#include "platform/backtrace.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/symbols.h"
#include "platform/overflow.h"
#include "platform/thread_state.h"
#include "platform/valgrind.h"
#include "test.h"

enum { PATIENCE_NS = 200000000 };

typedef struct subject {
    void (*run)(struct subject *self);
    pthread_t thread;
    _Atomic(pid_t) id;
    atomic_int over;
    int ends[2];
    bool blocked;
    atomic_bool consented_here;
} subject;

static pid_t this_thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

static void *run(void *arg)
{
    subject *self = arg;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGURG);
    if (self->blocked)
        pthread_sigmask(SIG_BLOCK, &set, NULL);
    atomic_store(&self->id, this_thread());
    self->run(self);
    return NULL;
}

static void start(subject *self)
{
    assert_int_equal(pipe(self->ends), 0);
    assert_int_equal(pthread_create(&self->thread, NULL, run, self), 0);
    while (atomic_load(&self->id) == 0)
        usleep(1000);
}

static void end(subject *self)
{
    atomic_store(&self->over, 1);
    assert_int_equal(write(self->ends[1], "x", 1), 1);
    pthread_join(self->thread, NULL);
    while (syscall(SYS_tgkill, getpid(), atomic_load(&self->id), 0) == 0)
        usleep(1000); /* it may be joined before it is gone */
    close(self->ends[0]);
    close(self->ends[1]);
}

/* Calls what ThreadSanitizer lets signals into. */
__attribute__((noinline)) static void compute(subject *self)
{
    while (!atomic_load(&self->over))
        usleep(0);
}

__attribute__((noinline)) static void wait_in_kernel(subject *self)
{
    char byte;
    assert_int_equal(read(self->ends[0], &byte, 1), 1);
}

static bool consent(void *arg)
{
    subject *self = arg;
    atomic_store(&self->consented_here, this_thread() == atomic_load(&self->id));
    return true;
}

static bool refuse(void *arg)
{
    (void)arg;
    return false;
}

static int setup(void **state)
{
    (void)state;
    yb_backtrace_load();
    return yb_backtrace_start();
}

static int teardown(void **state)
{
    (void)state;
    yb_backtrace_stop();
    return 0;
}

static bool is_on(const yb_backtrace *stack, const char *function)
{
    yb_symbol names[YB_BACKTRACE_FRAMES];
    static yb_symbols symbols;
    bool found = false;
    for (unsigned i = 0; i < stack->count; i++)
        names[i].address = (uintptr_t)stack->frames[i];
    yb_symbols_open(&symbols, names, stack->count);
    for (unsigned i = 0; i < stack->count; i++)
        found |= names[i].function && strcmp(names[i].function, function) == 0;
    yb_symbols_close(&symbols);
    return found;
}

static void a_thread_gives_its_stack_itself(void **state)
{
    (void)state;
    subject s = {.run = compute};
    yb_backtrace stack;
    start(&s);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(yb_backtrace_take(s.id, consent, &s, PATIENCE_NS, &stack), 0);
        assert_true(stack.count > 0);
    }
    assert_true(atomic_load(&s.consented_here));
    assert_true(is_on(&stack, "compute"));
    end(&s);
}

static void a_call_that_waits_gives_its_stack_and_goes_on(void **state)
{
    (void)state;
    subject s = {.run = wait_in_kernel};
    yb_backtrace stack;
#ifdef YB_SANITIZE_THREAD
    skip(); /* it delays the signal */
#endif
    start(&s);
    while (yb_thread_look(s.id).doing != YB_THREAD_WAITS)
        usleep(1000);
    assert_int_equal(yb_backtrace_take(s.id, consent, &s, PATIENCE_NS, &stack), 0);
    assert_true(is_on(&stack, "wait_in_kernel"));
    end(&s);
}

static void a_stack_that_is_not_wanted_is_not_taken(void **state)
{
    (void)state;
    subject s = {.run = compute};
    yb_backtrace stack;
    start(&s);
    assert_int_equal(yb_backtrace_take(s.id, refuse, &s, PATIENCE_NS, &stack), -ECANCELED);
    end(&s);
}

static void a_thread_that_blocks_the_signal_is_not_asked(void **state)
{
    (void)state;
    subject s = {.run = compute, .blocked = true};
    yb_backtrace stack;
    if (YB_UNDER_VALGRIND)
        skip(); /* all signals are blocked there */
    start(&s);
    assert_int_equal(yb_backtrace_take(s.id, consent, &s, PATIENCE_NS, &stack), -EPERM);
    end(&s);
}

static void a_thread_that_is_gone_has_no_stack(void **state)
{
    (void)state;
    subject s = {.run = compute};
    yb_backtrace stack;
    start(&s);
    end(&s);
    assert_int_equal(yb_backtrace_take(s.id, consent, &s, PATIENCE_NS, &stack), -ESRCH);
}

static void a_handler_that_came_later_stays(void **state)
{
    (void)state;
    struct sigaction others = {.sa_handler = SIG_IGN}, now;
    yb_backtrace stack;
    assert_int_equal(sigaction(SIGURG, &others, NULL), 0);
    assert_int_equal(yb_backtrace_take(this_thread(), consent, NULL, 0, &stack), -EBUSY);
    yb_backtrace_stop();
    assert_int_equal(sigaction(SIGURG, NULL, &now), 0);
    assert_true(now.sa_handler == SIG_IGN);
    assert_int_equal(yb_backtrace_start(), 0);
}

/* Unwinding tables that are wrong. */

#if defined(__x86_64__) && !defined(YB_VALGRIND) /* which would call it an error */

void lead_astray(atomic_int *over);

__asm__(".pushsection .text\n"
        ".globl lead_astray\n"
        ".type lead_astray, @function\n"
        "lead_astray:\n"
        "    .cfi_startproc\n"
        "    push %rbp\n"
        "    mov $64, %ebp\n"
        "    .cfi_def_cfa %rbp, 16\n" /* nothing is there */
        "1:  cmpl $0, (%rdi)\n"
        "    je 1b\n"
        "    pop %rbp\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size lead_astray, . - lead_astray\n"
        ".popsection\n");

static void describe(void *owner, char *ret_text, size_t size)
{
    (void)owner;
    snprintf(ret_text, size, "nobody");
}

static void go_astray(subject *self)
{
    assert_int_equal(yb_overflow_watch_start(describe), 0);
    lead_astray(&self->over);
    yb_overflow_watch_stop();
}

static void a_stack_that_cannot_be_read_ends_there(void **state)
{
    (void)state;
    subject s = {.run = go_astray};
    yb_backtrace stack = {.count = 0};
#ifdef YB_SANITIZE_THREAD
    skip(); /* it delays the signal */
#endif
    start(&s);
    for (int i = 0; i < 20 || !is_on(&stack, "lead_astray"); i++)
        assert_int_equal(yb_backtrace_take(s.id, consent, &s, PATIENCE_NS, &stack), 0);
    assert_int_equal(stack.count, 1);
    end(&s);
}

#else

static void a_stack_that_cannot_be_read_ends_there(void **state)
{
    (void)state;
    skip();
}

#endif

/* What threads are doing. */

static void the_kernel_tells_what_threads_do_and_block(void **state)
{
    (void)state;
    subject s = {.run = wait_in_kernel, .blocked = true};
    start(&s);
    assert_int_equal(yb_thread_look(this_thread()).doing, YB_THREAD_RUNS);
    while (yb_thread_look(s.id).doing != YB_THREAD_WAITS)
        usleep(1000);
    yb_thread_state waiting = yb_thread_look(s.id), here = yb_thread_look(this_thread());
    assert_true(yb_thread_blocks(&waiting, SIGURG));
    assert_true(YB_UNDER_VALGRIND || !yb_thread_blocks(&waiting, SIGUSR1));
    assert_true(YB_UNDER_VALGRIND || !yb_thread_blocks(&here, SIGURG));
    end(&s);
    yb_thread_state gone = yb_thread_look(s.id);
    assert_true(gone.doing == YB_THREAD_WAITS && gone.blocked == 0);
}

#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_thread_gives_its_stack_itself),
        TEST(a_call_that_waits_gives_its_stack_and_goes_on),
        TEST(a_stack_that_is_not_wanted_is_not_taken),
        TEST(a_thread_that_blocks_the_signal_is_not_asked),
        TEST(a_thread_that_is_gone_has_no_stack),
        TEST(a_handler_that_came_later_stays),
        TEST(a_stack_that_cannot_be_read_ends_there),
        cmocka_unit_test(the_kernel_tells_what_threads_do_and_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
