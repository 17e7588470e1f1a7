/* The end of a server whose connections may go on. */
#ifndef END_SERVER_H
#define END_SERVER_H

#include "test.h"

/* Returns what was the result before, or else why the server could not be waited for. */
static inline intptr_t end_server(yibu_server *server, intptr_t result)
{
    yibu_server_close(server);
    yibu_server_abort_clients(server);
    int closed = yibu_server_wait_closed(server);
    yibu_server_free(server);
    return result < 0 ? result : closed;
}

#endif
