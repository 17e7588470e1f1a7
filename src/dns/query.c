/* The request for the records of a name. */
#include <errno.h>
#include <stdlib.h>

#include "request.h"

typedef struct query {
    yb_dns_request request; /* first */
    yb_dns_wait wait;
    yibu_dns_answer *found;
    yibu_dns_answer **ret_answer;
} query;

static query *self(yb_dns_request *request)
{
    return (query *)(void *)request;
}

/* What is left of the time that a cached answer is good for. */
static void age(const yibu_dns_answer *found, int64_t passed_ns)
{
    uint32_t passed = (uint32_t)(passed_ns / YIBU_SECONDS(1));
    yibu_dns_record *records = (yibu_dns_record *)(uintptr_t)found->records;
    for (size_t i = 0; i < found->count; i++)
        records[i].ttl -= passed < records[i].ttl ? passed : records[i].ttl;
}

static void take_answer(query *q, int result, const yb_dns_message *message)
{
    if (result == 0)
        result = yibu_dns_answer_parse(message->data, message->size, &q->found);
    if (result == 0)
        age(q->found, yibu_loop_time(q->request.dns->loop) - message->received_ns);
    yb_dns_request_end(&q->request, result);
}

static void answered(yb_dns_wait *wait, int result, yb_dns_message *message)
{
    take_answer((query *)((char *)wait - offsetof(query, wait)), result, message);
}

static void stop(yb_dns_request *request)
{
    yb_dns_leave(request->dns, &self(request)->wait);
}

static void deliver(yb_dns_request *request)
{
    *self(request)->ret_answer = self(request)->found;
    self(request)->found = NULL;
}

static void free_request(yb_dns_request *request)
{
    yibu_dns_answer_free(self(request)->found);
    free(self(request));
}

static const yb_dns_request_class class = {stop, deliver, free_request};

static int new_request(yibu_dns *dns, const char *name, uint16_t type, yibu_dns_answer **ret_answer,
                       yb_dns_request **ret_request)
{
    int r = yb_dns_request_check(dns);
    if (r < 0)
        return r;
    if (!name || !ret_answer)
        return -EINVAL;
    query *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    q->wait.answered = answered;
    q->ret_answer = ret_answer;
    yb_dns_message *message = NULL;
    yb_dns_request_begin(dns, &q->request, &class);
    r = yb_dns_ask(dns, name, type, &q->wait, &message);
    if (r != 0)
        take_answer(q, r > 0 ? 0 : r, message);
    if (r > 0 && q->found)
        q->found->from_cache = true;
    yb_dns_message_unref(message);
    *ret_request = &q->request;
    return 0;
}

int yibu_dns_op_query(yibu_dns *dns, yibu_op *op, const char *name, uint16_t type,
                      yibu_dns_answer **ret_answer)
{
    yb_dns_request *request;
    int r = yb_dns_request_prepare_op(op);
    if (r < 0)
        return r;
    r = new_request(dns, name, type, ret_answer, &request);
    return r < 0 ? r : yb_dns_request_start_op(request, op);
}

int yibu_dns_query(yibu_dns *dns, const char *name, uint16_t type, yibu_dns_answer **ret_answer)
{
    yb_dns_request *request;
    int r = yb_dns_request_enter();
    if (r < 0)
        return r;
    r = new_request(dns, name, type, ret_answer, &request);
    return r < 0 ? r : yb_dns_request_wait(request);
}
