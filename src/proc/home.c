/* The thread makes its loop and says how that went under the lock; from then on nobody else touches
 * `home` until ended, which is the last that the thread does with it. */
#define _GNU_SOURCE
#include "proc/home.h"

#include <signal.h>

static int make(yb_home *home, yibu_loop **ret_loop)
{
    int r = yibu_loop_new(NULL, ret_loop);
    if (r < 0)
        return r;
    r = home->begin(home, *ret_loop);
    if (r < 0)
        (void)yibu_loop_free(*ret_loop);
    return r;
}

static void say(yb_home *home, int status)
{
    pthread_mutex_lock(&home->lock);
    home->begun = true;
    home->status = status;
    pthread_cond_signal(&home->changed);
    pthread_mutex_unlock(&home->lock);
}

static void *live(void *arg)
{
    yb_home *home = arg;
    yibu_loop *loop = NULL;
    (void)pthread_setname_np(pthread_self(), home->name);
    int r = make(home, &loop);
    say(home, r);
    if (r < 0)
        return NULL;
    (void)yibu_run_forever(loop);
    (void)yibu_loop_free(loop);
    home->ended(home);
    return NULL;
}

/* Every signal is for the program's own threads, but for those that a thread's own fault raises. */
static void block_signals(sigset_t *ret_previous)
{
    static const int faults[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP, SIGABRT};
    sigset_t signals;
    sigfillset(&signals);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(&signals, faults[i]);
    pthread_sigmask(SIG_SETMASK, &signals, ret_previous);
}

static int wait_for_begin(yb_home *home)
{
    pthread_mutex_lock(&home->lock);
    while (!home->begun)
        pthread_cond_wait(&home->changed, &home->lock);
    pthread_mutex_unlock(&home->lock);
    if (home->status < 0)
        pthread_join(home->thread, NULL);
    return home->status;
}

static void destroy(yb_home *home)
{
    pthread_cond_destroy(&home->changed);
    pthread_mutex_destroy(&home->lock);
}

int yb_home_start(yb_home *home)
{
    sigset_t previous;
    pthread_mutex_init(&home->lock, NULL);
    pthread_cond_init(&home->changed, NULL);
    block_signals(&previous);
    int r = -pthread_create(&home->thread, NULL, live, home);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    if (r == 0)
        r = wait_for_begin(home);
    if (r < 0)
        destroy(home);
    return r;
}

void yb_home_join(yb_home *home)
{
    if (pthread_equal(home->thread, pthread_self()))
        pthread_detach(home->thread);
    else
        pthread_join(home->thread, NULL);
    destroy(home);
}
