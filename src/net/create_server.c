/* Servers whose connections are transports. */
#include <errno.h>

#include "net/server.h"
#include "task/task.h"
#include <yibu/error.h>

/* In a task: its checkpoint.  Elsewhere a loop suffices, and nothing that suspends may follow. */
static int enter(bool suspends)
{
    int r = 0;
    if (yb_task_current)
        (void)yb_task_enter(&r);
    else if (!yb_loop_current || suspends)
        r = yb_forked() ? YIBU_EFORKED : YIBU_ENOTASK;
    return r;
}

int yibu_create_server_at(yibu_protocol_factory *factory, void *arg, const char *host,
                          uint16_t port, const yibu_server_options *options,
                          yibu_server **ret_server, const char *place)
{
    const yb_server_request request = {
        .factory = factory, .arg = arg, .options = options, .place = place};
    yibu_address address;
    if (!factory || !ret_server)
        return -EINVAL;
    int r = enter(yibu_address_parse(host, port, &address) < 0);
    return r < 0 ? r : yb_server_start_tcp(&request, host, port, ret_server);
}

int yibu_create_unix_server_at(yibu_protocol_factory *factory, void *arg, const char *path,
                               const yibu_server_options *options, yibu_server **ret_server,
                               const char *place)
{
    const yb_server_request request = {
        .factory = factory, .arg = arg, .options = options, .place = place};
    if (!factory || !ret_server)
        return -EINVAL;
    int r = enter(false);
    return r < 0 ? r : yb_server_start_unix(&request, path, ret_server);
}
