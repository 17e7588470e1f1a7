/* What the rest of the room needs of UDP. */
#ifndef YB_NET_UDP_H
#define YB_NET_UDP_H

#include <yibu/udp.h>

/* yibu_udp_connect to one address; the size in options does not count.  Never suspends. */
int yb_udp_connect_from(const yibu_address *remote, const yibu_udp_options *options);

#endif
