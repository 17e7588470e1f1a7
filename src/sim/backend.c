/* The backend: time is virtual, sockets are memory. */
#include "sim/backend.h"

#include <errno.h>

#include "loop/watch.h"
#include "sim/clock.h"
#include "sim/file.h"
#include "sim/network.h"
#include "sim/processes.h"
#include "sim/threads.h"

static int submit(yb_backend *backend, yb_op *op)
{
    yb_sim *sim = yb_sim_of(backend);
    if (op->fd < YB_SIM_FIRST_FD)
        return yb_sim_file_submit(sim, op);
    yb_sim_socket *s = yb_sim_find_socket(sim, op->fd);
    return s ? yb_sim_socket_submit(s, op) : -EBADF;
}

/* Only operations on the simulation's own sockets wait. */
static void cancel(yb_backend *backend, yb_op *op)
{
    yb_sim_socket_cancel(yb_sim_find_socket(yb_sim_of(backend), op->fd), op);
}

static void adopt_fd(yb_backend *backend, int fd)
{
    (void)backend;
    (void)fd;
}

static void forget_fd(yb_backend *backend, int fd)
{
    yb_sim_socket *s = yb_sim_find_socket(yb_sim_of(backend), fd);
    if (s)
        yb_sim_socket_end_all(s, -EBADF);
}

/* A loop whose time is its own cannot be driven by another. */
static int descriptor(yb_backend *backend)
{
    (void)backend;
    return -ENOTSUP;
}

static void close_backend(yb_backend *backend)
{
    yb_sim *sim = yb_sim_of(backend);
    sim->disarmed = true; /* by the loop, just before */
    yb_sim_network_destroy(sim);
}

const yb_backend_class yb_sim_backend_class = {
    .name = "simulation",
    .close = close_backend,
    .submit = submit,
    .cancel = cancel,
    .adopt_fd = adopt_fd,
    .forget_fd = forget_fd,
    .wait = yb_sim_wait,
    .wake = yb_sim_wake,
    .descriptor = descriptor,
    .network = &yb_sim_network_class,
    .now = yb_sim_now,
    .random = yb_sim_random_bytes,
};

/* Lets what only frees itself do so: cancelled watches, for instance. */
static void settle(yibu_loop *loop)
{
    enum { ITEMS = 100000 };
    yb_runnable *item;
    for (int i = 0; i < ITEMS && (item = yb_fifo_pop(&loop->ready)); i++)
        if (item->run != yb_task_run)
            item->run(item);
}

void yb_sim_abandon_loop(yb_sim *sim)
{
    yibu_loop *loop = sim->loop;
    yb_watch_free_all(loop);
    yb_call_drop_all(loop);
    settle(loop);
    yb_timer_disarm_all(loop);
    sim->disarmed = true;
    yb_sim_threads_abandon(sim);
    yb_sim_processes_abandon(sim);
    yb_sim_network_destroy(sim);
    yb_scheduler_abandon(yb_scheduler_of(loop));
    loop->ready.head = loop->after_io.head = NULL;
    loop->pending = loop->public_pending = 0;
}
