/* Layers: what a stream reads from and writes to.  A descriptor is the lowest; TLS is one that
 * stands on another.  Libraries make layers of their own with this header; programs need it only to
 * put one below a stream.
 *
 * A layer never suspends: read, write, finish and close start an operation of the caller's
 * (<yibu/op.h>).  So a layer can stand on another without a stack of its own: it begins the
 * operation (yibu_op_begin), moves bytes in the callbacks of operations that it starts below, and
 * completes it (yibu_op_complete).
 *
 * Who uses a layer has at most one read, and one of write, finish and close, under way at a time.
 * Context of everything here: the thread of the layer's loop. */
#ifndef YIBU_LAYER_H
#define YIBU_LAYER_H

#include <sys/uio.h>

#include <yibu/op.h>
#include <yibu/stream.h>

typedef struct yibu_layer yibu_layer;

/* What a layer does.  Set size to sizeof.
 *
 * Those that start op, which has its callback and is zero otherwise, return 0 where it will be
 * called back; 1 where it is done at once, with *ret_result set, and is not called back; or a
 * negative errno.  A result is as that of the system call: how much, or a negative errno. */
typedef struct yibu_layer_methods {
    size_t size;
    /* Reads up to size bytes, as soon as there are any.  The result 0 is the end of the stream. */
    int (*read)(yibu_layer *layer, yibu_op *op, void *buffer, size_t size, ssize_t *ret_result);
    /* Writes what it can of size bytes, which stay where they are until the operation has ended. */
    int (*write)(yibu_layer *layer, yibu_op *op, const void *buffer, size_t size,
                 ssize_t *ret_result);
    /* Ends what is written, for the peer; where can_finish. */
    int (*finish)(yibu_layer *layer, yibu_op *op, ssize_t *ret_result);
    /* Closes in an orderly way.  A read that is under way ends soon. */
    int (*close)(yibu_layer *layer, yibu_op *op, ssize_t *ret_result);

    /* Takes what it can of the pieces without an operation: how many bytes; -EAGAIN; or a
     * failure. */
    ssize_t (*try_write)(yibu_layer *layer, const struct iovec *pieces, size_t count);
    /* Closes now, whatever is under way, which ends soon. */
    void (*abort)(yibu_layer *layer);
    /* Fills in what it knows; the rest is zero, and fd -1. */
    void (*info)(yibu_layer *layer, yibu_stream_info *ret_info);
    /* Frees the layer, which is closed, with nothing under way for its user. */
    void (*free)(yibu_layer *layer);

    /* Both or neither (NULL): so who reads needs a buffer only once there is something to read.
     * wait_readable is the layer's read while it is under way, and ends with any result that is no
     * failure once try_read has an answer: how many bytes, 0 at the end, or a failure; it answers
     * -EAGAIN where there is nothing after all. */
    int (*wait_readable)(yibu_layer *layer, yibu_op *op, ssize_t *ret_result);
    ssize_t (*try_read)(yibu_layer *layer, void *buffer, size_t size);
} yibu_layer_methods;

/* The beginning of every layer; its maker sets it. */
struct yibu_layer {
    const yibu_layer_methods *methods;
    yibu_loop *loop;
    bool can_finish;
};

YIBU_BEGIN_DECLS

/* The layer of a descriptor that can be polled, which it takes over.  Never suspends.
 * Returns 0; -EINVAL, -EBADF, -ENOMEM or YIBU_ENOTASK (no loop): fd is the caller's still. */
YIBU_API int yibu_fd_layer_new(int fd, yibu_layer **ret_layer);

/* A stream over a layer, which it takes over.  options may be NULL.  Never suspends.
 * Returns 0; -EINVAL or -ENOMEM: the layer is the caller's still. */
YIBU_API int yibu_stream_new_on(yibu_layer *layer, const yibu_stream_options *options,
                                yibu_stream **ret_stream);

/* The layer on which a stream stands; the stream's. */
YIBU_API yibu_layer *yibu_stream_get_layer(const yibu_stream *stream);

/* Puts a stream on another layer, which usually stands on its present one, and gives that one back
 * to the caller.  What is buffered for reading stays in front of what comes from the new layer.
 * Never suspends.  Returns 0; -EINVAL; -EPIPE where the stream is closing; or -EBUSY while a task
 * reads, or something waits to be written: nothing has changed then. */
YIBU_API int yibu_stream_set_layer(yibu_stream *stream, yibu_layer *layer);

YIBU_END_DECLS

#endif
