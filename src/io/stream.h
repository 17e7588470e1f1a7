/* Streams from the inside. */
#ifndef YB_IO_STREAM_H
#define YB_IO_STREAM_H

#include "io/writer.h"
#include "task/wait.h"
#include <yibu/layer.h>

enum { YB_STREAM_FIRST_READ_BYTES = 512 }; /* asked for at once, until more comes */

struct yibu_stream {
    yibu_loop *loop; /* NULL once that has ended */
    yb_list links;   /* among the loop's */
    size_t limit;

    /* The read side: bytes[start..end] of capacity are buffered. */
    char *bytes;
    size_t start, end, capacity;
    size_t read_size;  /* how much to ask for next */
    yb_task *reader;   /* who is in a call that reads */
    int read_error;    /* of the layer, told once the buffer does not suffice */
    bool read_ended;   /* no more is received: the end, an error, a feed_eof or a close */
    bool read_waits;   /* the reader's operation is under way */
    bool read_changed; /* … and something else than that has happened */
    bool read_idle;    /* nothing has come for long: little is asked for until something does */
    yb_list resting;   /* among the loop's that wait with a buffer worth giving back */
    int64_t rests_since_ns;

    yb_writer writer;
    yb_waiters drained, closed;
    bool released;
};

/* Whether options, which may be NULL, can be used: 0 or -EINVAL. */
int yb_stream_check_options(const yibu_stream_options *options);

/* Ends the read side as if the stream had ended; who reads hears of it. */
void yb_stream_end_reading(yibu_stream *stream);

/* A read that may take long begins to wait, and ends: the stream is known to the loop meanwhile,
 * which has it give its buffer back after a while. */
void yb_stream_rest(yibu_stream *stream);
void yb_stream_rise(yibu_stream *stream);

/* Gives back what is not needed of the buffer of a stream that waits. */
void yb_stream_give_back(yibu_stream *stream);

/* Of the writer's: wakes who waits, and frees a stream that nobody holds any more. */
void yb_stream_writer_changed(yb_writer *writer);

/* Frees what is closed. */
void yb_stream_destroy(yibu_stream *stream);

#endif
