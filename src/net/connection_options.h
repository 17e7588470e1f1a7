/* Options of connections, for all that connects. */
#ifndef YB_NET_CONNECTION_OPTIONS_H
#define YB_NET_CONNECTION_OPTIONS_H

#include <yibu/stream.h>

/* The options, which may be NULL, with their defaults: 0 or -EINVAL. */
int yb_connection_options_take(const yibu_connection_options *options,
                               yibu_connection_options *ret_taken);

/* Those of the socket. */
void yb_connection_options_apply(const yibu_connection_options *options, int fd);

#endif
