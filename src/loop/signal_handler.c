/* Signal handlers that are callbacks in the loop: one a signal and loop, coalescing deliveries.
 *
 * `seen` is the stand-in's of a runner: it is changed by signal handlers alone. */
#include <errno.h>

#include "base/memory.h"
#include "loop/overseer.h"
#include "loop/signal.h"

typedef struct handler {
    yb_signal_client client;
    yb_signal_listener listener;
    yibu_callback *callback;
    void *arg;
    atomic_uint seen; /* deliveries since it was added */
} handler;

static handler *self(yb_signal_client *client)
{
    return YB_CONTAINER_OF(client, handler, client);
}

static void note(yb_signal_client *client, const siginfo_t *info)
{
    if (client->stand_in && atomic_fetch_add(&self(client)->seen, 1) > 0)
        yb_signal_surrender(info->si_signo);
}

static void deliver(yb_signal_client *client)
{
    yb_callback_run(client->loop, self(client)->callback, self(client)->arg);
}

static void forget(yb_signal_client *client)
{
    yb_signal_unlisten(&self(client)->listener);
    yb_signal_leave(client);
    yb_free(self(client));
}

static const yb_signal_client_class handler_class = {note, deliver, forget};

static handler *find(const yibu_loop *loop, int number, bool stand_in)
{
    const yb_list *all = &loop->signal_clients;
    for (yb_list *at = all->next; at != all; at = at->next) {
        yb_signal_client *client = YB_CONTAINER_OF(at, yb_signal_client, links);
        if (client->class == &handler_class && client->stand_in == stand_in &&
            self(client)->listener.number == number)
            return self(client);
    }
    return NULL;
}

static int make(yibu_loop *loop, int number, bool stand_in, handler **ret_handler)
{
    handler *h = yb_calloc(1, sizeof(*h));
    if (!h)
        return -ENOMEM;
    h->client.class = &handler_class;
    h->client.stand_in = stand_in;
    yb_signal_join(&h->client, loop);
    int r = yb_signal_listen(&h->listener, &h->client, number);
    if (r == 0) {
        *ret_handler = h;
        return 0;
    }
    yb_signal_leave(&h->client);
    yb_free(h);
    return r;
}

static int add(yibu_loop *loop, int number, yibu_callback *callback, void *arg, bool stand_in)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (!callback)
        return -EINVAL;
    handler *h = find(loop, number, stand_in);
    if (!h)
        r = make(loop, number, stand_in, &h);
    if (!h)
        return r;
    h->callback = callback;
    h->arg = arg;
    return 0;
}

int yibu_add_signal_handler(yibu_loop *loop, int signal, yibu_callback *callback, void *arg)
{
    return add(loop, signal, callback, arg, false);
}

int yibu_remove_signal_handler(yibu_loop *loop, int signal)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (signal <= 0 || signal >= NSIG)
        return -EINVAL;
    handler *h = find(loop, signal, false);
    if (h)
        forget(&h->client);
    return h != NULL;
}

int yb_signal_handle_once(yibu_loop *loop, int signal, yibu_callback *callback, void *arg)
{
    return add(loop, signal, callback, arg, true);
}

void yb_signal_unhandle_once(yibu_loop *loop, int signal)
{
    handler *h = find(loop, signal, true);
    if (!h)
        return;
    yb_signal_unlisten(&h->listener);
    bool undelivered = atomic_load(&h->client.noted);
    forget(&h->client);
    if (undelivered)
        raise(signal);
}
