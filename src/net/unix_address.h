/* Unix sockets by name. */
#ifndef YB_NET_UNIX_ADDRESS_H
#define YB_NET_UNIX_ADDRESS_H

#include <yibu/address.h>

/* A path, or "@name" in the abstract namespace.  Returns 0, -EINVAL or -ENAMETOOLONG. */
int yb_unix_address(const char *path, yibu_address *ret_address);

/* A socket of that type, non-blocking and close-on-exec, or a negative errno. */
int yb_unix_socket(int type);

/* bind(2); the path of a socket that is no more is taken over.  Returns 0 or a negative errno. */
int yb_unix_bind_to(int fd, const char *path, const yibu_address *address);

/* connect(2); waits while the listener's line is full.  Checkpoint.  Returns 0 or a failure. */
int yb_unix_connect_to(int fd, const yibu_address *address);

#endif
