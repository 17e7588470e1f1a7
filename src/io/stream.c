/* A stream's beginning and end.  stream_read.c and stream_write.c are its two sides, which know
 * little of each other: an error of one leaves the other alone.
 *
 * A stream lives until yibu_stream_free, and its memory until the operation of its write side has
 * ended.  The streams of a loop are known to it: its end closes the descriptors of those that the
 * program forgot, as nothing would flush them any more. */
#include "io/stream.h"

#include <errno.h>
#include <string.h>

#include "base/deadline.h"
#include "base/memory.h"
#include "base/options.h"
#include <yibu/error.h>

enum { DEFAULT_LIMIT = 65536 };

/* The streams of a loop. */

typedef struct streams {
    yb_loop_part part;
    yibu_loop *loop;
    yb_list all;     /* yibu_stream.links */
    yb_list resting; /* yibu_stream.resting, the one that has waited longest first */
    yb_timer timer;  /* for the first of these */
    bool armed;
} streams;

static const int64_t REST_NS = YIBU_SECONDS(1);

static void arm(streams *s);

static void look_at_resting(yb_timer *timer)
{
    streams *s = YB_CONTAINER_OF(timer, streams, timer);
    s->armed = false;
    while (!yb_list_empty(&s->resting)) {
        yibu_stream *stream = YB_CONTAINER_OF(s->resting.next, yibu_stream, resting);
        if (stream->rests_since_ns > s->loop->now_ns - REST_NS)
            break;
        yb_list_remove(&stream->resting);
        yb_stream_give_back(stream);
    }
    arm(s);
}

static void arm(streams *s)
{
    if (s->armed || yb_list_empty(&s->resting))
        return;
    yibu_stream *first = YB_CONTAINER_OF(s->resting.next, yibu_stream, resting);
    s->timer.deadline_ns = yb_deadline_after(first->rests_since_ns, REST_NS);
    s->timer.fire = look_at_resting;
    s->armed = true;
    yb_loop_timer_add(s->loop, &s->timer);
}

void yb_stream_rest(yibu_stream *stream)
{
    streams *s = YB_CONTAINER_OF(stream->loop->parts[YB_PART_STREAMS], streams, part);
    stream->rests_since_ns = stream->loop->now_ns;
    yb_list_push_back(&s->resting, &stream->resting);
    arm(s);
}

void yb_stream_rise(yibu_stream *stream)
{
    yb_list_remove(&stream->resting);
}

static void free_streams(yb_loop_part *part)
{
    streams *s = YB_CONTAINER_OF(part, streams, part);
    for (yb_list *item; (item = yb_list_pop_front(&s->all));) {
        yibu_stream *stream = YB_CONTAINER_OF(item, yibu_stream, links);
        yibu_stream_abort(stream);
        stream->loop = NULL;
    }
    if (s->armed)
        yb_loop_timer_remove(s->loop, &s->timer);
    s->loop->parts[YB_PART_STREAMS] = NULL;
    yb_free(s);
}

static streams *streams_of(yibu_loop *loop)
{
    yb_loop_part *part = loop->parts[YB_PART_STREAMS];
    if (part)
        return YB_CONTAINER_OF(part, streams, part);
    streams *s = yb_calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->part.free = free_streams;
    s->loop = loop;
    yb_list_init(&s->all);
    yb_list_init(&s->resting);
    loop->parts[YB_PART_STREAMS] = &s->part;
    return s;
}

/* Making. */

static int apply(yibu_stream *stream, yibu_layer *layer, const yibu_stream_options *options)
{
    yibu_stream_options taken;
    int r = yb_options_take(&taken, sizeof(taken), options);
    if (r < 0)
        return r;
    stream->limit = taken.limit ? taken.limit : DEFAULT_LIMIT;
    return yb_writer_init(&stream->writer, layer, options, yb_stream_writer_changed);
}

int yb_stream_check_options(const yibu_stream_options *options)
{
    yibu_stream nowhere = {0};
    return apply(&nowhere, NULL, options);
}

int yibu_stream_new_on(yibu_layer *layer, const yibu_stream_options *options,
                       yibu_stream **ret_stream)
{
    if (!layer || layer->methods->size < sizeof(*layer->methods) || !ret_stream)
        return -EINVAL;
    yb_loop_check_thread(layer->loop, "a stream was made on a layer");
    streams *all = streams_of(layer->loop);
    yibu_stream *stream = yb_calloc(1, sizeof(*stream));
    int r = all && stream ? apply(stream, layer, options) : -ENOMEM;
    if (r < 0) {
        yb_free(stream);
        return r;
    }
    stream->loop = layer->loop;
    stream->read_size = YB_STREAM_FIRST_READ_BYTES;
    yb_list_init(&stream->resting);
    yb_list_push_back(&all->all, &stream->links);
    *ret_stream = stream;
    return 0;
}

int yibu_stream_new(int fd, const yibu_stream_options *options, yibu_stream **ret_stream)
{
    if (!ret_stream)
        return -EINVAL;
    yibu_layer *layer;
    int r = yibu_fd_layer_new(fd, &layer);
    if (r < 0)
        return r;
    r = yibu_stream_new_on(layer, options, ret_stream);
    if (r < 0)
        layer->methods->free(layer);
    return r;
}

yibu_layer *yibu_stream_get_layer(const yibu_stream *stream)
{
    return stream->writer.layer;
}

int yibu_stream_set_layer(yibu_stream *stream, yibu_layer *layer)
{
    if (!stream || !layer || layer->loop != stream->loop ||
        layer->methods->size < sizeof(*layer->methods))
        return -EINVAL;
    if (stream->reader && !stream->writer.closing)
        return -EBUSY;
    return yb_writer_set_layer(&stream->writer, layer);
}

/* Closing. */

void yibu_stream_close(yibu_stream *stream)
{
    if (stream->writer.closing)
        return;
    yb_stream_end_reading(stream);
    yb_writer_close(&stream->writer);
}

void yibu_stream_abort(yibu_stream *stream)
{
    if (stream->writer.phase == YB_WRITER_CLOSED)
        return;
    yb_stream_end_reading(stream);
    yb_writer_abort(&stream->writer);
}

bool yibu_stream_is_closing(const yibu_stream *stream)
{
    return stream->writer.closing;
}

static yb_waiters *waiters_of_close(void *object)
{
    return &((yibu_stream *)object)->closed;
}

static const yb_waitable_class close_class = {
    .wait = {.name = "close of a stream", .interrupt = yb_waiter_interrupt},
    .waiters = waiters_of_close,
};

int yibu_stream_wait_closed(yibu_stream *stream)
{
    int r;
    yb_task *task = yb_task_enter(&r);
    if (!task)
        return r;
    intptr_t value = 0;
    if (stream->writer.phase != YB_WRITER_CLOSED)
        r = yb_wait_on(&close_class, stream, task, &value);
    return r < 0 ? r : stream->writer.aborted ? 0 : stream->writer.error;
}

void yb_stream_destroy(yibu_stream *stream)
{
    stream->writer.layer->methods->free(stream->writer.layer);
    yb_free(stream->bytes);
    yb_free(stream);
}

static void check_unused(const yibu_stream *stream)
{
    if (stream->reader || !yb_waiters_empty(&stream->drained) || !yb_waiters_empty(&stream->closed))
        yb_abort("a stream was freed while a task waits for it");
}

void yibu_stream_free(yibu_stream *stream)
{
    if (!stream)
        return;
    check_unused(stream);
    yb_list_remove(&stream->links);
    yibu_stream_abort(stream);
    stream->released = true;
    if (stream->writer.phase == YB_WRITER_CLOSED)
        yb_stream_destroy(stream);
}

int yibu_stream_get_extra_info(const yibu_stream *stream, yibu_stream_info *ret_info)
{
    if (!stream || !ret_info || ret_info->size < sizeof(ret_info->size))
        return -EINVAL;
    yibu_stream_info info = {.fd = -1};
    stream->writer.layer->methods->info(stream->writer.layer, &info);
    yb_options_give(ret_info, &info, sizeof(info));
    return 0;
}
