/* A request's two forms, and its end. */
#include "request.h"

#include <errno.h>
#include <string.h>

#include <yibu/task.h>

int yb_dns_request_check(const yibu_dns *dns)
{
    if (!dns)
        return -EINVAL;
    if (dns->dying)
        return YIBU_ESHUTDOWN;
    return yibu_get_running_loop() == dns->loop ? 0 : -EINVAL;
}

int yb_dns_request_enter(void)
{
    if (!yibu_current_task())
        return YIBU_ENOTASK;
    return yibu_check_cancelled() < 0 ? yibu_yield() : 0;
}

int yb_dns_request_prepare_op(yibu_op *op)
{
    if (!op || !op->callback)
        return -EINVAL;
    memset(op->reserved, 0, sizeof(op->reserved)); /* what an earlier use has left */
    return 0;
}

void yb_dns_request_begin(yibu_dns *dns, yb_dns_request *request, const yb_dns_request_class *class)
{
    request->dns = dns;
    request->class = class;
    request->told = (yibu_event)YIBU_EVENT_INIT;
    TAILQ_INSERT_TAIL(&dns->requests, request, links);
}

void yb_dns_request_end(yb_dns_request *request, int result)
{
    yibu_dns *dns = request->dns;
    if (request->ended)
        return;
    request->class->stop(request);
    request->ended = true;
    request->result = result;
    TAILQ_REMOVE(&dns->requests, request, links);
    TAILQ_INSERT_TAIL(&dns->ended, request, links);
    yb_dns_settle_soon(dns);
}

/* Its result, and what was found, to the user; it is gone then. */
static int finish(yb_dns_request *request)
{
    int result = request->result;
    if (result == 0)
        request->class->deliver(request);
    request->class->free(request);
    return result;
}

void yb_dns_request_tell(yb_dns_request *request)
{
    TAILQ_REMOVE(&request->dns->ended, request, links);
    yibu_op *op = request->op;
    if (op)
        yibu_op_complete(op, finish(request));
    else
        yibu_event_set(&request->told); /* the task finishes it */
}

/* Frees a request whose user has not been told. */
static void give_up(yb_dns_request *request)
{
    yibu_dns *dns = request->dns;
    if (!request->ended)
        request->class->stop(request);
    if (request->ended)
        TAILQ_REMOVE(&dns->ended, request, links);
    else
        TAILQ_REMOVE(&dns->requests, request, links);
    request->class->free(request);
    yb_dns_settle_soon(dns); /* a query may be left that nobody waits for */
}

static bool interrupt(yibu_op *op, void *data)
{
    (void)op;
    give_up(data);
    return true;
}

int yb_dns_request_start_op(yb_dns_request *request, yibu_op *op)
{
    int r = yibu_op_begin(request->dns->loop, op, interrupt, request);
    if (r < 0)
        give_up(request);
    else
        request->op = op;
    return r;
}

int yb_dns_request_wait(yb_dns_request *request)
{
    int r = yibu_event_wait(&request->told);
    if (yibu_event_is_set(&request->told))
        return finish(request);
    give_up(request);
    return r;
}
