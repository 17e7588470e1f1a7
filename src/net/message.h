/* Messages from the inside: one attempt at sending or receiving, and waiting for the next. */
#ifndef YB_NET_MESSAGE_H
#define YB_NET_MESSAGE_H

#include "net/ancillary.h"
#include "task/task.h"

/* What every call begins with: a checkpoint, and what fd must be.  NULL: the reason is in
 * *ret_error. */
yb_task *yb_message_enter(int fd, int *ret_error);

/* One recvmsg(2), sendmsg(2) that does not wait: its result, -EAGAIN, or another negative errno. */
ssize_t yb_message_try_receive(int fd, struct msghdr *header, int flags);
ssize_t yb_message_try_send(int fd, const struct msghdr *header, int flags);

/* The same, but suspends the task until it could be done; interruptible.  Of a receive's header,
 * the lengths and msg_flags are written, and what they tell the length of. */
ssize_t yb_message_receive(yb_task *task, int fd, struct msghdr *header);
ssize_t yb_message_send(yb_task *task, int fd, const struct msghdr *header);

/* As many messages as are there, up to count; of those that have room for descriptors only one,
 * which is left to yibu_recv_message where it is the first (0).  Or -EAGAIN, or another negative
 * errno. */
ssize_t yb_messages_try_receive(int fd, yibu_message *messages, size_t count);

/* Points header at message's data and address for a receive, or for a send. */
void yb_message_to_receive(yibu_message *message, struct iovec *piece, struct msghdr *header);
void yb_message_to_send(const yibu_message *message, struct iovec *piece, struct msghdr *header);

/* Takes over what a receive has left. */
void yb_message_take(const struct msghdr *header, ssize_t size, yibu_message *message);

/* Sends a message of segments: yibu_send_message once it has begun.  (segments.c) */
ssize_t yb_message_send_segments(yb_task *task, int fd, const yibu_message *message);

#endif
