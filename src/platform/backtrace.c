/* A thread's stack can be walked only with its registers, so the thread does it itself, in a
 * handler of SIGURG that another thread sends it.
 *
 * Why SIGURG: it is ignored by default, so one that comes late does no harm; the C library does not
 * use it; debuggers pass it on without stopping; and programs that do use it, for out-of-band data,
 * have to look whether there is any, since signals coalesce.  Go's scheduler chose it for the same
 * reasons.  Ours carry the request's address; what others send goes to whoever had the signal
 * before.  A thread that blocks it is not sent any.  Programs that are executed begin without the
 * handler, by the rules of execve(2); for forks see yb_backtrace_after_fork.
 *
 * SA_RESTART: interrupted calls go on, but for those that never do (signal(7): sleeps, poll and its
 * kin, sockets with a time limit), which return EINTR.  SA_ONSTACK: a task's stack may have no room
 * left.  All signals but those of faults are blocked meanwhile: their handlers, which may run for
 * long or jump away, would keep the asking thread waiting.
 *
 * The unwinder is libgcc's, which backtrace(3) loads the first time, so that happens at the start.
 * From glibc 2.35 on it finds unwinding tables without a lock.  It believes what it reads; a fault
 * on the way (code with wrong tables) is caught, and the stack ends there.
 *
 * States of the request, of which there is one: IDLE -> ASKED (the asking thread) -> TAKING -> DONE
 * (the handler, in the thread that was asked) -> IDLE (the asking thread); ASKED -> IDLE where the
 * asking thread gives up.  Its other fields belong to whoever made the last step. */
#include "platform/backtrace.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "platform/backend.h"
#include "platform/futex.h"
#include "platform/thread_state.h"
#include "platform/valgrind.h"

#if defined(__GLIBC__)
#include <execinfo.h>
#else
static int backtrace(void **frames, int size)
{
    (void)frames, (void)size;
    return 0;
}
#endif

enum { IDLE, ASKED, TAKING, DONE };
/* Frames of our own and the kernel's that lie above those of the thread. */
enum { OWN_FRAMES = 8 };

static struct {
    _Atomic(uint32_t) state;
    _Atomic(pid_t) thread;
    yb_backtrace_consent *consent;
    void *arg;
    int result;
    int raw_count;
    void *raw[YB_BACKTRACE_FRAMES + OWN_FRAMES];
    void *interrupted; /* where the thread was; NULL: not known */
} request;

static sigjmp_buf rescue;
static atomic_bool unwinding;
static struct sigaction previous;
static bool buried; /* the program took the signal while ours was installed */

static void *program_counter(const void *machine)
{
    const ucontext_t *context = machine;
#if defined(__x86_64__)
    return (void *)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (void *)context->uc_mcontext.pc;
#else
    (void)context;
    return NULL;
#endif
}

static pid_t this_thread(void)
{
    return (pid_t)syscall(SYS_gettid);
}

void yb_backtrace_rescue(void)
{
    if (atomic_load(&unwinding) && atomic_load(&request.thread) == this_thread())
        siglongjmp(rescue, 1);
}

static int unwind(void **frames, int size)
{
    volatile int count = 0;
    if (sigsetjmp(rescue, 1) == 0) {
        atomic_store(&unwinding, true);
        count = backtrace(frames, size);
    }
    atomic_store(&unwinding, false);
    return count;
}

static void answer(const void *machine)
{
    request.raw_count = 0;
    request.interrupted = program_counter(machine);
    request.result = request.consent(request.arg) ? 0 : -ECANCELED;
    if (request.result == 0)
        request.raw_count = unwind(request.raw, YB_BACKTRACE_FRAMES + OWN_FRAMES);
}

/* What somebody else sent. */
static void pass_on(int number, siginfo_t *info, void *machine)
{
    if (previous.sa_flags & SA_SIGINFO)
        previous.sa_sigaction(number, info, machine);
    else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN)
        previous.sa_handler(number);
}

/* One of ours that comes when nobody waits for it any more does nothing. */
static void on_signal(int number, siginfo_t *info, void *machine)
{
    int error = errno;
    uint32_t asked = ASKED;
    bool ours = info->si_code == SI_QUEUE && info->si_value.sival_ptr == &request;
    if (!ours) {
        pass_on(number, info, machine);
    } else if (atomic_load(&request.thread) == this_thread() &&
               atomic_compare_exchange_strong(&request.state, &asked, TAKING)) {
        answer(machine);
        atomic_store(&request.state, DONE);
        yb_futex_wake(&request.state);
    }
    errno = error;
}

/* The thread's own frames: those from where it was interrupted. */
static void copy_frames(yb_backtrace *ret_stack)
{
    int first = 0;
    while (first < request.raw_count && request.raw[first] != request.interrupted)
        first++;
    ret_stack->exact = first < request.raw_count;
    if (!ret_stack->exact) /* an instrument called the handler from a place of its own */
        first = request.raw_count > 2 ? 2 : request.raw_count;
    ret_stack->count = (unsigned)(request.raw_count - first);
    if (ret_stack->count > YB_BACKTRACE_FRAMES)
        ret_stack->count = YB_BACKTRACE_FRAMES;
    memcpy(ret_stack->frames, request.raw + first, ret_stack->count * sizeof(void *));
    if (ret_stack->count == 0 && request.interrupted) {
        ret_stack->frames[ret_stack->count++] = request.interrupted;
        ret_stack->exact = true;
    }
}

static bool installed(void)
{
    struct sigaction now;
    return sigaction(SIGURG, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
           now.sa_sigaction == on_signal;
}

static int ask(pid_t thread)
{
    siginfo_t info = {.si_signo = SIGURG, .si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = &request;
    return syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, SIGURG, &info) < 0 ? -errno : 0;
}

/* Returns once the thread has answered, or the request was withdrawn. */
static int wait_for_answer(pid_t thread, int64_t patience_ns)
{
    enum { MOST_TIMES = 25 }; /* as patient, with a thread that lacks a processor */
    int64_t deadline_ns = yb_clock_now(NULL) + patience_ns;
    int times = 1;
    for (uint32_t state; (state = atomic_load(&request.state)) != DONE;) {
        uint32_t asked = ASKED;
        if (yb_futex_wait_until(&request.state, state, deadline_ns))
            continue;
        if (times++ < MOST_TIMES && yb_thread_look(thread).doing == YB_THREAD_RUNS)
            deadline_ns += patience_ns;
        else if (atomic_compare_exchange_strong(&request.state, &asked, IDLE))
            return -ETIMEDOUT;
        else
            deadline_ns = INT64_MAX; /* it has begun, and so will end */
    }
    return request.result;
}

/* Not only for the time of a handler, this one's included.  Valgrind blocks all signals, and looks
 * itself whether there is one. */
static bool blocks_the_signal(pid_t thread, int64_t patience_ns)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int64_t deadline_ns = yb_clock_now(NULL) + patience_ns;
    bool blocked = false;
    do {
        if (blocked)
            (void)nanosleep(&pause, NULL);
        yb_thread_state state = yb_thread_look(thread);
        blocked = !YB_UNDER_VALGRIND && yb_thread_blocks(&state, SIGURG);
    } while (blocked && yb_clock_now(NULL) < deadline_ns);
    return blocked;
}

int yb_backtrace_take(pid_t thread, yb_backtrace_consent *consent, void *arg, int64_t patience_ns,
                      yb_backtrace *ret_stack)
{
    if (!installed())
        return -EBUSY;
    if (blocks_the_signal(thread, patience_ns / 4))
        return -EPERM;
    request.consent = consent;
    request.arg = arg;
    atomic_store(&request.thread, thread);
    atomic_store(&request.state, ASKED);
    int r = ask(thread);
    if (r == 0)
        r = wait_for_answer(thread, patience_ns);
    if (r == 0)
        copy_frames(ret_stack);
    if (r != -ETIMEDOUT)
        atomic_store(&request.state, IDLE);
    return r;
}

/* Below a handler of the program's, which may pass signals on to ours, it would call itself. */
static bool may_install(void)
{
    struct sigaction now;
    if (!buried || sigaction(SIGURG, NULL, &now) < 0)
        return true;
    return !(now.sa_flags & SA_SIGINFO) && (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN);
}

void yb_backtrace_load(void)
{
    void *frame;
    (void)backtrace(&frame, 1);
}

/* A fault that is blocked kills, whatever its handler. */
static void block_all_but_faults(sigset_t *set)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(set, faults[i]);
}

/* Valgrind takes the stack that a handler returns to for a new one, with nothing on it. */
enum { WHERE = YB_UNDER_VALGRIND ? 0 : SA_ONSTACK };

int yb_backtrace_start(void)
{
    struct sigaction action = {.sa_sigaction = on_signal,
                               .sa_flags = SA_SIGINFO | SA_RESTART | WHERE};
    block_all_but_faults(&action.sa_mask);
    if (!may_install())
        return 0;
    buried = false;
    return sigaction(SIGURG, &action, &previous) < 0 ? -errno : 0;
}

/* Leaves a handler alone that somebody installed after ours. */
void yb_backtrace_stop(void)
{
    if (installed())
        sigaction(SIGURG, &previous, NULL);
    else
        buried = true;
}

void yb_backtrace_after_fork(void)
{
    atomic_store(&request.state, IDLE);
    atomic_store(&unwinding, false);
    yb_backtrace_stop();
}
