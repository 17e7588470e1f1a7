/* The messages of a submitted job, between the thread that hears them and the task that takes them.
 *
 * The box is bounded: what comes when it is full is refused, stays where it is, and is asked for
 * again once there is room; but for what a job that has ended left behind, which is taken. */
#ifndef YB_EXEC_MESSAGE_BOX_H
#define YB_EXEC_MESSAGE_BOX_H

#include <pthread.h>

#include "exec/listener.h"
#include "loop/loop.h"

enum { YB_MESSAGE_BOX_BYTES = 256 * 1024 };

typedef struct yb_kept_message {
    yb_list links;
    yibu_bytes bytes; /* behind the struct */
} yb_kept_message;

typedef struct yb_message_box {
    pthread_mutex_t lock; /* of all that follows */
    yb_list kept;
    size_t bytes;  /* in them */
    yb_op *reader; /* of the task that waits, NULL: none does */
    int failure;   /* no memory for a message: nothing comes after it */
    bool claimed;  /* has a reader, or had one */
    bool refused;  /* a message waits for room */
    bool closed;   /* nothing more comes */
    bool deaf;     /* nobody reads any more: messages go nowhere */
} yb_message_box;

void yb_message_box_init(yb_message_box *box);
void yb_message_box_destroy(yb_message_box *box);

/* The yb_listener.take of a box.  Any thread; never blocks. */
bool yb_message_box_put(void *box, yibu_bytes message, bool must);
/* Nothing more comes. */
void yb_message_box_close(yb_message_box *box);

/* The reader's.  Claims the box; false: somebody has. */
bool yb_message_box_claim(yb_message_box *box);
/* The next message, which the caller frees, suspending until there is one; *ret_room: there is room
 * for what was refused.  Returns 1, 0 at the end, -ENOMEM, -ECANCELED. */
int yb_message_box_get(yb_message_box *box, yb_kept_message **ret_message, bool *ret_room);
/* Reads no more; true: something was refused. */
bool yb_message_box_leave(yb_message_box *box);

#endif
