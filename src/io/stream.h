/* Streams from the inside. */
#ifndef YB_IO_STREAM_H
#define YB_IO_STREAM_H

#include "io/chunks.h"
#include "task/wait.h"
#include <yibu/layer.h>

/* What the write side does. */
typedef enum yb_stream_phase {
    YB_STREAM_IDLE,
    YB_STREAM_WRITING,   /* the first chunk is with the layer */
    YB_STREAM_FINISHING, /* the end of what is written is */
    YB_STREAM_CLOSING,   /* the close is */
    YB_STREAM_CLOSED
} yb_stream_phase;

struct yibu_stream {
    yibu_loop *loop; /* NULL once that has ended */
    yibu_layer *layer;
    yb_list links; /* among the loop's */
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

    /* The write side. */
    uint8_t phase; /* yb_stream_phase */
    bool paused;   /* drain waits */
    bool eof_asked, eof_sent;
    bool closing; /* nothing more may be written */
    bool aborted; /* and nothing that was goes out */
    bool released;
    int write_error;
    yb_chunks chunks;
    size_t high_water, low_water, max_buffered;
    yb_op op; /* of the phase */
    yb_waiters drained, closed;
};

/* Whether options, which may be NULL, can be used: 0 or -EINVAL. */
int yb_stream_check_options(const yibu_stream_options *options);

/* Ends the read side as if the stream had ended; who reads hears of it. */
void yb_stream_end_reading(yibu_stream *stream);

/* Goes on with the write side: what is buffered, then its end, then the close. */
void yb_stream_advance(yibu_stream *stream);

/* Ends the write side at once; the layer has been told. */
void yb_stream_drop(yibu_stream *stream);

/* The write side has come to its end: frees a stream that nobody holds any more. */
void yb_stream_ended(yibu_stream *stream);

#endif
