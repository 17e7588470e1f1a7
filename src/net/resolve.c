/* getaddrinfo(3) on a thread.
 *
 * A look-up is heap memory of its own: the thread may still be at it when whoever asked has left.
 * Until then it belongs to the loop, which hands its list over (`done`) or drops it; a look-up that
 * was given up belongs to its thread, which frees it with the answer nobody wants (`release`). */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <yibu/address.h>
#include <yibu/error.h>

#include "base/memory.h"
#include "net/lookup.h"
#include "net/resolver.h"
#include "task/task.h"

typedef struct lookup {
    yb_work work;
    yb_op *op;
    struct addrinfo **ret_list;
    struct addrinfo *list; /* the answer, until it is handed over */
    yb_backend *backend;   /* where it has a network of its own; else NULL */
    struct addrinfo hints;
    const char *host, *service; /* NULL, or in the text */
    char text[];
} lookup;

/* On the thread. */
static intptr_t look_up(void *arg)
{
    lookup *l = arg;
    if (l->backend)
        return l->backend->class->network->look_up(l->backend, l->host, l->service, &l->hints,
                                                   &l->list);
    errno = 0;
    return yibu_eai_error(getaddrinfo(l->host, l->service, &l->hints, &l->list));
}

static void free_lookup(lookup *l)
{
    if (l->list)
        freeaddrinfo(l->list);
    yb_free(l);
}

static void release(yb_work *work)
{
    free_lookup(YB_CONTAINER_OF(work, lookup, work));
}

static void done(yb_work *work)
{
    lookup *l = YB_CONTAINER_OF(work, lookup, work);
    yb_op *op = l->op;
    intptr_t result = work->result;
    if (result == 0) {
        *l->ret_list = l->list;
        l->list = NULL;
    }
    free_lookup(l);
    yb_op_complete(op, result);
}

static const char *copy_text(char **at, const char *text)
{
    if (!text)
        return NULL;
    char *copy = *at;
    size_t size = strlen(text) + 1;
    *at += size;
    return memcpy(copy, text, size);
}

static lookup *new_lookup(const char *host, const char *service, const struct addrinfo *hints)
{
    size_t size = (host ? strlen(host) + 1 : 0) + (service ? strlen(service) + 1 : 0);
    lookup *l = yb_calloc(1, sizeof(*l) + size);
    if (!l)
        return NULL;
    char *at = l->text;
    l->host = copy_text(&at, host);
    l->service = copy_text(&at, service);
    /* Without hints, as getaddrinfo has it. */
    l->hints.ai_flags = hints ? hints->ai_flags : AI_V4MAPPED | AI_ADDRCONFIG;
    l->hints.ai_family = hints ? hints->ai_family : AF_UNSPEC;
    l->hints.ai_socktype = hints ? hints->ai_socktype : 0;
    l->hints.ai_protocol = hints ? hints->ai_protocol : 0;
    return l;
}

static int start(yibu_loop *loop, yb_op *op, lookup *l)
{
    static const yb_work_class class = {.done = done, .release = release};
    l->op = op;
    l->backend = yb_lookup_backend(loop);
    l->work.fn = look_up;
    l->work.arg = l;
    l->work.class = &class;
    return yb_lookup_start(loop, op, &l->work);
}

static int resolve(yibu_loop *loop, yb_op *op, const char *host, const char *service,
                   const struct addrinfo *hints, struct addrinfo **ret_list)
{
    if (!ret_list)
        return -EINVAL;
    const yibu_resolver *resolver = YB_RESOLVER_WITH(loop, getaddrinfo);
    if (resolver)
        return resolver->getaddrinfo(loop, yb_op_public(op), host, service, hints, ret_list,
                                     resolver->arg);
    lookup *l = new_lookup(host, service, hints);
    if (!l)
        return -ENOMEM;
    l->ret_list = ret_list;
    int r = start(loop, op, l);
    if (r < 0)
        free_lookup(l);
    return r;
}

int yibu_op_getaddrinfo(yibu_loop *loop, yibu_op *op, const char *host, const char *service,
                        const struct addrinfo *hints, struct addrinfo **ret_list)
{
    int r = yb_op_prepare_custom(loop, op);
    return r < 0 ? r : resolve(loop, yb_op_view(op), host, service, hints, ret_list);
}

int yibu_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **ret_list)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    r = resolve(task->future.loop, op, host, service, hints, ret_list);
    return r < 0 ? r : (int)yb_task_wait_op(task);
}
