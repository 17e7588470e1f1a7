/* See uring_entry.h. */
#include "platform/uring_entry.h"

#include "base/assert.h"
#include "platform/attempt.h"
#include "platform/uring_file.h"
#include "platform/valgrind.h"
#include <yibu/address.h>

static void prepare_send(struct io_uring_sqe *entry, const yb_op *op)
{
    size_t rest = op->size - op->done;
    io_uring_prep_send(entry, op->fd, (const char *)op->source + op->done,
                       rest < YB_MAX_TRANSFER ? rest : YB_MAX_TRANSFER, MSG_NOSIGNAL);
}

void yb_uring_entry_call(struct io_uring_sqe *entry, yb_op *op, bool registered)
{
    switch (op->kind) {
    case YB_OP_READ:
        io_uring_prep_read(entry, op->fd, op->buffer, (unsigned)op->size, (uint64_t)op->offset);
        break;
    case YB_OP_WRITE:
        io_uring_prep_write(entry, op->fd, op->source, (unsigned)op->size, (uint64_t)op->offset);
        break;
    case YB_OP_RECV:
        io_uring_prep_recv(entry, op->fd, op->buffer, op->size, 0);
        break;
    case YB_OP_SEND:
    case YB_OP_SEND_ALL:
        prepare_send(entry, op);
        break;
    case YB_OP_RECV_MESSAGE:
        io_uring_prep_recvmsg(entry, op->fd, op->message, (unsigned)op->size | MSG_CMSG_CLOEXEC);
        break;
    case YB_OP_SEND_MESSAGE:
        io_uring_prep_sendmsg(entry, op->fd, op->message, (unsigned)op->size | MSG_NOSIGNAL);
        break;
    case YB_OP_ACCEPT:
        if (op->peer)
            op->peer->length = sizeof(op->peer->storage);
        io_uring_prep_accept(entry, op->fd, op->peer ? (struct sockaddr *)&op->peer->storage : NULL,
                             op->peer ? &op->peer->length : NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        break;
    case YB_OP_FILE:
        yb_uring_file_prepare(entry, op->file, registered);
        break;
    default:
        yb_abort("an operation of unknown kind %d was submitted", op->kind);
    }
}

void yb_uring_entry_poll(struct io_uring_sqe *entry, const yb_op *op)
{
    uint64_t events = op->kind == YB_OP_POLL ? op->events
                      : yb_op_writes(op)     ? YIBU_WRITABLE
                                             : YIBU_READABLE;
    io_uring_prep_poll_add(entry, op->fd, yb_poll_mask(events));
}

static void note_message(const struct msghdr *message, size_t size)
{
    VALGRIND_MAKE_MEM_DEFINED(message, sizeof(*message));
    if (message->msg_name)
        VALGRIND_MAKE_MEM_DEFINED(message->msg_name, message->msg_namelen);
    if (message->msg_control)
        VALGRIND_MAKE_MEM_DEFINED(message->msg_control, message->msg_controllen);
    for (size_t i = 0; i < message->msg_iovlen && size > 0; i++) {
        size_t part = message->msg_iov[i].iov_len < size ? message->msg_iov[i].iov_len : size;
        VALGRIND_MAKE_MEM_DEFINED(message->msg_iov[i].iov_base, part);
        size -= part;
    }
}

void yb_uring_entry_note(const yb_op *op, int result)
{
    if ((op->kind == YB_OP_READ || op->kind == YB_OP_RECV) && result > 0)
        VALGRIND_MAKE_MEM_DEFINED(op->buffer, (size_t)result);
    if (op->kind == YB_OP_RECV_MESSAGE && result >= 0)
        note_message(op->message, (size_t)result);
    if (op->kind == YB_OP_ACCEPT && result >= 0 && op->peer)
        VALGRIND_MAKE_MEM_DEFINED(op->peer, sizeof(*op->peer));
    if (op->kind == YB_OP_FILE)
        yb_uring_file_note(op->file, result);
}
