/* A descriptor as a layer, but for pipes and terminals (pipe_layer.c).  Sockets are sent to
 * directly, others through operations alone: a descriptor in blocking mode cannot be tried. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yibu/io.h>
#include <yibu/tcp.h>

#include "base/memory.h"
#include "io/fd_layer.h"
#include "io/pipe_layer.h"
#include "loop/loop.h"
#include "platform/attempt.h"
#include <yibu/error.h>
#include <yibu/layer.h>

typedef struct fd_layer {
    yibu_layer layer;
    int fd; /* -1 once closed */
    bool is_socket;
    bool is_file;
} fd_layer;

static fd_layer *self(yibu_layer *layer)
{
    return YB_CONTAINER_OF(layer, fd_layer, layer);
}

static int start(fd_layer *t, yb_op *op, yb_op_kind kind, size_t size, ssize_t *ret_result)
{
    if (t->fd < 0)
        return -EBADF;
    op->kind = (uint8_t)kind;
    op->fd = t->fd;
    op->size = size < YB_MAX_TRANSFER ? size : YB_MAX_TRANSFER;
    op->offset = -1;
    int r = yb_op_start(t->layer.loop, op);
    if (r == 1)
        *ret_result = op->result;
    return r;
}

static int start_read(yibu_layer *layer, yibu_op *op, void *buffer, size_t size,
                      ssize_t *ret_result)
{
    fd_layer *t = self(layer);
    yb_op_view(op)->buffer = buffer;
    return start(t, yb_op_view(op), t->is_socket ? YB_OP_RECV : YB_OP_READ, size, ret_result);
}

/* At the file's position.  io_uring does not move that behind a write which a full disk cut short
 * (Linux 6.18): the next would go over it, and the failure would be lost. */
static int write_file(const fd_layer *t, const void *buffer, size_t size, ssize_t *ret_result)
{
    ssize_t n;
    do
        n = write(t->fd, buffer, size);
    while (n < 0 && errno == EINTR);
    *ret_result = n < 0 ? -errno : n;
    return 1;
}

static int start_write(yibu_layer *layer, yibu_op *op, const void *buffer, size_t size,
                       ssize_t *ret_result)
{
    fd_layer *t = self(layer);
    if (t->is_file)
        return write_file(t, buffer, size, ret_result);
    yb_op_view(op)->source = buffer;
    return start(t, yb_op_view(op), t->is_socket ? YB_OP_SEND : YB_OP_WRITE, size, ret_result);
}

static int finish(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    (void)op;
    *ret_result = yibu_shutdown(self(layer)->fd, SHUT_WR);
    return 1;
}

static void close_now(yibu_layer *layer)
{
    fd_layer *t = self(layer);
    int fd = t->fd;
    t->fd = -1;
    if (fd >= 0)
        (void)yibu_close(fd);
}

static int close_in_order(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    (void)op;
    close_now(layer);
    *ret_result = 0;
    return 1;
}

/* As the system calls: -1 with errno, or how many bytes. */
static ssize_t send_now(int fd, const struct iovec *pieces, size_t count)
{
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    if (count == 1)
        return send(fd, pieces->iov_base, pieces->iov_len, flags);
    const struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)pieces, /* which are only read */
        .msg_iovlen = count < IOV_MAX ? count : IOV_MAX,
    };
    return sendmsg(fd, &message, flags);
}

static ssize_t try_write(yibu_layer *layer, const struct iovec *pieces, size_t count)
{
    const fd_layer *t = self(layer);
    if (!t->is_socket)
        return -EAGAIN;
    ssize_t n;
    do
        n = send_now(t->fd, pieces, count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t try_write_simulated(yibu_layer *layer, const struct iovec *pieces, size_t count)
{
    (void)layer;
    (void)pieces;
    (void)count;
    return -EAGAIN;
}

static int wait_readable(yibu_layer *layer, yibu_op *op, ssize_t *ret_result)
{
    fd_layer *t = self(layer);
    yb_op_view(op)->events = YIBU_READABLE;
    return start(t, yb_op_view(op), YB_OP_POLL, 0, ret_result);
}

static ssize_t try_read(yibu_layer *layer, void *buffer, size_t size)
{
    const fd_layer *t = self(layer);
    yb_op op = {.kind = t->is_socket ? YB_OP_RECV : YB_OP_READ, .fd = t->fd};
    op.buffer = buffer;
    op.size = size < YB_MAX_TRANSFER ? size : YB_MAX_TRANSFER;
    op.offset = -1;
    return yb_attempt(&op);
}

static void tell_peer(int fd, yibu_address *ret_peer)
{
    const yb_network_class *network = yb_loop_network_of(fd);
    yibu_address peer = {.length = sizeof(peer.storage)};
    if (network ? network->get_peer(yb_loop_current->backend, fd, &peer) == 0
                : getpeername(fd, (struct sockaddr *)&peer.storage, &peer.length) == 0)
        *ret_peer = peer;
}

static void tell(yibu_layer *layer, yibu_stream_info *ret_info)
{
    const fd_layer *t = self(layer);
    ret_info->fd = t->fd;
    if (t->fd < 0 || !t->is_socket)
        return;
    (void)yibu_getsockname(t->fd, &ret_info->local);
    tell_peer(t->fd, &ret_info->peer);
}

static void free_layer(yibu_layer *layer)
{
    yb_free(self(layer));
}

static const yibu_layer_methods fd_methods = {
    .size = sizeof(fd_methods),
    .read = start_read,
    .write = start_write,
    .finish = finish,
    .close = close_in_order,
    .try_write = try_write,
    .abort = close_now,
    .info = tell,
    .free = free_layer,
    .wait_readable = wait_readable,
    .try_read = try_read,
};

/* Of sockets that are not the kernel's. */
static const yibu_layer_methods simulated_methods = {
    .size = sizeof(simulated_methods),
    .read = start_read,
    .write = start_write,
    .finish = finish,
    .close = close_in_order,
    .try_write = try_write_simulated,
    .abort = close_now,
    .info = tell,
    .free = free_layer,
};

bool yb_layer_is_fd(const yibu_layer *layer)
{
    return layer->methods == &fd_methods;
}

static bool is_file(int fd)
{
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
}

/* 1 or 0, or why that cannot be told. */
static int is_socket(int fd)
{
    int type;
    socklen_t length = sizeof(type);
    if (yb_loop_network_of(fd) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0)
        return 1;
    return errno == ENOTSOCK ? 0 : -errno;
}

int yibu_fd_layer_new(int fd, yibu_layer **ret_layer)
{
    yibu_loop *loop = yb_loop_current;
    if (!loop)
        return yb_forked() ? YIBU_EFORKED : YIBU_ENOTASK;
    if (!ret_layer)
        return -EINVAL;
    int socket = is_socket(fd);
    if (socket < 0)
        return socket;
    if (yb_pipe_layer_fits(loop, fd))
        return yb_pipe_layer_new(loop, fd, ret_layer);
    fd_layer *t = yb_calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    const yibu_layer_methods *methods = yb_loop_network_of(fd) ? &simulated_methods : &fd_methods;
    t->is_socket = socket == 1;
    t->is_file = !t->is_socket && is_file(fd);
    t->layer = (yibu_layer){methods, loop, .can_finish = t->is_socket};
    t->fd = fd;
    if (t->is_socket)
        loop->backend->class->adopt_fd(loop->backend, fd);
    *ret_layer = &t->layer;
    return 0;
}
