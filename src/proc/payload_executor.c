/* Payloads for an executor's workers, asked for on any thread: its home makes them. */
#include <errno.h>

#include "base/memory.h"
#include "proc/payload.h"
#include "proc/process_executor.h"
#include "task/concurrent_future.h"
#include <yibu/error.h>

typedef struct order {
    yibu_concurrent_future future; /* first */
    yb_runnable posted;
    yb_process_executor *executor;
    size_t size, populated;
    yibu_payload *payload;
} order;

static order *order_of(yibu_concurrent_future *future)
{
    return (order *)(void *)future;
}

static int make_at_home(yb_process_executor *e, size_t size, yibu_payload **ret_payload,
                        size_t *ret_populated)
{
    if (!e->pool)
        return YIBU_ESHUTDOWN;
    return yb_process_pool_make_payload(&e->pool->executor, size, ret_payload, ret_populated);
}

static void make(yb_runnable *posted)
{
    order *o = YB_CONTAINER_OF(posted, order, posted);
    int r = make_at_home(o->executor, o->size, &o->payload, &o->populated);
    yb_concurrent_future_complete(&o->future, r);
}

static bool refuse_cancel(yibu_concurrent_future *future)
{
    (void)future;
    return false;
}

static void free_order(yibu_concurrent_future *future)
{
    yibu_payload_free(order_of(future)->payload);
    yb_free(future);
}

static const yb_concurrent_class class = {.request_cancel = refuse_cancel, .free = free_order};

static int make_elsewhere(yb_process_executor *e, size_t size, yibu_payload **ret_payload,
                          size_t *ret_populated)
{
    order *o = yb_malloc(sizeof(*o));
    if (!o)
        return -ENOMEM;
    *o = (order){.posted.run = make, .executor = e, .size = size};
    yb_concurrent_future_init(&o->future, &class);
    if (!yb_process_executor_post(e, &o->posted))
        yb_concurrent_future_complete(&o->future, YIBU_ESHUTDOWN);
    int r = (int)yibu_concurrent_future_result(&o->future, YIBU_FOREVER);
    if (r == 0) {
        *ret_payload = o->payload;
        *ret_populated = o->populated;
        o->payload = NULL;
    }
    yibu_concurrent_future_unref(&o->future);
    return r;
}

int yb_process_executor_make_payload(yibu_executor *executor, size_t size,
                                     yibu_payload **ret_payload, size_t *ret_populated)
{
    yb_process_executor *e = YB_CONTAINER_OF(executor, yb_process_executor, base);
    bool at_home = yb_loop_current && atomic_load(&executor->home) == yb_loop_current;
    return (at_home ? make_at_home : make_elsewhere)(e, size, ret_payload, ret_populated);
}
