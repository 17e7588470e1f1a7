/* One slot a signal, process-wide: which loop takes it, and what the process did before.
 *
 * The handler may run on any thread.  It touches the slot's atomics, the loop's `signalled`, and
 * the backend's wake (a write to an eventfd), all of them safe in a signal handler.  A slot's other
 * fields change only while its signal has not our handler. */
#include "loop/signal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "loop/overseer.h"

typedef struct slot {
    _Atomic(yibu_loop *) loop; /* NULL: free */
    atomic_uint pending;       /* deliveries not yet called back */
    atomic_uint seen;          /* deliveries since it was added */
    atomic_uint inside;        /* threads in the handler: they may know the loop still */
    bool once;
    yibu_callback *callback;
    void *arg;
    struct sigaction before;
} slot;

static slot slots[NSIG];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER; /* adding and removing */

static void handle(int number)
{
    int saved = errno;
    slot *s = &slots[number];
    atomic_fetch_add(&s->inside, 1);
    yibu_loop *loop = atomic_load(&s->loop);
    if (loop) {
        if (atomic_fetch_add(&s->seen, 1) > 0 && s->once) {
            sigaction(number, &s->before, NULL);
            raise(number);
        }
        atomic_fetch_add(&s->pending, 1);
        atomic_store(&loop->signalled, true);
        yb_loop_wake(loop);
    }
    atomic_fetch_sub(&s->inside, 1);
    errno = saved;
}

static int add(yibu_loop *loop, int number, yibu_callback *callback, void *arg, bool once)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (!callback || number <= 0 || number >= NSIG)
        return -EINVAL;
    pthread_mutex_lock(&slots_lock);
    slot *s = &slots[number];
    yibu_loop *owner = atomic_load(&s->loop);
    if (owner && owner != loop) {
        r = -EBUSY;
    } else {
        s->callback = callback;
        s->arg = arg;
        loop->user_signals += !once;
        loop->user_signals -= owner && !s->once;
        s->once = once;
        atomic_store(&s->seen, 0);
        if (!owner) {
            struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART | SA_ONSTACK};
            sigfillset(&action.sa_mask);
            atomic_store(&s->pending, 0);
            atomic_store(&s->loop, loop);
            if (sigaction(number, &action, &s->before) < 0) {
                r = -errno;
                loop->user_signals -= !once;
                atomic_store(&s->loop, NULL);
            }
        }
    }
    pthread_mutex_unlock(&slots_lock);
    return r;
}

int yibu_add_signal_handler(yibu_loop *loop, int signal, yibu_callback *callback, void *arg)
{
    return add(loop, signal, callback, arg, false);
}

int yb_signal_handle_once(yibu_loop *loop, int signal, yibu_callback *callback, void *arg)
{
    return add(loop, signal, callback, arg, true);
}

/* When it returns, no thread's handler touches the loop any more. */
static void release(int number)
{
    slot *s = &slots[number];
    sigaction(number, &s->before, NULL);
    atomic_load(&s->loop)->user_signals -= !s->once;
    atomic_store(&s->loop, NULL);
    while (atomic_load(&s->inside) > 0)
        sched_yield();
}

int yibu_remove_signal_handler(yibu_loop *loop, int signal)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (signal <= 0 || signal >= NSIG)
        return -EINVAL;
    pthread_mutex_lock(&slots_lock);
    bool ours = atomic_load(&slots[signal].loop) == loop;
    if (ours)
        release(signal);
    pthread_mutex_unlock(&slots_lock);
    return ours;
}

void yb_signal_unhandle_once(yibu_loop *loop, int signal)
{
    slot *s = &slots[signal];
    pthread_mutex_lock(&slots_lock);
    bool ours = atomic_load(&s->loop) == loop && s->once;
    if (ours)
        release(signal);
    pthread_mutex_unlock(&slots_lock);
    if (ours && atomic_exchange(&s->pending, 0) > 0)
        raise(signal);
}

void yb_signal_deliver(yibu_loop *loop)
{
    if (!atomic_load_explicit(&loop->signalled, memory_order_relaxed))
        return;
    atomic_store(&loop->signalled, false);
    for (int number = 1; number < NSIG; number++) {
        slot *s = &slots[number];
        if (atomic_load(&s->loop) == loop && atomic_exchange(&s->pending, 0) > 0)
            yb_callback_run(loop, s->callback, s->arg);
    }
}

void yb_signal_forget_loop(yibu_loop *loop)
{
    for (int number = 1; number < NSIG; number++)
        if (atomic_load(&slots[number].loop) == loop)
            (void)yibu_remove_signal_handler(loop, number);
}

void yb_signal_after_fork(void)
{
    for (int number = 1; number < NSIG; number++)
        if (atomic_load(&slots[number].loop)) {
            atomic_store(&slots[number].inside, 0); /* the other threads are not here */
            release(number);
        }
}
