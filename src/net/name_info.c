/* getnameinfo(3) on a thread: the opposite of resolve.c, and its memory's rules.
 *
 * In a simulation names of addresses are not known: the answer is numeric. */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <yibu/address.h>
#include <yibu/error.h>

#include "base/memory.h"
#include "net/lookup.h"
#include "net/resolver.h"
#include "task/task.h"

typedef struct name_lookup {
    yb_work work;
    yb_op *op;
    yibu_address address;
    int flags;
    char *ret_host, *ret_service; /* the caller's; NULL: not wanted */
    size_t host_size, service_size;
    char host[NI_MAXHOST], service[NI_MAXSERV];
} name_lookup;

/* On the thread.  What is wanted is asked for in full, and measured when it is handed over. */
static intptr_t look_up(void *arg)
{
    name_lookup *l = arg;
    errno = 0;
    return yibu_eai_error(getnameinfo(
        (const struct sockaddr *)&l->address.storage, l->address.length,
        l->ret_host ? l->host : NULL, l->ret_host ? sizeof(l->host) : 0,
        l->ret_service ? l->service : NULL, l->ret_service ? sizeof(l->service) : 0, l->flags));
}

static void release(yb_work *work)
{
    yb_free(YB_CONTAINER_OF(work, name_lookup, work));
}

static int hand_over(const name_lookup *l)
{
    size_t host = strlen(l->host) + 1, service = strlen(l->service) + 1;
    if ((l->ret_host && host > l->host_size) || (l->ret_service && service > l->service_size))
        return -ENOSPC;
    if (l->ret_host)
        memcpy(l->ret_host, l->host, host);
    if (l->ret_service)
        memcpy(l->ret_service, l->service, service);
    return 0;
}

static void done(yb_work *work)
{
    name_lookup *l = YB_CONTAINER_OF(work, name_lookup, work);
    yb_op *op = l->op;
    intptr_t result = work->result;
    if (result == 0)
        result = hand_over(l);
    yb_free(l);
    yb_op_complete(op, result);
}

static int start(yibu_loop *loop, yb_op *op, name_lookup *l)
{
    if (yb_lookup_backend(loop)) {
        if (l->flags & NI_NAMEREQD)
            return YIBU_EAI_NONAME;
        l->flags |= NI_NUMERICHOST;
    }
    l->op = op;
    static const yb_work_class class = {.done = done, .release = release};
    l->work = (yb_work){.fn = look_up, .arg = l, .class = &class};
    return yb_lookup_start(loop, op, &l->work);
}

static bool acceptable(const yibu_address *address, const char *host, const char *service)
{
    return address && address->length <= sizeof(address->storage) && (host || service);
}

static int ask(yibu_loop *loop, yb_op *op, const yibu_address *address, int flags, char *ret_host,
               size_t host_size, char *ret_service, size_t service_size)
{
    if (!acceptable(address, ret_host, ret_service))
        return -EINVAL;
    const yibu_resolver *resolver = YB_RESOLVER_WITH(loop, getnameinfo);
    if (resolver)
        return resolver->getnameinfo(loop, yb_op_public(op), address, flags, ret_host, host_size,
                                     ret_service, service_size, resolver->arg);
    name_lookup *l = yb_calloc(1, sizeof(*l));
    if (!l)
        return -ENOMEM;
    l->address = *address;
    l->flags = flags;
    l->ret_host = ret_host;
    l->ret_service = ret_service;
    l->host_size = host_size;
    l->service_size = service_size;
    int r = start(loop, op, l);
    if (r < 0)
        yb_free(l);
    return r;
}

int yibu_op_getnameinfo(yibu_loop *loop, yibu_op *op, const yibu_address *address, int flags,
                        char *ret_host, size_t host_size, char *ret_service, size_t service_size)
{
    int r = yb_op_prepare_custom(loop, op);
    return r < 0 ? r
                 : ask(loop, yb_op_view(op), address, flags, ret_host, host_size, ret_service,
                       service_size);
}

int yibu_getnameinfo(const yibu_address *address, int flags, char *ret_host, size_t host_size,
                     char *ret_service, size_t service_size)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    r = ask(task->future.loop, op, address, flags, ret_host, host_size, ret_service, service_size);
    return r < 0 ? r : (int)yb_task_wait_op(task);
}
