/* Names in the simulation. */
#ifndef YB_SIM_RESOLVE_H
#define YB_SIM_RESOLVE_H

#include "sim/sim.h"

/* getaddrinfo(3) with the hosts of the options: see yb_network_class. */
int yb_sim_look_up(yb_backend *backend, const char *host, const char *service,
                   const struct addrinfo *hints, struct addrinfo **ret_list);

#endif
