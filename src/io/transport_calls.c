/* What programs ask of a transport. */
#include <errno.h>

#include "base/options.h"
#include "io/transport.h"

/* Ending. */

void yibu_transport_close(yibu_transport *transport)
{
    yb_transport_enter(transport);
    yb_transport_end_reading(transport);
    yb_writer_close(&transport->writer);
    yb_transport_leave(transport);
}

void yibu_transport_abort(yibu_transport *transport)
{
    yb_transport_enter(transport);
    yb_transport_end_reading(transport);
    yb_writer_abort(&transport->writer);
    yb_transport_leave(transport);
}

void yibu_transport_free(yibu_transport *transport)
{
    if (!transport)
        return;
    transport->lost = true;
    transport->protocol = NULL;
    yibu_transport_abort(transport);
}

bool yibu_transport_is_closing(const yibu_transport *transport)
{
    return transport->writer.closing;
}

/* Reading. */

int yibu_transport_pause_reading(yibu_transport *transport)
{
    if (transport->writer.closing)
        return -EPIPE;
    transport->read_paused = true;
    return 0;
}

int yibu_transport_resume_reading(yibu_transport *transport)
{
    if (transport->writer.closing)
        return -EPIPE;
    if (transport->read_paused) {
        transport->read_paused = false;
        yb_transport_soon(transport);
    }
    return 0;
}

bool yibu_transport_is_reading(const yibu_transport *transport)
{
    return !transport->read_paused && !transport->read_ended;
}

/* Writing. */

int yibu_transport_write(yibu_transport *transport, const void *data, size_t size)
{
    if (!transport || (!data && size > 0))
        return -EINVAL;
    return yb_writer_write(&transport->writer, data, size);
}

int yibu_transport_writelines(yibu_transport *transport, const struct iovec *pieces, size_t count)
{
    if (!transport || (!pieces && count > 0))
        return -EINVAL;
    return yb_writer_writelines(&transport->writer, pieces, count);
}

int yibu_transport_write_eof(yibu_transport *transport)
{
    return yb_writer_write_eof(&transport->writer);
}

bool yibu_transport_can_write_eof(const yibu_transport *transport)
{
    return transport->writer.layer->can_finish;
}

int yibu_transport_set_write_buffer_limits(yibu_transport *transport, size_t high, size_t low)
{
    return yb_writer_set_limits(&transport->writer, high, low);
}

void yibu_transport_get_write_buffer_limits(const yibu_transport *transport, size_t *ret_high,
                                            size_t *ret_low)
{
    *ret_high = transport->writer.high_water;
    *ret_low = transport->writer.low_water;
}

size_t yibu_transport_get_write_buffer_size(const yibu_transport *transport)
{
    return transport->writer.chunks.size;
}

/* Around. */

int yibu_transport_get_extra_info(const yibu_transport *transport, yibu_stream_info *ret_info)
{
    if (!transport || !ret_info || ret_info->size < sizeof(ret_info->size))
        return -EINVAL;
    yibu_layer *layer = transport->writer.layer;
    yibu_stream_info info = {.fd = -1};
    layer->methods->info(layer, &info);
    yb_options_give(ret_info, &info, sizeof(info));
    return 0;
}

int yibu_transport_set_protocol(yibu_transport *transport, yibu_protocol *protocol)
{
    if (!transport || !yb_transport_can_tell(protocol))
        return -EINVAL;
    transport->protocol = protocol;
    return 0;
}

yibu_protocol *yibu_transport_get_protocol(const yibu_transport *transport)
{
    return transport->protocol;
}

yibu_layer *yibu_transport_get_layer(const yibu_transport *transport)
{
    return transport->writer.layer;
}

/* A wait that is under way is called off: it has taken nothing. */
int yibu_transport_set_layer(yibu_transport *transport, yibu_layer *layer)
{
    if (!transport || !layer || layer->loop != transport->loop || !transport->read_paused ||
        layer->methods->size < sizeof(*layer->methods))
        return -EINVAL;
    bool waits = transport->writer.layer->methods->wait_readable != NULL;
    if (!transport->writer.closing && (transport->holds || (transport->under_way && !waits)))
        return -EBUSY;
    int r = yb_writer_set_layer(&transport->writer, layer);
    if (r == 0 && transport->under_way)
        (void)yb_op_cancel(&transport->op);
    return r;
}
