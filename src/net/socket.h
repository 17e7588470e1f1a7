/* What the rest of the room needs of sockets. */
#ifndef YB_NET_SOCKET_H
#define YB_NET_SOCKET_H

/* setsockopt(2) of an integer.  Returns 0 or a negative errno. */
int yb_socket_set(int fd, int level, int option, int value);

#endif
