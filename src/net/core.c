/* One loop of a server on many cores: its thread from beginning to end.
 *
 * STARTING: it sets up, says how that went, and waits for the word to serve.  SERVING: it takes
 * connections, its own and those of others.  DRAINING: its listeners are deaf and, once their lines
 * are empty, closed; it goes on for as long as any loop has connections, which may come here, at
 * most until the time limit.  DRAINED: it ends once it has none itself.  ABORTING: no others'
 * connections are taken, and those that there are are aborted.
 *
 * `open` ends under the lock in the moment in which no connection is there or on its way, so none
 * is ever sent to a loop that does not look any more. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <yibu/timeout.h>

#include "base/deadline.h"
#include "net/cores.h"
#include "task/task.h"
#include <yibu/error.h>

static const int64_t HANDSHAKE_NS = YIBU_MS(100), GLANCE_NS = YIBU_MS(10), BLINK_NS = YIBU_US(100),
                     PATIENCE_NS = YIBU_SECONDS(10);

/* The phase. */

static yb_cores_phase phase_of(const yibu_core *core)
{
    return atomic_load(&core->cores->phase);
}

/* In the loop: whoever waits looks at the phase again. */
static void look_at_phase(yb_runnable *item)
{
    yibu_core *core = YB_CONTAINER_OF(item, yibu_core, order);
    atomic_store(&core->told, false);
    if (core->setting_up && phase_of(core) >= YB_CORES_ABORTING)
        (void)yibu_task_cancel(core->setting_up);
    yibu_event_set(&core->news);
    if (core->server)
        yibu_event_set(&core->server->room);
}

static void tell(yibu_core *core)
{
    pthread_mutex_lock(&core->lock);
    if (core->loop && !atomic_exchange(&core->told, true)) {
        core->order.run = look_at_phase;
        yb_loop_post(core->loop, &core->order);
    }
    pthread_mutex_unlock(&core->lock);
}

void yb_cores_advance(yibu_cores *cores, yb_cores_phase phase)
{
    yb_cores_phase now = atomic_load(&cores->phase);
    while (now < phase && !atomic_compare_exchange_weak(&cores->phase, &now, phase))
        ;
    for (unsigned i = 0; i < cores->count; i++)
        tell(&cores->cores[i]);
}

/* A cancel of the loop's main task (SIGINT, where nobody else listens to it) stops all loops. */
static void heed_cancel(yibu_core *core)
{
    yibu_task *self = yibu_current_task();
    while (yibu_task_cancelling(self) > 0)
        (void)yibu_task_uncancel(self);
    yb_cores_advance(core->cores, YB_CORES_DRAINING);
}

/* Suspends until the event is set or so much time has passed; without memory, for a while. */
static void wait_for(yibu_core *core, yibu_event *event, int64_t limit_ns)
{
    yibu_timeout limit;
    intptr_t r = yibu_timeout_begin(&limit, limit_ns);
    if (r == 0)
        r = yibu_timeout_end(&limit, yibu_event_wait(event));
    else
        r = yibu_sleep(GLANCE_NS);
    if (r == -ECANCELED)
        heed_cancel(core);
}

static void wait_for_phase(yibu_core *core, yb_cores_phase phase)
{
    while (phase_of(core) < phase) {
        yibu_event_clear(&core->news);
        wait_for(core, &core->news, YIBU_FOREVER);
    }
}

/* Serving. */

static yibu_protocol *make_protocol(void *arg)
{
    const yibu_cores *cores = ((yibu_core *)arg)->cores;
    return cores->options.factory(cores->arg);
}

static int make_server(yibu_core *core)
{
    yibu_cores *cores = core->cores;
    yibu_server *server;
    bool with_tasks = cores->handler != NULL;
    int r = yb_server_new(with_tasks ? yb_core_serve_connection : NULL, core,
                          &cores->server_options, cores->addresses, cores->place, &server);
    if (r < 0)
        return r;
    server->factory = with_tasks ? NULL : make_protocol;
    server->route = yb_core_route;
    server->load = &core->connections;
    core->server = server;
    return 0;
}

/* Gives the server the core's sockets. */
static int begin_to_serve(yibu_core *core)
{
    yibu_cores *cores = core->cores;
    yibu_server *server = core->server;
    int *sockets = &cores->sockets[core->index * cores->addresses];
    for (size_t i = 0; i < cores->addresses; i++) {
        if (sockets[i] >= 0)
            server->listeners[server->listener_count++].fd = sockets[i];
        sockets[i] = -1;
    }
    server->references++; /* a server that does not start is freed */
    int r = yb_server_start(server, 0, &server);
    if (r == 0)
        yb_server_unref(server);
    return r;
}

static void set_open(yibu_core *core, bool open)
{
    pthread_mutex_lock(&core->lock);
    core->open = open;
    pthread_mutex_unlock(&core->lock);
}

void yb_core_open(yibu_core *core)
{
    set_open(core, true);
}

/* Ending. */

static void deafen(yibu_core *core)
{
    const yibu_server *server = core->server;
    if (core->cores->is_unix)
        yb_cores_remove_path(core->cores);
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].fd >= 0)
            yb_cores_deafen(core->cores, server->listeners[i].fd);
}

static bool must_abort(const yibu_core *core, int64_t deadline_ns)
{
    return phase_of(core) >= YB_CORES_ABORTING || yibu_loop_time(yb_loop_current) >= deadline_ns;
}

/* Accepts what is in a listener's line, without waiting: false where there is more and it
 * cannot. */
static bool empty_line(yibu_core *core, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        if (!yb_core_route(core->server, fd))
            (void)yb_server_adopt(core->server, fd);
    return errno == EAGAIN || errno == EINVAL;
}

static bool empty_lines(yibu_core *core)
{
    const yibu_server *server = core->server;
    bool all = true;
    for (size_t i = 0; i < server->listener_count; i++)
        if (server->listeners[i].fd >= 0)
            all &= empty_line(core, server->listeners[i].fd);
    return all;
}

/* A handshake that has begun may still end; a Unix socket has none. */
static void accept_what_is_in_line(yibu_core *core, int64_t deadline_ns)
{
    deafen(core);
    int64_t now_ns = yibu_loop_time(yb_loop_current);
    int64_t quiet_ns = core->cores->is_unix ? now_ns : yb_deadline_after(now_ns, HANDSHAKE_NS);
    while (!must_abort(core, deadline_ns)) {
        bool empty = empty_lines(core);
        if (empty && yibu_loop_time(yb_loop_current) >= quiet_ns)
            break;
        yibu_event_clear(&core->news);
        wait_for(core, &core->news, GLANCE_NS);
    }
    yibu_server_close(core->server);
    while (core->server->accepting > 0) { /* who has accepted one brings it along */
        yibu_event_clear(&core->news);
        wait_for(core, &core->news, BLINK_NS);
    }
}

/* Whether no connection is left, and none will come. */
static bool shut_if_idle(yibu_core *core)
{
    pthread_mutex_lock(&core->lock);
    bool idle = atomic_load(&core->connections) == 0 && atomic_load(&core->coming) == 0;
    if (idle)
        core->open = false;
    pthread_mutex_unlock(&core->lock);
    return idle;
}

/* A loop that took connections of others is needed until none has any. */
static bool shut_if_drained(yibu_core *core)
{
    if (phase_of(core) < YB_CORES_DRAINED && yibu_cores_connections(core->cores) == 0)
        yb_cores_advance(core->cores, YB_CORES_DRAINED);
    return phase_of(core) >= YB_CORES_DRAINED && shut_if_idle(core);
}

static int64_t time_left(int64_t deadline_ns)
{
    if (deadline_ns == INT64_MAX)
        return YIBU_FOREVER;
    int64_t left_ns = deadline_ns - yibu_loop_time(yb_loop_current);
    return left_ns > 0 ? left_ns : 0;
}

/* Until the phase has changed or a connection has ended. */
static void wait_for_change(yibu_core *core, int64_t deadline_ns)
{
    wait_for(core, &core->server->room, time_left(deadline_ns));
}

static void wait_for_connections(yibu_core *core, int64_t deadline_ns)
{
    while (!must_abort(core, deadline_ns) && !shut_if_drained(core)) {
        yibu_event_clear(&core->server->room);
        wait_for_change(core, deadline_ns);
    }
}

static void report_patience(const yibu_core *core)
{
    yb_loop_report(
        yb_loop_current, 0,
        "loop %u of the server started at %s waits for the tasks of %zu connections, which "
        "were cancelled and have not ended",
        core->index, core->cores->place, atomic_load(&core->connections));
}

static void abort_connections(yibu_core *core)
{
    int64_t deadline_ns = yibu_loop_time(yb_loop_current) + PATIENCE_NS;
    set_open(core, false);
    yibu_server_abort_clients(core->server);
    yb_server_cancel_clients(core->server);
    while (!shut_if_idle(core)) {
        yibu_event_clear(&core->server->room);
        wait_for_change(core, deadline_ns);
        if (time_left(deadline_ns) > 0)
            continue;
        report_patience(core);
        deadline_ns = INT64_MAX;
    }
}

static void drain(yibu_core *core)
{
    int64_t deadline_ns = yb_deadline_after(yibu_loop_time(yb_loop_current), core->cores->drain_ns);
    accept_what_is_in_line(core, deadline_ns);
    wait_for_connections(core, deadline_ns);
    abort_connections(core);
}

static int serve(yibu_core *core)
{
    wait_for_phase(core, YB_CORES_SERVING);
    if (phase_of(core) >= YB_CORES_ABORTING) { /* others may have sent connections already */
        abort_connections(core);
        return 0;
    }
    int r = begin_to_serve(core);
    if (r < 0) {
        yb_cores_advance(core->cores, YB_CORES_DRAINING);
        abort_connections(core);
        return r;
    }
    wait_for_phase(core, YB_CORES_DRAINING);
    drain(core);
    return 0;
}

/* The thread. */

static YB_THREAD_LOCAL yibu_core *current;

static void set_loop(yibu_core *core, yibu_loop *loop)
{
    pthread_mutex_lock(&core->lock);
    core->loop = loop;
    pthread_mutex_unlock(&core->lock);
}

static void say_started(yibu_core *core, int result)
{
    core->start_result = result < 0 ? result : 0;
    core->has_started = true;
    (void)yibu_channel_try_send(core->cores->started, core);
}

static int set_up(yibu_core *core)
{
    const yibu_cores *cores = core->cores;
    if (!cores->options.setup)
        return 0;
    if (phase_of(core) >= YB_CORES_ABORTING) /* before others could tell this loop */
        return -ECANCELED;
    core->setting_up = yibu_current_task();
    int r = cores->options.setup(core, cores->arg);
    core->setting_up = NULL;
    return r;
}

static void tear_down(yibu_core *core)
{
    const yibu_cores *cores = core->cores;
    if (cores->options.teardown)
        cores->options.teardown(core, cores->arg);
}

static intptr_t run(void *arg)
{
    yibu_core *core = arg;
    int r = set_up(core);
    bool is_set_up = r >= 0;
    if (r >= 0)
        r = make_server(core);
    say_started(core, r);
    if (r >= 0)
        r = serve(core);
    if (is_set_up)
        tear_down(core);
    return r;
}

/* The loop waits for other threads' word, so nothing that waits in it is a deadlock. */
static intptr_t run_main(void *arg)
{
    yibu_core *core = arg;
    yibu_loop *loop = yb_loop_current;
    current = core;
    yb_loop_hold(loop);
    set_loop(core, loop);
    intptr_t r = run(core);
    set_loop(core, NULL);
    yb_loop_unhold(loop);
    return r;
}

static void name_thread(const yibu_core *core)
{
    char name[16];
    (void)snprintf(name, sizeof(name), "%.11s/%u", core->cores->name, core->index % 1000);
    (void)pthread_setname_np(pthread_self(), name);
}

void *yb_core_run(void *arg)
{
    yibu_core *core = arg;
    name_thread(core);
    intptr_t r = yibu_run(run_main, core, &core->cores->loop_options);
    if (!core->has_started)
        say_started(core, (int)r);
    yibu_server_free(core->server);
    core->result = yibu_failed(r) ? (int)r : 0;
    (void)yibu_channel_try_send(core->cores->ended, core);
    return NULL;
}

yibu_core *yibu_current_core(void)
{
    return current;
}
