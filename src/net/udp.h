/* What the rest of the room needs of UDP. */
#ifndef YB_NET_UDP_H
#define YB_NET_UDP_H

#include <yibu/udp.h>

/* A socket of that family with the options, which were taken already; adopted where this thread has
 * a loop.  Returns a descriptor or a negative errno. */
int yb_udp_open(int family, bool every, const yibu_udp_options *options);

/* bind(2), connect(2): 0 or a negative errno. */
int yb_udp_bind_to(int fd, const yibu_address *address);
int yb_udp_connect_to(int fd, const yibu_address *address);

#endif
