/* Connecting without a task. */
#ifndef YB_NET_CONNECTOR_H
#define YB_NET_CONNECTOR_H

#include "loop/loop.h"
#include <yibu/address.h>

/* Both start op, a custom operation of the caller's that is prepared, and whose result is the
 * descriptor of a connected socket, or a failure.  A cancel leaves no connection behind.
 * Return 0; or a negative errno, and op does not end. */

/* To host and port, as yibu_open_connection. */
int yb_connect_tcp(yibu_loop *loop, yb_op *op, const char *host, uint16_t port, int64_t delay_ns);

/* To a Unix socket. */
int yb_connect_unix(yibu_loop *loop, yb_op *op, const yibu_address *address);

#endif
