/* Maps a fault to the stack whose guard it hit, and says so before the process dies.
 *
 * The handler runs on an alternate stack, since the one that overflowed has no room.  It is
 * installed while any thread watches; the thread's alternate stack while that thread does, unless
 * the thread has one of its own.  After a report the previous actions are back in place, and the
 * instruction faults again: a debugger, a crash reporter or the kernel sees the fault as it was. */
#include "platform/overflow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/backtrace.h"
#include "platform/slab_registry.h"
#include "platform/valgrind.h"

enum { ALTERNATE_BYTES = 64 << 10, SIGNALS = 2 };

static const int signals[SIGNALS] = {SIGSEGV, SIGBUS};

/* Under the lock; the handler reads previous, which changes only while it is not installed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned watchers;
static struct sigaction previous[SIGNALS];
static _Atomic(yb_stack_describe *) describe_owner;

static _Thread_local struct {
    unsigned watching;
    void *alternate; /* NULL: the thread had one */
} here;

/* Text without the C library's formatting, which signal handlers may not use. */
typedef struct text {
    char bytes[512];
    size_t length;
} text;

static void append(text *to, const char *piece)
{
    size_t length = strlen(piece);
    if (length > sizeof to->bytes - to->length)
        length = sizeof to->bytes - to->length;
    memcpy(to->bytes + to->length, piece, length);
    to->length += length;
}

static void append_number(text *to, size_t number)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    append(to, digits + at);
}

static size_t whole_bytes(const yb_stack *stack)
{
    size_t span = (size_t)(stack->top - stack->low);
    return span > YB_STACK_MIDDLE_BYTES    ? YB_STACK_LARGE_BYTES
           : span > YB_STACK_DEFAULT_BYTES ? YB_STACK_MIDDLE_BYTES
                                           : YB_STACK_DEFAULT_BYTES;
}

void yb_overflow_report(const yb_stack *stack)
{
    char owner[256] = "a task";
    yb_stack_describe *describe = atomic_load(&describe_owner);
    size_t size = whole_bytes(stack);
    text report = {.length = 0};

    if (describe && stack->owner)
        describe(stack->owner, owner, sizeof owner);
    append(&report, "yibu: stack overflow in ");
    append(&report, owner);
    append(&report, ": its stack of ");
    append_number(&report, size >> 10);
    append(&report, size < YB_STACK_LARGE_BYTES
                        ? " KiB, guard included, is full; ask for a larger stack_bytes in its "
                          "options, or keep large buffers on the heap\n"
                        : " KiB, guard included, is full, and there is none larger: keep large "
                          "buffers on the heap and bound the recursion\n");
    ssize_t written = write(STDERR_FILENO, report.bytes, report.length);
    (void)written;
}

static int which(int signal_number)
{
    return signal_number == SIGBUS;
}

/* What the kernel would have done without us.  The default action, or an ignored fault, is taken
 * when the instruction, or the signal that somebody sent, comes again. */
static void hand_over(int signal_number, siginfo_t *info, void *machine)
{
    const struct sigaction *action = &previous[which(signal_number)];
    if (action->sa_flags & SA_SIGINFO) {
        action->sa_sigaction(signal_number, info, machine);
    } else if (action->sa_handler == SIG_DFL) {
        sigaction(signal_number, action, NULL);
        if (info->si_code <= 0)
            raise(signal_number);
    } else if (action->sa_handler != SIG_IGN) {
        action->sa_handler(signal_number);
    } else if (info->si_code > 0) {
        signal(signal_number, SIG_DFL);
    }
}

static void on_fault(int signal_number, siginfo_t *info, void *machine)
{
    int error = errno;
    bool in_guard = false;
    const yb_stack *stack = NULL;
    yb_backtrace_rescue();
    if (info->si_code > 0)
        stack = yb_registry_find(info->si_addr, &in_guard);
    if (stack && in_guard) {
        yb_overflow_report(stack);
        for (int i = 0; i < SIGNALS; i++)
            sigaction(signals[i], &previous[i], NULL);
    } else {
        hand_over(signal_number, info, machine);
    }
    errno = error;
}

static int install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++)
        if (sigaction(signals[i], &action, &previous[i]) < 0)
            return -errno;
    return 0;
}

/* Leaves a handler alone that somebody installed after ours. */
static void uninstall(void)
{
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction now;
        if (sigaction(signals[i], NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
            now.sa_sigaction == on_fault)
            sigaction(signals[i], &previous[i], NULL);
    }
}

static size_t alternate_bytes(void)
{
    return ALTERNATE_BYTES + getauxval(AT_MINSIGSTKSZ);
}

static int alternate_start(void)
{
    stack_t now;
    if (sigaltstack(NULL, &now) < 0)
        return -errno;
    if (!(now.ss_flags & SS_DISABLE))
        return 0;
    size_t size = alternate_bytes();
    void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -errno;
    if (sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = size}, NULL) < 0) {
        int error = errno;
        munmap(stack, size);
        return -error;
    }
    here.alternate = stack;
    return 0;
}

static void alternate_stop(void)
{
    stack_t now;
    if (!here.alternate)
        return;
    if (sigaltstack(NULL, &now) == 0 && now.ss_sp == here.alternate)
        sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
    if (!YB_UNDER_VALGRIND) /* it goes on delivering signals there */
        munmap(here.alternate, alternate_bytes());
    here.alternate = NULL;
}

int yb_overflow_watch_start(yb_stack_describe *describe)
{
    int r = here.watching > 0 ? 0 : alternate_start();
    if (r < 0)
        return r;
    pthread_mutex_lock(&lock);
    if (watchers == 0) {
        atomic_store(&describe_owner, describe);
        r = install();
    }
    watchers += r == 0;
    pthread_mutex_unlock(&lock);
    if (r < 0) {
        if (here.watching == 0)
            alternate_stop();
        return r;
    }
    here.watching++;
    return 0;
}

void yb_overflow_watch_stop(void)
{
    pthread_mutex_lock(&lock);
    if (--watchers == 0)
        uninstall();
    pthread_mutex_unlock(&lock);
    if (--here.watching == 0)
        alternate_stop();
}
