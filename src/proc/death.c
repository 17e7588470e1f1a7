/* A fault near the stack pointer means that the stack could not grow: it was full, or the limit of
 * memory stood in its way.  Where memory is limited, and the last call that failed did for want of
 * it, a fault or an abort is taken for its consequence: the null pointer of a malloc that was not
 * checked, an exception that nobody caught.
 *
 * The handler runs on a stack of its own, on the worker's first thread; another thread's overflow
 * ends the worker without a note.  Whoever handled the signal before does so afterwards. */
#define _GNU_SOURCE
#include "proc/death.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

#include "platform/fault.h"

enum {
    SIGNALS = 3,
    NEAR_BYTES = 64 * 1024, /* of the stack pointer */
    ALTERNATE_BYTES = 64 * 1024,
};

static const int signals[SIGNALS] = {SIGSEGV, SIGBUS, SIGABRT};
static struct sigaction previous[SIGNALS];
static _Atomic(uint32_t) *note;
static bool limited;
static uintptr_t stack_top, stack_bytes;
static _Alignas(16) char alternate[ALTERNATE_BYTES];

static bool near(uintptr_t a, uintptr_t b)
{
    return a - b < NEAR_BYTES || b - a < NEAR_BYTES;
}

/* Whether the fault is one of the stack, with room to grow that it was not given. */
static bool stack_had_room(uintptr_t address)
{
    return address < stack_top && stack_top - address + NEAR_BYTES < stack_bytes;
}

static uint32_t cause(int signal_number, const siginfo_t *info, const void *machine, int error)
{
    uintptr_t address = (uintptr_t)info->si_addr;
    bool fault = signal_number != SIGABRT && info->si_code > 0;
    if (fault && near(address, yb_fault_stack_pointer(machine)))
        return limited && stack_had_room(address) ? YB_DEATH_MEMORY : YB_DEATH_STACK;
    return limited && error == ENOMEM ? YB_DEATH_MEMORY : YB_DEATH_PLAIN;
}

/* A fault comes again, to the previous action; a signal that somebody sent is sent again. */
static void on_signal(int signal_number, siginfo_t *info, void *machine)
{
    int error = errno, which = 0;
    while (which < SIGNALS - 1 && signals[which] != signal_number)
        which++;
    atomic_store_explicit(note, cause(signal_number, info, machine, error), memory_order_relaxed);
    sigaction(signal_number, &previous[which], NULL);
    if (info->si_code <= 0)
        raise(signal_number);
    errno = error;
}

static void learn_stack(void)
{
    struct rlimit limit;
    stack_top = (uintptr_t)__builtin_frame_address(0);
    if (getrlimit(RLIMIT_STACK, &limit) == 0)
        stack_bytes = limit.rlim_cur < UINTPTR_MAX ? (uintptr_t)limit.rlim_cur : UINTPTR_MAX;
}

void yb_death_watch(_Atomic(uint32_t) *ret_note)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t now, ours = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
    note = ret_note;
    learn_stack();
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE))
        (void)sigaltstack(&ours, NULL);
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++)
        (void)sigaction(signals[i], &action, &previous[i]);
}

void yb_death_begin(void)
{
    errno = 0;
    atomic_store_explicit(note, YB_DEATH_PLAIN, memory_order_relaxed);
}

void yb_death_memory_limited(bool now_limited)
{
    limited = now_limited;
}
