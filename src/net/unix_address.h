/* Unix sockets by name. */
#ifndef YB_NET_UNIX_ADDRESS_H
#define YB_NET_UNIX_ADDRESS_H

#include <yibu/address.h>

/* A path, or "@name" in the abstract namespace.  Returns 0, -EINVAL or -ENAMETOOLONG. */
int yb_unix_address(const char *path, yibu_address *ret_address);

/* A stream socket, non-blocking and close-on-exec, or a negative errno. */
int yb_unix_socket(void);

#endif
