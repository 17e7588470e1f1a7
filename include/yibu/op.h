/* Operations in the callback form: for bindings of other languages, which have coroutines of their
 * own, and for C programs that prefer callbacks.  Every call that suspends a task is built on one
 * of these.
 *
 * An operation is the caller's memory.  It is zeroed, given a callback, and started; from then on
 * until its callback runs, the operation and every buffer named to it must stay where they are.
 * A start that returns 0 calls back exactly once, from the loop and never from inside the starting
 * call; a start that fails returns a negative errno and never calls back.  The operation may be
 * started again from its own callback.
 *
 * All starts: context is the loop's thread (a task or a callback); never suspend. */
#ifndef YIBU_OP_H
#define YIBU_OP_H

#include <yibu/base.h>

typedef struct yibu_loop yibu_loop;
typedef struct yibu_address yibu_address;
typedef struct yibu_op yibu_op;

/* Receives the result: >= 0, or a negative errno.  Context: the loop; must not suspend. */
typedef void yibu_op_callback(yibu_op *op, ssize_t result);

struct yibu_op {
    yibu_op_callback *callback;
    void *arg;              /* the caller's, never touched */
    uintptr_t reserved[14]; /* the runtime's */
};

/* Events of yibu_op_poll, also its results. */
enum {
    YIBU_READABLE = 1u << 0,
    YIBU_WRITABLE = 1u << 1,
    YIBU_HANGUP = 1u << 2, /* reported only: the peer has gone, or the descriptor has an error */
};

YIBU_BEGIN_DECLS

/* read(2), or pread(2) where offset >= 0; pass -1 for streams.  The result 0 is end of file. */
YIBU_API int yibu_op_read(yibu_loop *loop, yibu_op *op, int fd, void *buffer, size_t size,
                          int64_t offset);

/* write(2), or pwrite(2) where offset >= 0.  May write less than size.
 * A pipe or socket without reader gives -EPIPE and no signal on sockets. */
YIBU_API int yibu_op_write(yibu_loop *loop, yibu_op *op, int fd, const void *buffer, size_t size,
                           int64_t offset);

/* recv(2).  The result 0 is the peer's end of stream. */
YIBU_API int yibu_op_recv(yibu_loop *loop, yibu_op *op, int fd, void *buffer, size_t size);

/* send(2), without SIGPIPE.  May send less than size. */
YIBU_API int yibu_op_send(yibu_loop *loop, yibu_op *op, int fd, const void *buffer, size_t size);

/* Sends the whole buffer.  The result is size; a failure or a cancel after a part was sent leaves
 * how much was sent in *ret_sent (may be NULL). */
YIBU_API int yibu_op_send_all(yibu_loop *loop, yibu_op *op, int fd, const void *buffer, size_t size,
                              size_t *ret_sent);

/* accept4(2), close-on-exec and non-blocking.  The result is the new descriptor, the caller's.
 * ret_peer may be NULL; it is written before the callback runs. */
YIBU_API int yibu_op_accept(yibu_loop *loop, yibu_op *op, int fd, yibu_address *ret_peer);

/* connect(2) on a non-blocking socket.  address is read before the call returns. */
YIBU_API int yibu_op_connect(yibu_loop *loop, yibu_op *op, int fd, const yibu_address *address);

/* Waits until fd is ready for one of events (YIBU_READABLE | YIBU_WRITABLE), level-triggered.
 * The result is the set of events seen, with YIBU_HANGUP added where it holds.
 * For descriptors of other libraries: Yibu assumes nothing of fd between two polls. */
YIBU_API int yibu_op_poll(yibu_loop *loop, yibu_op *op, int fd, unsigned events);

/* Completes with 0 once delay_ns has passed. */
YIBU_API int yibu_op_sleep(yibu_loop *loop, yibu_op *op, int64_t delay_ns);

/* Asks a started operation to end early.  Its callback still runs exactly once: with -ECANCELED,
 * or with its result where the transfer had already happened.  Returns 0, -EALREADY where the
 * operation is not under way, or -EINVAL for NULL. */
YIBU_API int yibu_op_cancel(yibu_op *op);

/* Operations that something else than the loop completes: layers of streams (<yibu/layer.h>),
 * libraries with an event of their own. */

/* Asks for an early end of such an operation.  true: it was stopped, and ends with -ECANCELED by
 * itself, nobody completes it.  false: it goes on until it is completed. */
typedef bool yibu_op_interrupt(yibu_op *op, void *data);

/* Marks op, which has its callback and is zero otherwise, as under way.  The loop lasts until it
 * has ended.  Returns 0, or -EINVAL. */
YIBU_API int yibu_op_begin(yibu_loop *loop, yibu_op *op, yibu_op_interrupt *interrupt, void *data);

/* Ends it: calls back before it returns.  Not from inside the call that began it. */
YIBU_API void yibu_op_complete(yibu_op *op, ssize_t result);

YIBU_END_DECLS

#endif
