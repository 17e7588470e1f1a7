/* A transport and its peer: whatever is sent, written, paused, and changed, in whichever pieces,
 * both sides receive every byte once and in order, and a protocol is told of its end once. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yibu.h>

#include "check.h"

enum { WRITE_LIMIT = 1 << 20 };

typedef struct side {
    yibu_protocol protocol; /* plain or buffered, as it goes */
    yibu_transport *transport;
    int peer;
    uint64_t sent, received;    /* by the peer, by the protocol */
    uint64_t written, peer_has; /* by the protocol, by the peer */
    char buffer[97];
    size_t room;
    bool paused, write_paused, lost;
} side;

static uint8_t byte_at(uint64_t place)
{
    return (uint8_t)(place * 167 ^ place >> 7);
}

static void check_bytes(const uint8_t *bytes, size_t size, uint64_t *place)
{
    for (size_t i = 0; i < size; i++)
        CHECK(bytes[i] == byte_at(*place + i));
    *place += size;
}

static void on_made(yibu_protocol *protocol, yibu_transport *transport)
{
    side *s = (side *)(void *)protocol;
    s->transport = transport;
}

static void on_data(yibu_protocol *protocol, yibu_transport *transport, void *data, size_t size)
{
    side *s = (side *)(void *)protocol;
    CHECK(!s->paused && !s->lost && transport == s->transport && size > 0);
    check_bytes(data, size, &s->received);
    memset(data, 0xee, size);
}

static void *on_get_buffer(yibu_protocol *protocol, yibu_transport *transport, size_t *ret_size)
{
    side *s = (side *)(void *)protocol;
    CHECK(!s->paused && !s->lost && transport == s->transport && *ret_size > 0);
    *ret_size = s->room;
    return s->buffer;
}

static void on_updated(yibu_protocol *protocol, yibu_transport *transport, size_t size)
{
    side *s = (side *)(void *)protocol;
    CHECK(!s->paused && size > 0 && size <= s->room && transport == s->transport);
    check_bytes((const uint8_t *)s->buffer, size, &s->received);
    if (s->room % 5 == 0 && yibu_transport_pause_reading(transport) == 0)
        s->paused = true; /* in the middle of what has come */
}

static bool on_eof(yibu_protocol *protocol, yibu_transport *transport)
{
    side *s = (side *)(void *)protocol;
    CHECK(!s->paused && transport == s->transport);
    CHECK(s->received == s->sent);
    return s->room % 2;
}

static void on_lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    side *s = (side *)(void *)protocol;
    CHECK(!s->lost && transport == s->transport);
    CHECK(error == 0 || error == -EPIPE || error == -ECONNRESET || error == -ECANCELED);
    s->lost = true;
}

static void on_pause(yibu_protocol *protocol, yibu_transport *transport)
{
    side *s = (side *)(void *)protocol;
    CHECK(!s->write_paused && transport == s->transport);
    s->write_paused = true;
}

static void on_resume(yibu_protocol *protocol, yibu_transport *transport)
{
    side *s = (side *)(void *)protocol;
    CHECK(s->write_paused && transport == s->transport);
    s->write_paused = false;
}

#define METHODS                                                                                \
    .size = sizeof(yibu_protocol_methods), .connection_made = on_made, .eof_received = on_eof, \
    .connection_lost = on_lost, .pause_writing = on_pause, .resume_writing = on_resume

static const yibu_protocol_methods plain = {METHODS, .data_received = on_data};
static const yibu_protocol_methods buffered = {METHODS, .get_buffer = on_get_buffer,
                                               .buffer_updated = on_updated};

/* What can happen. */

static void fill(uint8_t *bytes, size_t size, uint64_t place)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(place + i);
}

static void peer_sends(side *s, size_t size)
{
    uint8_t bytes[4096];
    fill(bytes, size, s->sent);
    ssize_t n = s->peer < 0 ? -1 : send(s->peer, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    s->sent += n > 0 ? (uint64_t)n : 0;
}

static void peer_receives(side *s, size_t size)
{
    uint8_t bytes[65536];
    ssize_t n = s->peer < 0 ? -1 : recv(s->peer, bytes, size, MSG_DONTWAIT);
    if (n > 0)
        check_bytes(bytes, (size_t)n, &s->peer_has);
    CHECK(s->peer_has <= s->written);
}

static void write_bytes(side *s, size_t size, bool in_pieces)
{
    uint8_t bytes[65536];
    fill(bytes, size, s->written);
    struct iovec pieces[2] = {{bytes, size / 3}, {bytes + size / 3, size - size / 3}};
    int r = in_pieces ? yibu_transport_writelines(s->transport, pieces, 2)
                      : yibu_transport_write(s->transport, bytes, size);
    if (r == 0)
        s->written += size;
    else
        CHECK(r == -ENOBUFS || r == -EPIPE || r == -ECONNRESET);
}

static void set_reading(side *s, bool paused)
{
    int r = paused ? yibu_transport_pause_reading(s->transport)
                   : yibu_transport_resume_reading(s->transport);
    if (r == 0)
        s->paused = paused;
}

static void act(side *s, unsigned what, unsigned much)
{
    switch (what % 12) {
    case 0:
    case 1:
        peer_sends(s, much * 16 + 1);
        break;
    case 2:
        peer_receives(s, much * 256 + 1);
        break;
    case 3:
    case 4:
        write_bytes(s, much * 256, what % 12 == 4);
        break;
    case 5:
    case 6:
        set_reading(s, what % 12 == 5);
        break;
    case 7:
        s->protocol.methods = much % 2 ? &plain : &buffered;
        s->room = 1 + much % sizeof(s->buffer);
        break;
    case 8:
        (void)yibu_transport_set_write_buffer_limits(s->transport, much * 100, much * 10);
        break;
    case 9:
        if (much == 7)
            (void)shutdown(s->peer, SHUT_WR);
        break;
    case 10:
        if (much == 3)
            yibu_transport_close(s->transport);
        if (much == 4)
            yibu_transport_abort(s->transport);
        if (much == 5)
            (void)yibu_transport_write_eof(s->transport);
        break;
    default:
        CHECK(yibu_loop_run_once(yibu_get_running_loop(), 0) >= 0);
    }
}

static int open_transport(side *s, int fd, bool only_reads, const yibu_stream_options *options)
{
    static yibu_layer_methods reads;
    yibu_layer *layer;
    CHECK(yibu_fd_layer_new(fd, &layer) == 0);
    if (only_reads) {
        reads = *layer->methods;
        reads.wait_readable = NULL;
        reads.try_read = NULL;
        layer->methods = &reads;
    }
    return yibu_transport_new_on(layer, &s->protocol, options, &s->transport);
}

/* Lets everything arrive, and looks whether it has. */
static void finish(side *s, yibu_loop *loop)
{
    s->protocol.methods = &plain; /* not byte by byte */
    if (!s->lost)
        set_reading(s, false);
    bool closing = s->lost || yibu_transport_is_closing(s->transport);
    if (!closing)
        (void)yibu_transport_write_eof(s->transport);
    (void)shutdown(s->peer, SHUT_WR);
    for (int i = 0; i < 10000 && !s->lost && !(s->received == s->sent && s->peer_has == s->written);
         i++) {
        CHECK(yibu_loop_run_once(loop, YIBU_US(100)) >= 0);
        peer_receives(s, 65536);
    }
    if (!closing) {
        CHECK(s->received == s->sent);
        while (s->peer_has < s->written)
            peer_receives(s, 65536);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream in = {data, data + size};
    yibu_loop *loop;
    int ends[2];
    unsigned how = take(&in);
    side s = {.protocol.methods = how & 1 ? &plain : &buffered, .room = 1 + how % 97};
    const yibu_stream_options options = {.size = sizeof(options), .max_buffered = WRITE_LIMIT};
    CHECK(yibu_loop_new(NULL, &loop) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    s.peer = ends[1];
    CHECK(open_transport(&s, ends[0], how & 2, &options) == 0);
    while (in.at < in.end && !s.lost) {
        unsigned what = take(&in);
        act(&s, what, take(&in));
    }
    finish(&s, loop);
    if (!s.lost && how & 4)
        yibu_transport_free(s.transport);
    else if (!s.lost)
        yibu_transport_abort(s.transport);
    bool freed = !s.lost && how & 4;
    for (int i = 0; i < 1000 && !freed && !s.lost; i++)
        CHECK(yibu_loop_run_once(loop, YIBU_US(100)) >= 0);
    CHECK(freed || s.lost);
    close(s.peer);
    CHECK(yibu_loop_free(loop) == 0);
    return 0;
}
