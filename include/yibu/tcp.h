/* TCP over plain descriptors: close-on-exec, non-blocking, closed with yibu_close. */
#ifndef YIBU_TCP_H
#define YIBU_TCP_H

#include <yibu/address.h>
#include <yibu/base.h>

/* Options of a listener.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_listen_options {
    size_t size;
    int backlog;     /* default SOMAXCONN */
    bool reuse_port; /* SO_REUSEPORT: one listener a loop, the kernel spreads connections */
} yibu_listen_options;

YIBU_BEGIN_DECLS

/* Connects to host (a name or a numeric address) and port, trying the addresses in the resolver's
 * order (RFC 6724) until one answers.  Names are resolved on a thread.  TCP_NODELAY is set.
 * Checkpoint.  Cancel: no descriptor is left behind.
 * Returns a descriptor; -ECANCELED; a YIBU_EAI_ code; or the last address's negative errno. */
YIBU_API int yibu_tcp_connect(const char *host, uint16_t port);

/* A listening socket on a numeric address (NULL: every local address) and port (0: the kernel's
 * choice, see yibu_getsockname).  SO_REUSEADDR is set.  options may be NULL.
 * Never suspends.  Context: any thread.  Returns a descriptor or a negative errno. */
YIBU_API int yibu_tcp_listen(const char *address, uint16_t port,
                             const yibu_listen_options *options);

/* connect(2) of a socket of the caller's (non-blocking).  Checkpoint.  Cancel: the socket may be
 * connecting still: close it.  Returns 0, -ECANCELED, or a negative errno. */
YIBU_API int yibu_connect(int fd, const yibu_address *address);

/* Waits for a connection.  ret_peer may be NULL.  TCP_NODELAY is set.  Checkpoint.  Cancel: no
 * connection is lost; one that was already taken is returned.
 * Returns a descriptor, -ECANCELED, or a negative errno (-EMFILE: free some and try again). */
YIBU_API int yibu_accept(int fd, yibu_address *ret_peer);

/* recv(2): up to size bytes, 0 at the peer's end of stream.
 * Checkpoint.  Cancel: nothing was received, or what was received is returned.
 * Returns the number of bytes, 0, -ECANCELED, or a negative errno. */
YIBU_API ssize_t yibu_recv(int fd, void *ret_buffer, size_t size);

/* send(2) without SIGPIPE: may send less than size.  Checkpoint.  Cancel: nothing was sent, or how
 * much was is returned.  Returns the number of bytes, -ECANCELED, or a negative errno. */
YIBU_API ssize_t yibu_send(int fd, const void *buffer, size_t size);

/* Sends the whole buffer.  Checkpoint.  Cancel: a part may have been sent.
 * Returns 0, -ECANCELED, or a negative errno; then *ret_sent (may be NULL) says how much was. */
YIBU_API int yibu_send_all(int fd, const void *buffer, size_t size, size_t *ret_sent);

/* shutdown(2): SHUT_RD, SHUT_WR or SHUT_RDWR.  Never suspends.  Returns 0 or a negative errno. */
YIBU_API int yibu_shutdown(int fd, int how);

YIBU_END_DECLS

#endif
