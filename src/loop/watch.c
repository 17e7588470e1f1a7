/* A watch polls its descriptor, calls back, and polls again: level-triggered, one operation at a
 * time.  A watch that was removed leaves the table at once and is freed when its poll, cancelled,
 * has ended; a new watch of the same descriptor does not wait for that.  One that replaces another
 * polls anew, for the number may mean another file by now. */
#include "loop/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/memory.h"
#include "loop/overseer.h"
#include <yibu/error.h>

enum { READER, WRITER, DIRECTIONS };

typedef struct watch {
    yb_op op;
    yibu_loop *loop;
    yibu_callback *callback; /* NULL once removed */
    void *arg;
    bool calling; /* its callback runs: whoever removes it leaves the freeing to the caller */
} watch;

typedef struct yb_watch_table {
    size_t count;
    watch *entries[]; /* by descriptor and direction */
} yb_watch_table;

static size_t index_of(int fd, int direction)
{
    return (size_t)fd * DIRECTIONS + (size_t)direction;
}

static watch *find(const yibu_loop *loop, int fd, int direction)
{
    size_t index = index_of(fd, direction);
    return loop->watches && index < loop->watches->count ? loop->watches->entries[index] : NULL;
}

static int reserve(yibu_loop *loop, int fd)
{
    size_t old = loop->watches ? loop->watches->count : 0;
    size_t needed = index_of(fd + 1, READER);
    if (needed <= old)
        return 0;
    size_t count = old ? old : 64;
    while (count < needed)
        count *= 2;
    yb_watch_table *table =
        yb_realloc(loop->watches, sizeof(*table) + count * sizeof(table->entries[0]));
    if (!table)
        return -ENOMEM;
    memset(table->entries + old, 0, (count - old) * sizeof(table->entries[0]));
    table->count = count;
    loop->watches = table;
    return 0;
}

static void on_ready(yb_op *op, ssize_t result);

/* Starts the poll; what is ready at once is reported in the next turn. */
static int poll_again(watch *w, int fd, int direction)
{
    w->op = (yb_op){.callback = on_ready, .kind = YB_OP_POLL, .fd = fd};
    w->op.events = direction == READER ? YIBU_READABLE : YIBU_WRITABLE;
    int r = yb_op_start(w->loop, &w->op);
    if (r == 1) {
        w->loop->pending++;
        yb_op_complete_soon(&w->op, w->op.result);
        r = 0;
    }
    return r;
}

static void on_ready(yb_op *op, ssize_t result)
{
    watch *w = YB_CONTAINER_OF(op, watch, op);
    int fd = op->fd;
    int direction = op->events == YIBU_READABLE ? READER : WRITER;
    if (w->callback && result >= 0) {
        w->calling = true;
        yb_callback_run(w->loop, w->callback, w->arg);
        w->calling = false;
    }
    if (!w->callback) {
        yb_free(w);
        return;
    }
    int r = result < 0 ? (int)result : poll_again(w, fd, direction);
    if (r < 0) {
        yb_loop_report(w->loop, r, "descriptor %d can no longer be watched", fd);
        w->loop->watches->entries[index_of(fd, direction)] = NULL;
        yb_free(w);
    }
}

/* Takes w out of the table; on_ready frees it. */
static void discard(yibu_loop *loop, watch *w, int fd, int direction)
{
    loop->watches->entries[index_of(fd, direction)] = NULL;
    w->callback = NULL;
    if (!w->calling)
        (void)yb_op_cancel(&w->op);
}

static int start(yibu_loop *loop, int fd, int direction, yibu_callback *callback, void *arg)
{
    if (!yb_loop_network_of(fd) && fcntl(fd, F_GETFD) < 0)
        return -errno; /* io_uring would tell only later */
    int r = reserve(loop, fd);
    if (r < 0)
        return r;
    watch *w = yb_calloc(1, sizeof(*w));
    if (!w)
        return -ENOMEM;
    w->loop = loop;
    w->callback = callback;
    w->arg = arg;
    r = poll_again(w, fd, direction);
    if (r < 0) {
        yb_free(w);
        return r;
    }
    watch *replaced = find(loop, fd, direction);
    if (replaced)
        discard(loop, replaced, fd, direction);
    loop->watches->entries[index_of(fd, direction)] = w;
    return 0;
}

static int add(yibu_loop *loop, int fd, int direction, yibu_callback *callback, void *arg)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (!callback)
        return -EINVAL;
    if (fd < 0)
        return -EBADF;
    watch *w = find(loop, fd, direction);
    if (!w || !w->calling)
        return start(loop, fd, direction, callback, arg);
    w->callback = callback;
    w->arg = arg;
    return 0;
}

static int drop(yibu_loop *loop, int fd, int direction)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    watch *w = fd < 0 ? NULL : find(loop, fd, direction);
    if (!w)
        return 0;
    discard(loop, w, fd, direction);
    return 1;
}

int yibu_add_reader(yibu_loop *loop, int fd, yibu_callback *callback, void *arg)
{
    return add(loop, fd, READER, callback, arg);
}

int yibu_add_writer(yibu_loop *loop, int fd, yibu_callback *callback, void *arg)
{
    return add(loop, fd, WRITER, callback, arg);
}

int yibu_remove_reader(yibu_loop *loop, int fd)
{
    return drop(loop, fd, READER);
}

int yibu_remove_writer(yibu_loop *loop, int fd)
{
    return drop(loop, fd, WRITER);
}

void yb_watch_free_all(yibu_loop *loop)
{
    if (!loop->watches)
        return;
    for (size_t index = 0; index < loop->watches->count; index++)
        (void)drop(loop, (int)(index / DIRECTIONS), (int)(index % DIRECTIONS));
    yb_free(loop->watches);
    loop->watches = NULL;
}
