/* A loop's own thread pools, one for each kind of work: what the loop adds to the pool is to look
 * for progress while it waits, so that workers may drain the line (thread_pool.c). */
#include <errno.h>
#include <yibu/error.h>

#include "base/memory.h"
#include "exec/returns.h"
#include "exec/thread_pool.h"

typedef struct client {
    yb_executor executor;
    yibu_loop *loop;
    yb_loop_part_kind kind;
    yb_thread_pool *pool;
    size_t seen_head; /* of the ring, when the loop last looked */
    int64_t seen_ns;
} client;

static client *client_of(yb_executor *executor)
{
    return YB_CONTAINER_OF(executor, client, executor);
}

static int submit(yb_executor *executor, yb_work *work)
{
    client *c = client_of(executor);
    work->loop = c->loop;
    return yb_thread_pool_submit(c->pool, work);
}

static bool cancel(yb_executor *executor, yb_work *work)
{
    return yb_thread_pool_cancel(client_of(executor)->pool, work);
}

/* Sees to it that the line moves while the baton is with somebody.  Returns when to look again. */
static int64_t idle(yb_loop_part *part)
{
    client *c = YB_CONTAINER_OF(part, client, executor.part);
    yb_thread_pool *pool = c->pool;
    if (atomic_load(&pool->baton) == YB_BATON_FREE || !yb_thread_pool_has_line(pool) ||
        c->loop->ready.head)
        return INT64_MAX;
    int64_t now_ns = yb_loop_read_clock(c->loop);
    size_t head = atomic_load_explicit(&pool->ring.head, memory_order_relaxed);
    if (head != c->seen_head) {
        c->seen_head = head;
        c->seen_ns = now_ns;
    } else if (now_ns - c->seen_ns >= YB_PATIENCE_NS) {
        yb_thread_pool_overrule(pool);
        c->seen_ns = now_ns;
    }
    return c->seen_ns + YB_PATIENCE_NS;
}

static void end(yb_loop_part *part)
{
    client *c = YB_CONTAINER_OF(part, client, executor.part);
    if (c->pool->forks != yb_thread_pool_forks())
        return; /* a forked child: the threads are gone, and may have left anything half done */
    yb_loop_part *returns = c->loop->parts[YB_PART_RETURNS];
    if (returns)
        yb_returns_gather(YB_CONTAINER_OF(returns, yb_returns, part));
    c->loop->parts[c->kind] = NULL;
    yb_thread_pool_stop(c->pool);
    yb_thread_pool_join(c->pool);
    yb_thread_pool_unref(c->pool);
    yb_free(c);
}

static const char *prefix_of(yb_loop_part_kind kind)
{
    switch (kind) {
    case YB_PART_FILES:
        return "yibu-file";
    case YB_PART_LOOKUPS:
        return "yibu-lookup";
    case YB_PART_SPAWNERS:
        return "yibu-spawn";
    default:
        return "yibu-worker";
    }
}

/* A look-up, and a child that nobody waits for, are nothing that a program's end waits for. */
static int64_t exit_wait_of(const yibu_loop *loop, yb_loop_part_kind kind)
{
    return kind == YB_PART_LOOKUPS || kind == YB_PART_SPAWNERS ? 0 : yb_exit_wait_of(loop);
}

static int new_client(yibu_loop *loop, yb_loop_part_kind kind, unsigned max_threads,
                      client **ret_client)
{
    static const yb_executor_class class = {submit, cancel};
    client *c = yb_calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    const yb_thread_pool_plan plan = {
        .max_threads = max_threads ? max_threads : loop->options.max_threads,
        .name_prefix = prefix_of(kind),
        .exit_wait_ns = exit_wait_of(loop, kind),
        .watched_by = loop,
    };
    int r = yb_thread_pool_new(&plan, &c->pool);
    if (r < 0) {
        yb_free(c);
        return r;
    }
    c->executor.part = (yb_loop_part){.free = end, .idle = idle};
    c->executor.class = &class;
    c->loop = loop;
    c->kind = kind;
    *ret_client = c;
    return 0;
}

int yb_executor_make(yibu_loop *loop, yb_loop_part_kind kind, unsigned max_threads,
                     yb_executor **ret_executor)
{
    if (loop->closing)
        return YIBU_ESHUTDOWN;
    client *c;
    int r = new_client(loop, kind, max_threads, &c);
    if (r < 0)
        return r;
    loop->parts[kind] = &c->executor.part;
    *ret_executor = &c->executor;
    return 0;
}

yb_thread_pool *yb_thread_pool_of_client(yb_executor *executor)
{
    return client_of(executor)->pool;
}
