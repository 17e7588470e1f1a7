/* Transports: what a stream reads from and writes to.
 *
 * A stream never waits inside a transport: read, write, finish and close start an operation of the
 * stream's and answer as yb_op_start does.  So a filter (TLS) can stand between a stream and another
 * transport without a stack of its own: it begins a custom operation (yb_op_begin_custom), moves
 * bytes in the callbacks of operations that it starts below, and completes the stream's.
 *
 * At most one read, and one of write, finish and close, are under way at a time. */
#ifndef YB_IO_TRANSPORT_H
#define YB_IO_TRANSPORT_H

#include <sys/uio.h>

#include "loop/loop.h"
#include <yibu/stream.h>

typedef struct yb_transport yb_transport;

typedef struct yb_transport_class {
    /* Start op, which has its callback and is zero otherwise.  The result of read is 0 at the end;
     * write may take less than size. */
    int (*read)(yb_transport *transport, yb_op *op, void *buffer, size_t size);
    int (*write)(yb_transport *transport, yb_op *op, const void *buffer, size_t size);
    /* Ends what is written; where can_finish. */
    int (*finish)(yb_transport *transport, yb_op *op);
    /* Closes in an orderly way.  A read that is under way ends soon. */
    int (*close)(yb_transport *transport, yb_op *op);

    /* Takes what it can of the pieces without an operation: how many bytes, -EAGAIN, or a failure. */
    ssize_t (*try_write)(yb_transport *transport, const struct iovec *pieces, size_t count);
    /* Closes now, whatever is under way, which ends soon. */
    void (*abort)(yb_transport *transport);
    void (*info)(yb_transport *transport, yibu_stream_info *ret_info);
    /* Closed, with nothing under way. */
    void (*free)(yb_transport *transport);
} yb_transport_class;

struct yb_transport {
    const yb_transport_class *class;
    yibu_loop *loop;
    bool can_finish;
};

/* The transport of a descriptor, which it takes over. */
int yb_fd_transport_new(yibu_loop *loop, int fd, yb_transport **ret_transport);

#endif
