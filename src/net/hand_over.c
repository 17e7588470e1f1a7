/* Connections that move to another loop: as a descriptor, with what was read of it already.
 *
 * Whoever sends one counts it with the loop that it goes to (`coming`) under that loop's lock,
 * where `open` says that somebody will look; the loop counts it as a connection before it is no
 * longer coming.  So the loop never thinks that it is idle meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/fd_layer.h"
#include "io/stream.h"
#include "net/cores.h"
#include "task/task.h"
#include <yibu/error.h>

/* How many there are. */

size_t yibu_core_connections(const yibu_core *core)
{
    return core ? atomic_load_explicit(&core->connections, memory_order_relaxed) +
                      atomic_load_explicit(&core->coming, memory_order_relaxed)
                : 0;
}

size_t yibu_cores_connections(const yibu_cores *cores)
{
    size_t count = 0;
    for (unsigned i = 0; cores && i < cores->count; i++)
        count += yibu_core_connections(&cores->cores[i]);
    return count;
}

/* Looks at them in turn, from the caller's own. */
yibu_core *yibu_cores_least_loaded(yibu_cores *cores)
{
    if (!cores)
        return NULL;
    const yibu_core *own = yibu_current_core();
    unsigned first = own && own->cores == cores ? own->index : 0;
    yibu_core *least = &cores->cores[first];
    for (unsigned i = 1; i < cores->count; i++) {
        yibu_core *core = &cores->cores[(first + i) % cores->count];
        if (yibu_core_connections(core) < yibu_core_connections(least))
            least = core;
    }
    return least;
}

/* Arriving. */

intptr_t yb_core_serve_connection(yibu_stream *stream, void *arg)
{
    yibu_core *core = arg;
    const yb_arrival *from = core->arriving;
    core->arriving = NULL;
    if (!from)
        return core->cores->handler(stream, core->cores->arg);
    yibu_connection_handler *handler = from->handler;
    void *handler_arg = from->arg;
    int r = yibu_stream_feed_data(stream, from->bytes, from->size);
    if (r == 0)
        return handler(stream, handler_arg);
    yibu_stream_abort(stream);
    return r;
}

static bool is_open(yibu_core *core)
{
    pthread_mutex_lock(&core->lock);
    bool open = core->open;
    pthread_mutex_unlock(&core->lock);
    return open;
}

/* A task that begins runs at once, until it first suspends. */
static void begin(yibu_core *core, const yb_arrival *arrival)
{
    core->arriving = arrival;
    int r = yb_server_adopt(core->server, arrival->fd);
    core->arriving = NULL;
    if (r < 0)
        yb_loop_report(yb_loop_current, r, "a connection that was handed over is closed");
}

/* Where the loop has aborted its connections by now, this one ends with them. */
static void arrive(yb_runnable *item)
{
    yb_arrival *arrival = YB_CONTAINER_OF(item, yb_arrival, posted);
    yibu_core *core = arrival->core;
    if (is_open(core))
        begin(core, arrival);
    else
        (void)close(arrival->fd);
    yb_free(arrival);
    atomic_fetch_sub(&core->coming, 1);
    yibu_event_set(&core->server->room);
}

/* Sending. */

static yb_arrival *new_arrival(yibu_core *core, int fd, yibu_connection_handler *handler, void *arg,
                               size_t size)
{
    yb_arrival *arrival = yb_malloc(sizeof(*arrival) + size);
    if (!arrival)
        return NULL;
    *arrival = (yb_arrival){.posted.run = arrive, .core = core, .fd = fd, .size = size};
    arrival->handler = handler ? handler : core->cores->handler;
    arrival->arg = handler ? arg : core->cores->arg;
    return arrival;
}

/* Takes the arrival over where it returns 0; else YIBU_ESHUTDOWN. */
static int send_arrival(yb_arrival *arrival)
{
    yibu_core *core = arrival->core;
    pthread_mutex_lock(&core->lock);
    bool open = core->open;
    if (open) {
        atomic_fetch_add(&core->coming, 1);
        yb_loop_post(core->loop, &arrival->posted);
    }
    pthread_mutex_unlock(&core->lock);
    return open ? 0 : YIBU_ESHUTDOWN;
}

static void forget(int fd)
{
    yibu_loop *loop = yb_loop_current;
    if (loop)
        loop->backend->class->forget_fd(loop->backend, fd);
}

static int make_non_blocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int yibu_core_hand_over_fd(yibu_core *core, int fd, yibu_connection_handler *handler, void *arg)
{
    if (!core || (handler && core->cores->options.factory))
        return -EINVAL;
    int r = make_non_blocking(fd);
    if (r < 0)
        return r;
    yb_arrival *arrival = new_arrival(core, fd, handler, arg, 0);
    if (!arrival)
        return -ENOMEM;
    forget(fd); /* before the other loop may close it */
    r = send_arrival(arrival);
    if (r < 0)
        yb_free(arrival);
    return r;
}

/* Waits until all that was written has gone out. */
static int flush(yibu_stream *stream)
{
    size_t high = stream->writer.high_water, low = stream->writer.low_water;
    int r = yibu_stream_set_write_buffer_limits(stream, 0, 0);
    if (r == 0)
        r = yibu_stream_drain(stream);
    (void)yibu_stream_set_write_buffer_limits(stream, high, low);
    return r;
}

/* A protocol has no stream whose buffer it could be given. */
static int check(const yibu_core *core, const yibu_stream *stream)
{
    if (core->cores->options.factory || !yb_layer_is_fd(yibu_stream_get_layer(stream)))
        return -ENOTSUP;
    return yibu_stream_is_closing(stream) ? -EPIPE : 0;
}

/* The connection under a second descriptor, so that the stream's own can be closed. */
static int duplicate(const yibu_stream *stream)
{
    yibu_stream_info info = {.size = sizeof(info)};
    int r = yibu_stream_get_extra_info(stream, &info);
    if (r < 0)
        return r;
    int fd = fcntl(info.fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* The stream has nothing to write, and nobody runs in between. */
static int send_stream(yibu_core *core, yibu_stream *stream, yibu_connection_handler *handler,
                       void *arg)
{
    char *data = NULL;
    ssize_t size = yibu_stream_peek(stream, 0, &data);
    if (size < 0)
        return (int)size;
    int fd = duplicate(stream);
    if (fd < 0)
        return fd;
    yb_arrival *arrival = new_arrival(core, fd, handler, arg, (size_t)size);
    int r = arrival ? 0 : -ENOMEM;
    if (arrival && size > 0)
        memcpy(arrival->bytes, data, (size_t)size);
    if (r == 0)
        r = send_arrival(arrival);
    if (r == 0)
        return 0;
    yb_free(arrival);
    (void)close(fd);
    return r;
}

int yibu_core_hand_over(yibu_core *core, yibu_stream *stream, yibu_connection_handler *handler,
                        void *arg)
{
    int r;
    if (!core || !stream)
        return -EINVAL;
    if (!yb_task_enter(&r))
        return r;
    r = check(core, stream);
    if (r == 0)
        r = flush(stream);
    if (r == 0)
        r = check(core, stream); /* others had their turn */
    if (r == 0)
        r = send_stream(core, stream, handler, arg);
    if (r == 0)
        yibu_stream_abort(stream);
    return r;
}

/* Balancing. */

static bool is_busier(const yibu_core *core, const yibu_core *than)
{
    size_t other = yibu_core_connections(than);
    return core != than && yibu_core_connections(core) > other + other / 8;
}

static bool balance(yibu_core *core, int fd)
{
    yibu_core *least = yibu_cores_least_loaded(core->cores);
    if (!is_busier(core, least))
        return false;
    if (yibu_core_hand_over_fd(least, fd, NULL, NULL) == 0)
        return true;
    yb_backend *backend = yb_loop_current->backend;
    backend->class->adopt_fd(backend, fd);
    return false;
}

/* What was accepted before the listener was closed is served, unless all is being aborted. */
bool yb_core_route(yibu_server *server, int fd)
{
    yibu_core *core = server->arg;
    if (core->cores->balance && balance(core, fd))
        return true;
    if (!server->closing || atomic_load(&core->cores->phase) >= YB_CORES_ABORTING)
        return false;
    (void)yb_server_adopt(server, fd);
    return true;
}
