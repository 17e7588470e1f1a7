/* The write side of a connection, which streams and transports have in common: what does not go out
 * at once waits in chunks, and an operation of the writer's own sends them, one after the other,
 * then what ends them, then the close. */
#ifndef YB_IO_WRITER_H
#define YB_IO_WRITER_H

#include "io/chunks.h"
#include "loop/loop.h"
#include <yibu/layer.h>

/* What it does. */
typedef enum yb_writer_phase {
    YB_WRITER_IDLE,
    YB_WRITER_WRITING,   /* the first chunk is with the layer */
    YB_WRITER_FINISHING, /* the end of what is written is */
    YB_WRITER_CLOSING,   /* the close is */
    YB_WRITER_LENT,      /* somebody else writes to the layer's descriptor */
    YB_WRITER_CLOSED     /* the layer is closed, and nothing is under way */
} yb_writer_phase;

typedef struct yb_writer yb_writer;
struct yb_writer {
    yibu_layer *layer;
    /* Called where paused, error or phase have changed: the last that the writer does in a call or
     * a completion, so it may free the writer. */
    void (*changed)(yb_writer *writer);
    uint8_t phase; /* yb_writer_phase */
    bool has_changed;
    bool paused; /* more than high_water waited, and more than low_water still does */
    bool eof_asked, eof_sent;
    bool closing; /* nothing more may be written */
    bool aborted; /* and nothing that was goes out */
    int error;    /* why writing failed */
    yb_chunks chunks;
    size_t high_water, low_water, max_buffered;
    yb_op op; /* of the phase */
};

/* Makes a writer in zeroed memory; options as in yb_options_take.  Returns 0 or -EINVAL. */
int yb_writer_init(yb_writer *writer, yibu_layer *layer, const yibu_stream_options *options,
                   void (*changed)(yb_writer *writer));

/* As the calls of streams. */
int yb_writer_write(yb_writer *writer, const void *data, size_t size);
int yb_writer_writelines(yb_writer *writer, const struct iovec *pieces, size_t count);
int yb_writer_write_eof(yb_writer *writer);
int yb_writer_set_limits(yb_writer *writer, size_t high, size_t low);
void yb_writer_close(yb_writer *writer);
void yb_writer_abort(yb_writer *writer);

/* Lets somebody else write to the layer's descriptor; what is written meanwhile waits.
 * Returns 0; -EBUSY where something waits to be written, or it is lent; or why nothing may be. */
int yb_writer_lend(yb_writer *writer);
/* Ends that, with the failure of the descriptor, or 0. */
void yb_writer_take_back(yb_writer *writer, int error);

/* Moves to another layer: 0, -EINVAL, -EPIPE, or -EBUSY where something waits to be written. */
int yb_writer_set_layer(yb_writer *writer, yibu_layer *layer);

#endif
