/* What the rest of the room needs of TCP. */
#ifndef YB_NET_TCP_H
#define YB_NET_TCP_H

#include <netdb.h>
#include <yibu/tcp.h>

/* yibu_tcp_connect to one address. */
int yb_tcp_connect_to(const yibu_address *address);

/* The addresses of host and port for TCP, with flags of getaddrinfo(3) besides; the caller's to
 * free with freeaddrinfo.  As yibu_getaddrinfo. */
int yb_tcp_resolve(const char *host, uint16_t port, int flags, struct addrinfo **ret_list);

/* The same without flags, as an operation: as yibu_op_getaddrinfo. */
int yb_tcp_resolve_op(yibu_loop *loop, yibu_op *op, const char *host, uint16_t port,
                      struct addrinfo **ret_list);

/* yibu_tcp_listen on an address; `every`: an IPv6 one takes IPv4 too. */
int yb_tcp_listen_on(const yibu_address *address, bool every, const yibu_listen_options *options);

#endif
