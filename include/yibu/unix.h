/* Unix sockets (unix(7)) over plain descriptors: listeners and connections that keep records apart,
 * datagrams, descriptors that travel, and who is at the other end.  For streams with a buffer see
 * yibu_open_unix_connection in <yibu/stream.h>, for messages <yibu/message.h>.
 *
 *     int pair[2];
 *     yibu_socketpair(SOCK_SEQPACKET, pair);
 *     yibu_send_fds(pair[0], "log", 3, &file, 1);
 *     …
 *     int fds[4];
 *     size_t count;
 *     ssize_t n = yibu_recv_fds(pair[1], text, sizeof(text), fds, 4, &count);
 *
 * A path is a file's name, or "@name" in the abstract namespace.  Descriptors are non-blocking and
 * close-on-exec, and closed with yibu_close, which leaves a path behind: unlink(2) it.
 *
 * Descriptors travel with the bytes that they were sent with, which a yibu_stream cannot tell apart
 * in its buffer: send and receive them on the plain descriptor, before a stream takes it over. */
#ifndef YIBU_UNIX_H
#define YIBU_UNIX_H

#include <yibu/message.h>
#include <yibu/tcp.h>

YIBU_BEGIN_DECLS

/* The address of a path, for yibu_sendto.  Never suspends.  Context: any thread.
 * Returns 0, -EINVAL or -ENAMETOOLONG. */
YIBU_API int yibu_unix_address(const char *path, yibu_address *ret_address);

/* A socket for datagrams at path (NULL: an abstract name of the kernel's choice, so that it can be
 * answered).  The path of a socket that is no more is taken over.
 * Never suspends.  Context: any thread.
 * Returns a descriptor; -EADDRINUSE; -ENOTSUP in a simulation; or another negative errno. */
YIBU_API int yibu_unix_bind(const char *path);

/* A listening socket at path, of type SOCK_STREAM or SOCK_SEQPACKET, for yibu_accept.  options may
 * be NULL; of them backlog counts.  The path of a socket that is no more is taken over.
 * Never suspends.  Context: any thread.  Returns a descriptor, as above. */
YIBU_API int yibu_unix_listen(int type, const char *path, const yibu_listen_options *options);

/* A socket connected to path, of type SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM (which has no name
 * of its own and so is not answered).  Waits while the listener's line is full.
 * Checkpoint.  Cancel: no descriptor is left behind.
 * Returns a descriptor; -ECONNREFUSED, -ENOENT; -EPROTOTYPE where it is a socket of another type;
 * -ECANCELED; -ENOTSUP in a simulation; or another negative errno. */
YIBU_API int yibu_unix_connect(int type, const char *path);

/* Two sockets of that type, connected to each other.  Never suspends.  Context: any thread.
 * Returns 0 or a negative errno. */
YIBU_API int yibu_socketpair(int type, int ret_pair[2]);

/* Sends size bytes, at least one where it is a stream, and descriptors with them, which are
 * duplicated: the caller's stay open.  Checkpoint.  Cancel: nothing was sent, or how much was is
 * returned; the descriptors went with the first byte.
 * Returns how many bytes were sent, fewer than size only on a stream; -EINVAL for more than
 * YIBU_MESSAGE_MAX_FDS; -ETOOMANYREFS where too many are in flight; -ECANCELED; or another negative
 * errno. */
YIBU_API ssize_t yibu_send_fds(int fd, const void *buffer, size_t size, const int *fds,
                               size_t count);

/* Receives bytes and up to max descriptors that came with them; they are close-on-exec, and the
 * caller's.  On a stream, bytes that were sent with other descriptors are not received with them.
 * Checkpoint.  Cancel: nothing was received, or what was is returned.
 * Returns how many bytes, 0 at the end; -EMSGSIZE where more bytes (of a record) or descriptors
 * came than fit; -EMFILE where the process may have no more; then the message is gone, and every
 * descriptor of it closed; -ECANCELED; or another negative errno. */
YIBU_API ssize_t yibu_recv_fds(int fd, void *ret_buffer, size_t size, int *ret_fds, size_t max,
                               size_t *ret_count);

/* Who connected, or who listened: the process at the other end of a connection, as of then
 * (SO_PEERCRED).  Never suspends.  Context: any thread.
 * Returns 0; -ENODATA where there is no peer; or another negative errno. */
YIBU_API int yibu_peer_credentials(int fd, yibu_credentials *ret_credentials);

/* A pidfd of that process (pidfd_open(2)), which, unlike its number, is never another's: close-on-
 * exec, the caller's.  Never suspends.  Context: any thread.
 * Returns a descriptor; -ENODATA where there is no peer; -ESRCH where the process is gone; -ENOTSUP
 * before Linux 6.5; or another negative errno. */
YIBU_API int yibu_peer_pidfd(int fd);

/* Whether every message that fd receives tells its sender's credentials: yibu_recv_message then has
 * YIBU_MESSAGE_CREDENTIALS.  Never suspends.  Context: any thread.  Returns 0 or a negative
 * errno. */
YIBU_API int yibu_pass_credentials(int fd, bool on);

YIBU_END_DECLS

#endif
