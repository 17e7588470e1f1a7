/* The messages of a submitted job, as an async iterator.
 *
 * The future keeps the box; the iterator keeps the future, and hears of its end, behind which
 * nothing comes: so does a job that never ran end it. */
#include <errno.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "exec/job_call.h"
#include <yibu/payload.h>

typedef struct messages {
    yibu_iterator iterator; /* first */
    yibu_concurrent_future *future;
    yb_message_box *box;
    yb_kept_message *current; /* what the consumer has */
    yb_ending ending;
    _Atomic(unsigned) references; /* the iterator's, and the ending's */
} messages;

static void unref(messages *m)
{
    if (atomic_fetch_sub(&m->references, 1) > 1)
        return;
    yibu_concurrent_future_unref(m->future);
    yb_free(m);
}

static void ended(yb_ending *ending, yibu_concurrent_future *future)
{
    messages *m = YB_CONTAINER_OF(ending, messages, ending);
    (void)future;
    yb_message_box_close(m->box);
    unref(m);
}

static messages *of(yibu_iterator *iterator)
{
    return (messages *)(void *)iterator;
}

static void drop_current(messages *m)
{
    yb_free(m->current);
    m->current = NULL;
}

static int next(yibu_iterator *iterator, void **ret_item)
{
    messages *m = of(iterator);
    bool room;
    drop_current(m);
    int r = yb_message_box_get(m->box, &m->current, &room);
    if (r == 1)
        *ret_item = &m->current->bytes;
    if (r == 1 && room)
        yb_job_call_listen_again(m->future);
    return r;
}

static int close(yibu_iterator *iterator)
{
    messages *m = of(iterator);
    drop_current(m);
    if (yb_message_box_leave(m->box))
        yb_job_call_listen_again(m->future);
    return 0;
}

static void release(yibu_iterator *iterator)
{
    messages *m = of(iterator);
    if (yb_concurrent_future_leave(m->future, &m->ending))
        unref(m);
    unref(m);
}

static const yibu_iterator_class class = {.size = sizeof(class),
                                          .name = "messages of a job",
                                          .next = next,
                                          .close = close,
                                          .free = release};

yibu_iterator *yibu_concurrent_future_messages(yibu_concurrent_future *future)
{
    yb_job_outcome *outcome = future ? yb_job_outcome_of(future) : NULL;
    if (!outcome || !outcome->keeps_messages)
        return NULL;
    messages *m = yb_malloc(sizeof(*m));
    if (!m || !yb_message_box_claim(&outcome->box)) {
        yb_free(m);
        return NULL;
    }
    *m = (messages){.future = yibu_concurrent_future_ref(future), .box = &outcome->box};
    atomic_init(&m->references, 2);
    m->ending.ended = ended;
    yibu_iterator_init(&m->iterator, &class);
    if (!yb_concurrent_future_attend(future, &m->ending))
        ended(&m->ending, future);
    return &m->iterator;
}
