#include "exec/message_box.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "task/task.h"

void yb_message_box_init(yb_message_box *box)
{
    *box = (yb_message_box){.reader = NULL};
    pthread_mutex_init(&box->lock, NULL);
    yb_list_init(&box->kept);
}

static void empty(yb_message_box *box)
{
    for (yb_list *item; (item = yb_list_pop_front(&box->kept));)
        yb_free(YB_CONTAINER_OF(item, yb_kept_message, links));
    box->bytes = 0;
}

void yb_message_box_destroy(yb_message_box *box)
{
    empty(box);
    pthread_mutex_destroy(&box->lock);
}

/* The reader, which waits by the operation in its task's header. */

static yb_runnable *posted_of(yb_op *op)
{
    return (yb_runnable *)(void *)op->custom_room;
}

static void arrive(yb_runnable *posted)
{
    yb_op_complete(YB_CONTAINER_OF(posted, yb_op, custom_room), 0);
}

/* Under the lock. */
static void wake(yb_message_box *box)
{
    yb_op *op = box->reader;
    box->reader = NULL;
    if (op)
        yb_loop_post(op->loop, posted_of(op));
}

static bool withdraw(yb_op *op)
{
    yb_message_box *box = op->custom_data;
    pthread_mutex_lock(&box->lock);
    bool waits = box->reader == op;
    if (waits)
        box->reader = NULL;
    pthread_mutex_unlock(&box->lock);
    return waits;
}

static int wait(yb_message_box *box)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    yb_op *op = yb_task_prepare_op(task, YB_OP_CUSTOM, -1);
    posted_of(op)->run = arrive;
    pthread_mutex_lock(&box->lock);
    bool waits = yb_list_empty(&box->kept) && !box->closed;
    if (waits) {
        yb_op_begin_custom(task->future.loop, op, withdraw, box);
        box->reader = op;
    }
    pthread_mutex_unlock(&box->lock);
    return waits ? (int)yb_task_wait_op(task) : 0;
}

/* Putting. */

static yb_kept_message *keep(yibu_bytes message)
{
    yb_kept_message *kept = yb_malloc(sizeof(*kept) + message.size);
    if (!kept)
        return NULL;
    kept->bytes = (yibu_bytes){kept + 1, message.size};
    if (message.size > 0)
        memcpy(kept + 1, message.data, message.size);
    return kept;
}

/* Under the lock. */
static void put(yb_message_box *box, yibu_bytes message)
{
    yb_kept_message *kept = box->failure ? NULL : keep(message);
    if (kept) {
        yb_list_push_back(&box->kept, &kept->links);
        box->bytes += sizeof(*kept) + message.size;
    } else {
        box->failure = -ENOMEM;
    }
    wake(box);
}

bool yb_message_box_put(void *arg, yibu_bytes message, bool must)
{
    yb_message_box *box = arg;
    pthread_mutex_lock(&box->lock);
    bool full = box->bytes >= YB_MESSAGE_BOX_BYTES && !must && !box->deaf && !box->failure;
    if (full)
        box->refused = true;
    else if (!box->deaf && !box->failure)
        put(box, message);
    pthread_mutex_unlock(&box->lock);
    return !full;
}

void yb_message_box_close(yb_message_box *box)
{
    pthread_mutex_lock(&box->lock);
    box->closed = true;
    wake(box);
    pthread_mutex_unlock(&box->lock);
}

/* Taking. */

bool yb_message_box_claim(yb_message_box *box)
{
    pthread_mutex_lock(&box->lock);
    bool first = !box->claimed;
    box->claimed = true;
    pthread_mutex_unlock(&box->lock);
    return first;
}

/* Under the lock. */
static bool take_room(yb_message_box *box)
{
    bool room = box->refused && box->bytes < YB_MESSAGE_BOX_BYTES / 2;
    if (room)
        box->refused = false;
    return room;
}

/* Returns 1, 0 where there is nothing yet, -ENOENT where nothing will come, -ENOMEM. */
static int try_get(yb_message_box *box, yb_kept_message **ret_message, bool *ret_room)
{
    int r;
    pthread_mutex_lock(&box->lock);
    yb_list *item = yb_list_pop_front(&box->kept);
    if (item) {
        *ret_message = YB_CONTAINER_OF(item, yb_kept_message, links);
        box->bytes -= sizeof(**ret_message) + (*ret_message)->bytes.size;
        r = 1;
    } else {
        r = box->failure ? box->failure : box->closed ? -ENOENT : 0;
    }
    *ret_room = take_room(box);
    pthread_mutex_unlock(&box->lock);
    return r;
}

int yb_message_box_get(yb_message_box *box, yb_kept_message **ret_message, bool *ret_room)
{
    int r;
    while ((r = try_get(box, ret_message, ret_room)) == 0) {
        r = wait(box);
        if (r < 0)
            return r;
    }
    return r == -ENOENT ? 0 : r;
}

bool yb_message_box_leave(yb_message_box *box)
{
    pthread_mutex_lock(&box->lock);
    bool refused = box->refused;
    box->refused = false;
    box->deaf = true;
    empty(box);
    pthread_mutex_unlock(&box->lock);
    return refused;
}
