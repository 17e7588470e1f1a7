/* Signals: who of this process listens to which.
 *
 * A client is one user of signals on a loop, with a listener for each signal it wants.  Every
 * client of a signal gets it, on however many loops they are. */
#ifndef YB_LOOP_SIGNAL_H
#define YB_LOOP_SIGNAL_H

#include <signal.h>

#include "loop/loop.h"

typedef struct yb_signal_client yb_signal_client;

typedef struct yb_signal_client_class {
    /* Notes a delivery.  Context: the signal handler, on any thread, on several at once. */
    void (*note)(yb_signal_client *client, const siginfo_t *info);
    /* Hands on what was noted.  Context: the loop.  May free the client. */
    void (*deliver)(yb_signal_client *client);
    /* The loop ends: takes the client from it. */
    void (*forget)(yb_signal_client *client);
} yb_signal_client_class;

struct yb_signal_client {
    const yb_signal_client_class *class;
    yibu_loop *loop;
    yb_list links;     /* among the loop's */
    atomic_bool noted; /* something is to be delivered */
    bool stand_in;     /* gets only what no other client wants; does not count as the program's */
};

/* A client's interest in one signal. */
typedef struct yb_signal_listener {
    _Atomic(struct yb_signal_listener *) next; /* of the same signal */
    yb_signal_client *client;
    int number;
} yb_signal_listener;

/* Makes a client, whose class and stand_in are set, one of the loop's; and takes it from it. */
void yb_signal_join(yb_signal_client *client, yibu_loop *loop);
void yb_signal_leave(yb_signal_client *client);

/* Begins to note a signal for the client.  The first listener of a signal installs our handler.
 * Returns 0, or -EINVAL where the signal cannot be handled. */
int yb_signal_listen(yb_signal_listener *listener, yb_signal_client *client, int number);

/* Ends that.  The last listener restores what the process did before.  When this returns, no
 * thread's signal handler knows the listener or its client through it. */
void yb_signal_unlisten(yb_signal_listener *listener);

/* Restores what the process did before and raises the signal again.  Context: `note`. */
void yb_signal_surrender(int number);

/* What else is to be done before that, in a signal handler; NULL: nothing. */
extern void (*_Atomic yb_signal_farewell)(void);

/* Hands on what came in since the last turn. */
void yb_signal_deliver(yibu_loop *loop);

/* Ends all clients of the loop. */
void yb_signal_forget_loop(yibu_loop *loop);

/* Around a fork: nobody changes listeners meanwhile, and in the child there are none. */
void yb_signal_before_fork(void);
void yb_signal_after_fork(bool in_child);

/* As yibu_add_signal_handler, but only while nobody else wants the signal; and a second delivery
 * before it is removed surrenders the signal, from the signal handler itself. */
int yb_signal_handle_once(yibu_loop *loop, int signal, yibu_callback *callback, void *arg);

/* Takes that back.  A signal that came in and was not called back meanwhile is raised again. */
void yb_signal_unhandle_once(yibu_loop *loop, int signal);

#endif
