/* The descriptors that wake a pool: the doorbell, which its workers ring, and the zygote's socket.
 *
 * The two watches are pending operations which do not count as such, or the loop would never be
 * without work: `pending` is lowered while they wait. */
#include <errno.h>
#include <unistd.h>

#include "proc/pool.h"

static void hear_doorbell(yb_op *op, ssize_t result);

static int watch(yb_process_pool *pool, yb_process_watch *watch, int fd,
                 void (*callback)(yb_op *op, ssize_t result))
{
    watch->op = (yb_op){.callback = callback, .arg = pool, .kind = YB_OP_POLL, .fd = fd};
    watch->op.events = YIBU_READABLE;
    int r = yb_op_start(pool->loop, &watch->op);
    if (r < 0)
        return r;
    watch->active = true;
    if (r == 0)
        pool->loop->pending--;
    else
        yb_op_complete_soon(&watch->op, watch->op.result);
    return 0;
}

/* A watch has come back; returns whether the pool goes on. */
static bool come_back(yb_process_pool *pool, yb_process_watch *watch)
{
    bool goes_on = !pool->ending;
    watch->active = false;
    if (goes_on)
        pool->loop->pending++;
    else
        yb_process_pool_let_go(pool);
    return goes_on;
}

static void hear_doorbell(yb_op *op, ssize_t result)
{
    yb_process_pool *pool = op->arg;
    uint64_t count;
    if (!come_back(pool, &pool->doorbell_watch))
        return;
    (void)!read(pool->doorbell, &count, sizeof(count));
    yb_process_pool_flush(pool);
    int r = yb_process_pool_watch_doorbell(pool);
    if (r < 0 || result < 0)
        yb_loop_report(pool->loop, r, "the process pool's doorbell cannot be watched");
}

int yb_process_pool_watch_doorbell(yb_process_pool *pool)
{
    return watch(pool, &pool->doorbell_watch, pool->doorbell, hear_doorbell);
}

static void hear_news(yb_op *op, ssize_t result)
{
    yb_process_pool *pool = op->arg;
    (void)result;
    if (!come_back(pool, &pool->news_watch))
        return;
    int r = yb_process_hear(pool);
    if (pool->ending) {
        yb_process_pool_let_go(pool);
        return;
    }
    if (r == 0)
        r = yb_process_pool_watch_news(pool);
    if (r < 0 && r != -ECONNRESET)
        yb_loop_report(pool->loop, r, "the process pool's zygote cannot be watched");
    yb_process_pool_flush(pool);
}

int yb_process_pool_watch_news(yb_process_pool *pool)
{
    return watch(pool, &pool->news_watch, pool->spawner.socket, hear_news);
}

static void unwatch(yb_process_pool *pool, yb_process_watch *watch)
{
    if (!watch->active)
        return;
    pool->loop->pending++;
    (void)yb_op_cancel(&watch->op);
}

void yb_process_pool_unwatch(yb_process_pool *pool)
{
    unwatch(pool, &pool->news_watch);
    unwatch(pool, &pool->doorbell_watch);
}
