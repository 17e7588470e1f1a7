/* What the rest of the room needs of sockets. */
#ifndef YB_NET_SOCKET_H
#define YB_NET_SOCKET_H

#include <yibu/address.h>

/* Sockets of the kernel's, or of this thread's loop where it has a network of its own.  All return
 * a negative errno on failure. */

/* A TCP socket of the family, non-blocking and close-on-exec.  Returns its descriptor. */
int yb_socket_new(int family);

/* setsockopt(2) of an integer. */
int yb_socket_set(int fd, int level, int option, int value);

/* bind(2) and listen(2). */
int yb_socket_listen(int fd, const yibu_address *address, int backlog);

#endif
