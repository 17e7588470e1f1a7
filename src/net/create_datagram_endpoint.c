/* UDP sockets in the callback form. */
#include <errno.h>
#include <yibu/error.h>
#include <yibu/io.h>

#include "base/options.h"
#include "net/datagram.h"
#include "net/udp.h"

static int connect_endpoint(const char *local_address, uint16_t local_port,
                            yibu_datagram_options *options)
{
    yibu_address remote;
    options->udp.local_address = local_address;
    options->udp.local_port = local_port;
    if (yibu_address_parse(options->remote_host, options->remote_port, &remote) == 0)
        return yb_udp_connect_from(&remote, &options->udp);
    return yibu_udp_connect(options->remote_host, options->remote_port, &options->udp);
}

int yibu_create_datagram_endpoint(yibu_datagram_protocol *protocol, const char *local_address,
                                  uint16_t local_port, const yibu_datagram_options *options,
                                  yibu_datagram_transport **ret_transport)
{
    yibu_datagram_options taken;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r < 0 || !protocol)
        return -EINVAL;
    taken.size = sizeof(taken);
    if (taken.udp.size == 0)
        taken.udp.size = sizeof(taken.udp);
    bool connects = taken.remote_host && taken.remote_host[0];
    int fd = connects ? connect_endpoint(local_address, local_port, &taken)
                      : yibu_udp_bind(local_address, local_port, &taken.udp);
    if (fd < 0)
        return fd;
    r = yibu_datagram_transport_new(fd, protocol, &taken, ret_transport);
    if (r < 0)
        (void)yibu_close(fd);
    return r;
}
