/* The process's signals: a slot each, with the listeners of all loops and what the process did
 * before the first of them came.
 *
 * The handler may run on any thread.  It walks the slot's listeners and calls their clients'
 * `note`, sets the loop's `signalled`, and wakes the backend (a write to an eventfd); all of that
 * is safe in a signal handler.  It takes no lock: a listener that leaves is unlinked first, and
 * then waits until no thread is inside, so that none still knows it.  Both are sequentially
 * consistent: a handler that the waiting thread did not see inside begins its walk after the
 * unlinking.
 *
 * A slot's other fields change under the lock, and only while its signal has not our handler.
 *
 * SIGCHLD is special: libraries that start children wait for them in a handler of their own, so one
 * that was there before is called as well, and its flags about children are kept. */
#include "loop/signal.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

typedef struct slot {
    _Atomic(yb_signal_listener *) first; /* NULL: our handler is not installed */
    atomic_uint inside;                  /* threads in the handler */
    atomic_bool chained;                 /* `before` is to be called, too */
    struct sigaction before;
} slot;

static slot slots[NSIG];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

/* The handler. */

static void note(yb_signal_client *client, const siginfo_t *info)
{
    client->class->note(client, info);
    atomic_store(&client->noted, true);
    atomic_store(&client->loop->signalled, true);
    yb_loop_wake(client->loop);
}

/* Tells the clients that are stand-ins, or those that are not.  Returns whether there was one. */
static bool note_all(slot *s, const siginfo_t *info, bool stand_ins)
{
    bool any = false;
    for (yb_signal_listener *at = atomic_load(&s->first); at; at = atomic_load(&at->next))
        if (at->client->stand_in == stand_ins) {
            any = true;
            note(at->client, info);
        }
    return any;
}

static void call_before(const slot *s, int number, siginfo_t *info, void *context)
{
    if (s->before.sa_flags & SA_SIGINFO)
        s->before.sa_sigaction(number, info, context);
    else
        s->before.sa_handler(number);
}

static void handle(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    slot *s = &slots[number];
    atomic_fetch_add(&s->inside, 1);
    if (!note_all(s, info, false))
        (void)note_all(s, info, true);
    if (atomic_load(&s->chained))
        call_before(s, number, info, context);
    atomic_fetch_sub(&s->inside, 1);
    errno = saved;
}

void (*_Atomic yb_signal_farewell)(void);

void yb_signal_surrender(int number)
{
    void (*farewell)(void) = atomic_load(&yb_signal_farewell);
    if (farewell)
        farewell();
    sigaction(number, &slots[number].before, NULL);
    raise(number);
}

/* Installing and restoring it. */

/* A handler that returns from a fault of the program's own meets the same fault again. */
static bool can_be_handled(int number)
{
    static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (number == never[i])
            return false;
    return number > 0 && number < NSIG;
}

static bool is_function(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) ||
           (action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN);
}

static int flags_of_children(const struct sigaction *before)
{
    int flags = before->sa_flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    bool ignored = !is_function(before) && before->sa_handler == SIG_IGN;
    return ignored ? flags | SA_NOCLDWAIT : flags;
}

static int install(slot *s, int number)
{
    struct sigaction action = {.sa_sigaction = handle,
                               .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    sigfillset(&action.sa_mask);
    if (sigaction(number, NULL, &s->before) < 0)
        return -errno;
    if (number == SIGCHLD) {
        action.sa_flags |= flags_of_children(&s->before);
        atomic_store(&s->chained, is_function(&s->before));
    }
    return sigaction(number, &action, NULL) < 0 ? -errno : 0;
}

/* Unless somebody has put another handler in the place of ours: that one stays. */
static void restore(slot *s, int number)
{
    struct sigaction now;
    if (sigaction(number, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
        now.sa_sigaction == handle)
        sigaction(number, &s->before, NULL);
    atomic_store(&s->chained, false);
}

/* Listeners. */

/* When it returns, no thread's handler knows a listener that was unlinked before. */
static void wait_for_handlers(slot *s)
{
    while (atomic_load(&s->inside) > 0)
        sched_yield();
}

/* Where the listener is pointed to; NULL: it is in no list, as after a fork. */
static _Atomic(yb_signal_listener *) *find(slot *s, const yb_signal_listener *listener)
{
    _Atomic(yb_signal_listener *) *at = &s->first;
    for (yb_signal_listener *here; (here = atomic_load(at)); at = &here->next)
        if (here == listener)
            return at;
    return NULL;
}

static void take_out(slot *s, yb_signal_listener *listener)
{
    _Atomic(yb_signal_listener *) *place = find(s, listener);
    if (!place)
        return;
    if (place == &s->first && !atomic_load(&listener->next))
        restore(s, listener->number);
    atomic_store(place, atomic_load(&listener->next));
    wait_for_handlers(s);
}

int yb_signal_listen(yb_signal_listener *listener, yb_signal_client *client, int number)
{
    if (!can_be_handled(number))
        return -EINVAL;
    slot *s = &slots[number];
    int r = 0;
    listener->client = client;
    listener->number = number;
    pthread_mutex_lock(&slots_lock);
    yb_signal_listener *next = atomic_load(&s->first);
    atomic_store(&listener->next, next);
    atomic_store(&s->first, listener);
    if (!next && (r = install(s, number)) < 0)
        take_out(s, listener);
    pthread_mutex_unlock(&slots_lock);
    return r;
}

void yb_signal_unlisten(yb_signal_listener *listener)
{
    pthread_mutex_lock(&slots_lock);
    take_out(&slots[listener->number], listener);
    pthread_mutex_unlock(&slots_lock);
}

/* Clients of a loop. */

void yb_signal_join(yb_signal_client *client, yibu_loop *loop)
{
    client->loop = loop;
    yb_list_push_back(&loop->signal_clients, &client->links);
    loop->user_signals += !client->stand_in;
}

void yb_signal_leave(yb_signal_client *client)
{
    yb_list_remove(&client->links);
    client->loop->user_signals -= !client->stand_in;
}

/* Each once, whoever of them is removed by another's callback. */
void yb_signal_deliver(yibu_loop *loop)
{
    if (!atomic_load_explicit(&loop->signalled, memory_order_relaxed))
        return;
    atomic_store(&loop->signalled, false);
    yb_list todo;
    yb_list_push_back(&loop->signal_clients, &todo);
    yb_list_remove(&loop->signal_clients);
    for (yb_list *item; (item = yb_list_pop_front(&todo));) {
        yb_signal_client *client = YB_CONTAINER_OF(item, yb_signal_client, links);
        yb_list_push_back(&loop->signal_clients, item);
        if (atomic_exchange(&client->noted, false))
            client->class->deliver(client);
    }
}

void yb_signal_forget_loop(yibu_loop *loop)
{
    while (!yb_list_empty(&loop->signal_clients)) {
        yb_signal_client *client =
            YB_CONTAINER_OF(loop->signal_clients.next, yb_signal_client, links);
        client->class->forget(client);
    }
}

void yb_signal_before_fork(void)
{
    pthread_mutex_lock(&slots_lock);
}

/* The other threads are not in the child, nor do they come out of its handlers. */
void yb_signal_after_fork(bool in_child)
{
    for (int number = 1; in_child && number < NSIG; number++) {
        slot *s = &slots[number];
        if (atomic_load(&s->first))
            restore(s, number);
        atomic_store(&s->first, NULL);
        atomic_store(&s->inside, 0);
    }
    pthread_mutex_unlock(&slots_lock);
}
