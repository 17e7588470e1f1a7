/* A pipe, a FIFO or a terminal as a layer.
 *
 * A transfer is tried at once and, where it would wait, again when the descriptor is ready: the
 * call is always made here, since what the backends make may wait in a terminal in blocking mode
 * and raises SIGPIPE.  Each direction has a poll of its own, which is under way exactly as long as
 * the operation of the layer's user is pending.
 *
 * A terminal's other end (a pty's master) reads EIO once nobody has the terminal: its end. */
#include "io/pipe_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yibu/io.h>

#include "base/memory.h"
#include "io/pipe_call.h"

typedef struct pipe_layer pipe_layer;

typedef struct direction {
    pipe_layer *layer;
    yb_op poll;
    yb_op *op; /* the user's, NULL: none is under way */
    struct iovec piece;
    ssize_t (*attempt)(const struct direction *direction);
} direction;

struct pipe_layer {
    yibu_layer layer;
    int fd; /* -1 once closed */
    bool careful;
    bool is_master; /* of a pty */
    direction reading, writing;
};

static pipe_layer *self(yibu_layer *layer)
{
    return YB_CONTAINER_OF(layer, pipe_layer, layer);
}

static ssize_t attempt_read(const direction *d)
{
    const pipe_layer *p = d->layer;
    ssize_t n = yb_pipe_read(p->fd, d->piece.iov_base, d->piece.iov_len, p->careful);
    return n == -EIO && p->is_master ? 0 : n;
}

static ssize_t attempt_write(const direction *d)
{
    return yb_pipe_write(d->layer->fd, &d->piece, 1, d->layer->careful);
}

static int start_poll(direction *d);

static void end(direction *d, ssize_t result)
{
    yb_op *op = d->op;
    d->op = NULL;
    yb_op_complete(op, result);
}

static void polled(yb_op *poll, ssize_t events)
{
    direction *d = poll->arg;
    ssize_t n = d->layer->fd < 0 ? -EBADF : events < 0 ? events : d->attempt(d);
    if (n == -EAGAIN) {
        int r = start_poll(d);
        if (r == 0)
            return;
        n = r < 0 ? r : -EAGAIN;
    }
    end(d, n);
}

static int start_poll(direction *d)
{
    memset(&d->poll, 0, sizeof(d->poll));
    d->poll.callback = polled;
    d->poll.arg = d;
    d->poll.kind = YB_OP_POLL;
    d->poll.fd = d->layer->fd;
    d->poll.events = d == &d->layer->reading ? YIBU_READABLE : YIBU_WRITABLE;
    return yb_op_start(d->layer->layer.loop, &d->poll);
}

static bool interrupt(yb_op *op)
{
    direction *d = op->custom_data;
    (void)yb_op_cancel(&d->poll);
    return false;
}

static int start(direction *d, yibu_op *op, void *buffer, size_t size, ssize_t *ret_result)
{
    pipe_layer *p = d->layer;
    if (p->fd < 0)
        return -EBADF;
    d->piece = (struct iovec){buffer, size < YB_MAX_TRANSFER ? size : YB_MAX_TRANSFER};
    *ret_result = d->attempt(d);
    if (*ret_result != -EAGAIN)
        return 1;
    int r = start_poll(d);
    if (r != 0)
        return r < 0 ? r : -EAGAIN;
    d->op = yb_op_view(op);
    yb_op_begin_custom(p->layer.loop, d->op, interrupt, d);
    return 0;
}

static int start_read(yibu_layer *layer, yibu_op *op, void *buffer, size_t size,
                      ssize_t *ret_result)
{
    return start(&self(layer)->reading, op, buffer, size, ret_result);
}

static int start_write(yibu_layer *layer, yibu_op *op, const void *buffer, size_t size,
                       ssize_t *ret_result)
{
    return start(&self(layer)->writing, op, (void *)(uintptr_t)buffer, size, ret_result);
}

static int finish(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    (void)layer, (void)op, (void)ret_result;
    return -ENOTSUP;
}

static void close_now(yibu_layer *layer)
{
    pipe_layer *p = self(layer);
    int fd = p->fd;
    p->fd = -1;
    if (fd >= 0)
        (void)yibu_close(fd); /* which ends the polls */
}

static int close_in_order(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    (void)op;
    close_now(layer);
    *ret_result = 0;
    return 1;
}

static ssize_t try_write(yibu_layer *layer, const struct iovec *pieces, size_t count)
{
    const pipe_layer *p = self(layer);
    return p->fd < 0 ? -EBADF : yb_pipe_write(p->fd, pieces, count, p->careful);
}

static void tell(yibu_layer *layer, yibu_stream_info *ret_info)
{
    ret_info->fd = self(layer)->fd;
}

static void free_layer(yibu_layer *layer)
{
    yb_free(self(layer));
}

static const yibu_layer_methods pipe_methods = {
    .size = sizeof(pipe_methods),
    .read = start_read,
    .write = start_write,
    .finish = finish,
    .close = close_in_order,
    .try_write = try_write,
    .abort = close_now,
    .info = tell,
    .free = free_layer,
};

bool yb_pipe_layer_fits(const yibu_loop *loop, int fd)
{
    struct stat about;
    if (loop->backend->class->network || fstat(fd, &about) < 0)
        return false;
    return S_ISFIFO(about.st_mode) || (S_ISCHR(about.st_mode) && isatty(fd));
}

int yb_pipe_layer_new(yibu_loop *loop, int fd, yibu_layer **ret_layer)
{
    unsigned number;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0)
        return -errno;
    pipe_layer *p = yb_calloc(1, sizeof(*p));
    if (!p)
        return -ENOMEM;
    p->layer = (yibu_layer){&pipe_methods, loop, .can_finish = false};
    p->fd = fd;
    p->careful = !(flags & O_NONBLOCK);
    p->is_master = ioctl(fd, TIOCGPTN, &number) == 0;
    p->reading.layer = p->writing.layer = p;
    p->reading.attempt = attempt_read;
    p->writing.attempt = attempt_write;
    *ret_layer = &p->layer;
    return 0;
}
