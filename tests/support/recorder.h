/* A protocol that writes down what it is told, and does something to its transport on demand. */
#ifndef RECORDER_H
#define RECORDER_H

#include "streams.h"

typedef enum act {
    ACT_NONE,
    ACT_CLOSE,
    ACT_ABORT,
    ACT_FREE,
    ACT_PAUSE,
    ACT_WRITE_AND_CLOSE,
    ACT_SET_PROTOCOL,
    ACT_COUNT, /* those before end the connection */
    ACT_PAUSE_READING
} act;

typedef struct recorder {
    yibu_protocol protocol;
    yibu_transport *transport; /* NULL once it is lost or freed */
    char log[4096];
    char bytes[4096]; /* where get_buffer says */
    size_t room;
    bool keep_open; /* what eof_received answers */
    bool ended;
    int peer;
    const char *event; /* at which … */
    act act;           /* … this is done, once */
} recorder;

static inline void note(recorder *r, const char *text, size_t size)
{
    size_t length = strlen(r->log);
    assert_true(length + size < sizeof(r->log));
    memcpy(r->log + length, text, size);
    r->log[length + size] = '\0';
}

static inline void note_event(recorder *r, const char *name, const char *detail, size_t size)
{
    note(r, name, strlen(name));
    if (detail) {
        note(r, "(", 1);
        note(r, detail, size);
        note(r, ")", 1);
    }
    note(r, " ", 1);
}

static yibu_protocol nobody;

static inline void do_act(recorder *r, yibu_transport *t, const char *event)
{
    if (!r->event || strcmp(r->event, event) != 0)
        return;
    r->event = NULL;
    switch (r->act) {
    case ACT_CLOSE:
        yibu_transport_close(t);
        break;
    case ACT_ABORT:
        yibu_transport_abort(t);
        break;
    case ACT_FREE:
        yibu_transport_free(t);
        r->transport = NULL;
        r->ended = true;
        break;
    case ACT_PAUSE:
        (void)yibu_transport_pause_reading(t);
        yibu_transport_close(t);
        break;
    case ACT_WRITE_AND_CLOSE:
        (void)yibu_transport_write(t, "bye", 3);
        yibu_transport_close(t);
        break;
    case ACT_SET_PROTOCOL:
        assert_int_equal(yibu_transport_set_protocol(t, &nobody), 0);
        yibu_transport_close(t);
        r->ended = true;
        break;
    case ACT_PAUSE_READING:
        assert_int_equal(yibu_transport_pause_reading(t), 0);
        break;
    default:
        break;
    }
}

static inline void on_made(yibu_protocol *protocol, yibu_transport *transport)
{
    recorder *r = (recorder *)(void *)protocol;
    r->transport = transport;
    note_event(r, "made", NULL, 0);
    do_act(r, transport, "made");
}

static inline void on_data(yibu_protocol *protocol, yibu_transport *transport, void *data,
                           size_t size)
{
    recorder *r = (recorder *)(void *)protocol;
    note_event(r, "data", data, size);
    do_act(r, transport, "data");
}

static inline void *on_get_buffer(yibu_protocol *protocol, yibu_transport *transport,
                                  size_t *ret_size)
{
    recorder *r = (recorder *)(void *)protocol;
    *ret_size = r->room;
    do_act(r, transport, "buffer");
    return r->bytes;
}

static inline void on_updated(yibu_protocol *protocol, yibu_transport *transport, size_t size)
{
    recorder *r = (recorder *)(void *)protocol;
    note_event(r, "updated", r->bytes, size);
    do_act(r, transport, "updated");
}

static inline bool on_eof(yibu_protocol *protocol, yibu_transport *transport)
{
    recorder *r = (recorder *)(void *)protocol;
    note_event(r, "eof", NULL, 0);
    do_act(r, transport, "eof");
    return r->keep_open;
}

static inline void on_lost(yibu_protocol *protocol, yibu_transport *transport, int error)
{
    recorder *r = (recorder *)(void *)protocol;
    const char *name = error ? yibu_error_name(error) : "0";
    note_event(r, "lost", name, strlen(name));
    do_act(r, transport, "lost");
    r->transport = NULL;
    r->ended = true;
}

static inline void on_pause(yibu_protocol *protocol, yibu_transport *transport)
{
    recorder *r = (recorder *)(void *)protocol;
    note_event(r, "pause", NULL, 0);
    do_act(r, transport, "pause");
}

static inline void on_resume(yibu_protocol *protocol, yibu_transport *transport)
{
    recorder *r = (recorder *)(void *)protocol;
    note_event(r, "resume", NULL, 0);
    do_act(r, transport, "resume");
}

#define RECORDER_METHODS                                                                       \
    .size = sizeof(yibu_protocol_methods), .connection_made = on_made, .eof_received = on_eof, \
    .connection_lost = on_lost, .pause_writing = on_pause, .resume_writing = on_resume

static const yibu_protocol_methods plain_methods = {RECORDER_METHODS, .data_received = on_data};
static const yibu_protocol_methods buffered_methods = {
    RECORDER_METHODS, .get_buffer = on_get_buffer, .buffer_updated = on_updated};
static const yibu_protocol_methods no_methods = {.size = sizeof(no_methods)};
static yibu_protocol nobody = {&no_methods};

static inline void recorder_init(recorder *r)
{
    memset(r, 0, sizeof(*r));
    r->protocol.methods = &plain_methods;
}

/* Whether transports are to stand on a layer that cannot be waited for, but only read. */
static bool recorder_only_reads;

static inline int open_transport(int fd, yibu_protocol *protocol,
                                 const yibu_stream_options *options, yibu_transport **ret_transport)
{
    static yibu_layer_methods reads;
    yibu_layer *layer;
    if (!recorder_only_reads)
        return yibu_transport_new(fd, protocol, options, ret_transport);
    int r = yibu_fd_layer_new(fd, &layer);
    if (r < 0)
        return r;
    reads = *layer->methods;
    reads.wait_readable = NULL;
    reads.try_read = NULL;
    layer->methods = &reads;
    r = yibu_transport_new_on(layer, protocol, options, ret_transport);
    if (r < 0)
        layer->methods->free(layer);
    return r;
}

/* Opens the recorder's transport on one end of a connection and returns the other, which blocks. */
static inline int recorder_open(recorder *r, const yibu_stream_options *options)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(open_transport(ends[0], &r->protocol, options, &r->transport), 0);
    return ends[1];
}

/* Waits until the log is that; the test's time limit ends what never comes. */
static inline void wait_for_log(const recorder *r, const char *log)
{
    size_t length = strlen(log);
    while (strlen(r->log) < length)
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
    assert_string_equal(r->log, log);
}

static inline void wait_for_end(const recorder *r)
{
    while (!r->ended)
        assert_int_equal(yibu_sleep(YIBU_US(100)), 0);
}

static inline void expect_bytes(int fd, const char *text)
{
    char bytes[64];
    size_t size = strlen(text);
    assert_int_equal(recv(fd, bytes, sizeof(bytes), 0), (int)size);
    assert_memory_equal(bytes, text, size);
}

/* Receives so many bytes of what the transport writes, or until the end. */
static inline size_t drain_peer(int fd, size_t size)
{
    static char bytes[65536];
    size_t received = 0;
    while (received < size) {
        ssize_t n = yibu_recv(fd, bytes, sizeof(bytes));
        if (n <= 0)
            break;
        received += (size_t)n;
    }
    return received;
}

/* A connection that goes through every event; at one of them, something is done to it that ends it.
 * Whatever it is, all of it ends. */
static inline void act_at(const char *event, act a)
{
    static char much[3000000];
    recorder r;
    recorder_init(&r);
    bool buffered = strcmp(event, "updated") == 0 || strcmp(event, "buffer") == 0;
    if (buffered)
        r.protocol.methods = &buffered_methods;
    r.room = sizeof(r.bytes);
    r.event = event;
    r.act = a;
    r.keep_open = strcmp(event, "eof") == 0 && a != ACT_NONE;
    int peer = recorder_open(&r, NULL);
    assert_int_equal(yibu_transport_write(r.transport, much, sizeof(much)), 0);
    assert_int_equal(send(peer, "x", 1, 0), 1);
    assert_int_equal(yibu_sleep(0), 0);
    if (r.transport && strcmp(event, "pause") == 0)
        (void)yibu_transport_set_write_buffer_limits(r.transport, 0, 0);
    (void)shutdown(peer, SHUT_WR);
    size_t received = drain_peer(peer, SIZE_MAX);
    assert_true(received <= sizeof(much) + 3);
    wait_for_end(&r);
    close(peer);
    assert_int_equal(yibu_sleep(0), 0);
    assert_int_equal(yibu_sleep(0), 0);
}

#endif
