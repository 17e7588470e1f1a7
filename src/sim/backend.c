/* The backend: time is virtual, sockets are memory. */
#include "sim/backend.h"

#include <errno.h>

#include "loop/watch.h"
#include "sim/clock.h"

static int submit(yb_backend *backend, yb_op *op)
{
    (void)backend;
    (void)op;
    return -ENOTSUP;
}

static void cancel(yb_backend *backend, yb_op *op)
{
    (void)backend;
    yb_op_complete_soon(op, -ECANCELED);
}

static void adopt_fd(yb_backend *backend, int fd)
{
    (void)backend;
    (void)fd;
}

static void forget_fd(yb_backend *backend, int fd)
{
    (void)backend;
    (void)fd;
}

/* A loop whose time is its own cannot be driven by another. */
static int descriptor(yb_backend *backend)
{
    (void)backend;
    return -ENOTSUP;
}

static void close_backend(yb_backend *backend)
{
    (void)backend;
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
    .now = yb_sim_now,
    .random = yb_sim_random_bytes,
};

void yb_sim_abandon_loop(yb_sim *sim)
{
    yibu_loop *loop = sim->loop;
    yb_watch_free_all(loop);
    yb_call_drop_all(loop);
    yb_timer_disarm_all(loop);
    yb_scheduler_abandon(yb_scheduler_of(loop));
    yb_wheel_init(&loop->timers, sim->now_ns);
    loop->ready.head = loop->after_io.head = NULL;
    loop->pending = loop->public_pending = 0;
}
