/* Connections come, talk at random, and end in every way there is; both sides check every byte.
 *
 * A session is a number of frames, each answered by one.  A frame has its place in the session, the
 * length of what follows and its checksum, so nothing can be lost, doubled, moved or changed
 * without being noticed.  How a session ends its first frame says: in order, closed or reset by
 * either side, or with its client's task cancelled somewhere.  In some sessions both sides read
 * with time limits that expire all the time, and go on.
 *
 * The server and all the clients are a process each.  The traffic begins, and its time, when every
 * client has a connection over which it was answered. */
#include "server_process.h"

/* More at once than the listener's line has room for, and the kernel would reset some. */
enum { FRAME_MAX = 16384, CONNECTING_MAX = 1000 };

typedef enum ending {
    IN_ORDER,
    SERVER_CLOSES,
    SERVER_RESETS,
    CLIENT_RESETS,
    CLIENT_IS_CANCELLED,
    ENDINGS
} ending;

static const char *const ending_names[ENDINGS] = {
    "in order", "closed by the server", "reset by the server", "reset by the client", "cancelled"};

typedef struct header {
    uint32_t place;
    uint32_t size;
    uint64_t checksum;
    uint64_t seed;   /* of the answer */
    uint32_t frames; /* of the session */
    uint16_t ending;
    uint16_t impatient; /* both sides read with time limits */
} header;

typedef struct frame {
    header head;
    uint64_t words[FRAME_MAX / 8];
} frame;

/* Of this process's side. */
static struct {
    uint16_t port;
    long clients, arrived;
    yibu_event all_arrived;
    int64_t end_ns;
    yibu_semaphore connecting; /* until the first answer has come */
    uint64_t sessions[ENDINGS], frames, bytes, expired;
} soak;

static uint64_t checksum(const uint64_t *words, size_t size)
{
    uint64_t sum = size;
    for (size_t i = 0; i < size / 8; i++)
        sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15u;
    return sum ^ sum >> 29;
}

static void fill(frame *f, uint64_t seed)
{
    uint64_t state = seed | 1;
    f->head.size = (uint32_t)(soak_below(&state, 8) ? soak_below(&state, 256)
                                                    : soak_below(&state, FRAME_MAX / 8)) *
                   8;
    for (size_t i = 0; i < f->head.size / 8; i++)
        f->words[i] = soak_random(&state);
    f->head.checksum = checksum(f->words, f->head.size);
}

/* Exactly size bytes: 0, or a failure.  Time limits that expire lose none. */
static int receive(yibu_stream *stream, void *to, size_t size, bool impatient, uint64_t *state)
{
    int r;
    do {
        yibu_timeout limit;
        if (!impatient)
            return yibu_stream_readexactly(stream, to, size);
        r = yibu_timeout_begin(&limit, YIBU_US(soak_below(state, 500)));
        if (r == 0)
            r = (int)yibu_timeout_end(&limit, yibu_stream_readexactly(stream, to, size));
        soak.expired += r == -ETIMEDOUT;
    } while (r == -ETIMEDOUT);
    return r;
}

static int receive_frame(yibu_stream *stream, frame *f, uint32_t place, bool impatient,
                         uint64_t *state)
{
    int r = receive(stream, &f->head, sizeof(f->head), impatient, state);
    if (r < 0)
        return r;
    assert_int_equal(f->head.place, place);
    assert_true(f->head.size <= FRAME_MAX && f->head.size % 8 == 0);
    r = receive(stream, f->words, f->head.size, impatient, state);
    if (r < 0)
        return r;
    assert_true(f->head.checksum == checksum(f->words, f->head.size));
    soak.frames++;
    soak.bytes += sizeof(f->head) + f->head.size;
    return 0;
}

/* In pieces, sometimes. */
static int send_frame(yibu_stream *stream, const frame *f, uint64_t *state)
{
    const char *at = (const char *)f;
    size_t left = sizeof(f->head) + f->head.size;
    while (left > 0) {
        size_t piece = soak_below(state, 4) ? left : 1 + soak_below(state, left);
        int r = yibu_stream_write(stream, at, piece);
        if (r == 0)
            r = yibu_stream_drain(stream);
        if (r < 0)
            return r;
        at += piece;
        left -= piece;
    }
    return 0;
}

static void reset(yibu_stream *stream)
{
    yibu_stream_info info = {.size = sizeof(info)};
    assert_int_equal(yibu_stream_get_extra_info(stream, &info), 0);
    if (info.fd >= 0)
        close_will_reset(info.fd);
    yibu_stream_abort(stream);
}

/* What a peer that leaves without a word may cause. */
static bool is_loss(int r)
{
    return r == YIBU_EINCOMPLETE || r == -ECONNRESET || r == -EPIPE;
}

/* The server. */

static int answer(yibu_stream *stream, frame *f, uint64_t *state)
{
    fill(f, f->head.seed);
    return send_frame(stream, f, state);
}

static void end_session(yibu_stream *stream, const frame *f)
{
    char byte;
    if (f->head.ending == SERVER_RESETS)
        reset(stream);
    else if (f->head.ending == IN_ORDER)
        assert_int_equal(yibu_stream_read(stream, &byte, 1), 0);
}

static intptr_t serve(yibu_stream *stream, void *arg)
{
    (void)arg;
    static uint64_t sessions;
    uint64_t state = ++sessions * 77777 + 1;
    served_begins();
    frame *f = malloc(sizeof(*f));
    assert_non_null(f);
    bool impatient = false, may_leave = false;
    int r = 0;
    uint32_t frames = 1;
    for (uint32_t place = 0; r == 0 && place < frames; place++) {
        r = receive_frame(stream, f, place, impatient, &state);
        if (r < 0)
            break;
        frames = f->head.frames;
        impatient = f->head.impatient;
        may_leave = f->head.ending == CLIENT_RESETS || f->head.ending == CLIENT_IS_CANCELLED;
        r = answer(stream, f, &state);
    }
    if (r == 0)
        end_session(stream, f);
    /* Before its first frame a client may have been cancelled, too. */
    if (r < 0 && !(is_loss(r) && (may_leave || frames == 1)))
        fail_msg("the server of a session that ends %s hears %s",
                 frames == 1 ? "?" : ending_names[f->head.ending], yibu_error_name(r));
    free(f);
    served.frames = soak.frames;
    served.bytes = soak.bytes;
    served.expired = soak.expired;
    served_ends();
    return 0;
}

/* The client. */

typedef struct client {
    uint64_t state;
    ending ending;
    frame *frame;
    bool connecting; /* has a permit */
    bool arrived;    /* at its first session's answer */
} client;

static int begin_to_connect(client *c)
{
    int r = yibu_semaphore_acquire(&soak.connecting);
    c->connecting = r == 0;
    return r;
}

static void let_others_connect(client *c)
{
    if (c->connecting)
        yibu_semaphore_release(&soak.connecting);
    c->connecting = false;
}

/* Until everyone has a connection, whose session is not over. */
static int arrive(client *c)
{
    if (c->arrived)
        return 0;
    c->arrived = true;
    if (++soak.arrived < soak.clients)
        return yibu_event_wait(&soak.all_arrived);
    soak.end_ns = yibu_loop_time(yibu_get_running_loop()) + YIBU_SECONDS(soak_scale(2, 60));
    yibu_event_set(&soak.all_arrived);
    return 0;
}

static int exchange(yibu_stream *stream, client *c, uint32_t frames, bool impatient)
{
    frame *f = c->frame;
    int r = 0;
    for (uint32_t place = 0; r == 0 && place < frames; place++) {
        fill(f, soak_random(&c->state));
        f->head.place = place;
        f->head.frames = frames;
        f->head.ending = (uint16_t)c->ending;
        f->head.impatient = impatient;
        f->head.seed = soak_random(&c->state);
        uint64_t seed = f->head.seed;
        r = send_frame(stream, f, &c->state);
        if (r == 0)
            r = receive_frame(stream, f, place, impatient, &c->state);
        let_others_connect(c);
        if (r == 0) {
            uint64_t sum = f->head.checksum;
            fill(f, seed);
            assert_true(f->head.checksum == sum); /* it is the answer to this one */
            r = arrive(c);
        }
        if (r == 0 && soak_below(&c->state, 8) == 0)
            r = yibu_sleep(YIBU_US(soak_below(&c->state, 3000)));
    }
    return r;
}

static void finish(yibu_stream *stream, client *c)
{
    char byte;
    ssize_t n = 0;
    if (c->ending == IN_ORDER)
        assert_int_equal(yibu_stream_write_eof(stream), 0);
    if (c->ending == CLIENT_RESETS)
        reset(stream);
    else
        n = yibu_stream_read(stream, &byte, 1); /* nothing more than what was checked */
    if (n != 0 && n != -ECANCELED && !(n < 0 && c->ending == SERVER_RESETS && is_loss((int)n)))
        fail_msg("the client of a session that ends %s hears %zd", ending_names[c->ending], n);
}

static int talk_to_server(client *c)
{
    yibu_stream *stream;
    uint32_t frames = (c->arrived ? 1 : 2) + (uint32_t)soak_below(&c->state, 20);
    bool impatient = soak_below(&c->state, 4) == 0;
    int r = yibu_open_connection("127.0.0.1", soak.port, NULL, &stream);
    if (r < 0)
        return r;
    r = exchange(stream, c, frames, impatient);
    if (r == 0)
        finish(stream, c);
    bool expected = r == 0 || (r == -ECANCELED && c->ending == CLIENT_IS_CANCELLED) ||
                    (is_loss(r) && c->ending == SERVER_RESETS); /* which drops its last answer */
    if (!expected)
        fail_msg("the client of a session that ends %s hears %s", ending_names[c->ending],
                 yibu_error_name(r));
    yibu_stream_free(stream);
    return 0;
}

static intptr_t session(void *arg)
{
    client *c = arg;
    int r = begin_to_connect(c);
    if (r == 0)
        r = talk_to_server(c);
    let_others_connect(c);
    return r;
}

static int run_cancelled(client *c)
{
    yibu_task *task = yibu_create_task(session, c, NULL);
    int r = yibu_sleep(YIBU_US(soak_below(&c->state, 20000)));
    yibu_task_cancel(task);
    intptr_t ended = yibu_await(task);
    yibu_task_unref(task);
    return r < 0 ? r : ended == -ECANCELED ? 0 : (int)ended;
}

static intptr_t be_a_client(void *arg)
{
    client c = {.state = (uint64_t)(uintptr_t)arg * 88888888 + 1, .frame = malloc(sizeof(frame))};
    assert_non_null(c.frame);
    int r = 0;
    while (r == 0 && (!c.arrived || yibu_loop_time(yibu_get_running_loop()) < soak.end_ns)) {
        c.ending = (ending)soak_below(&c.state, c.arrived ? ENDINGS : CLIENT_IS_CANCELLED);
        r = c.ending == CLIENT_IS_CANCELLED ? run_cancelled(&c) : (int)session(&c);
        soak.sessions[c.ending]++;
    }
    free(c.frame);
    return r;
}

static intptr_t run_clients(void *arg)
{
    (void)arg;
    intptr_t r = 0;
    soak.connecting = (yibu_semaphore)YIBU_SEMAPHORE_INIT(CONNECTING_MAX);
    YIBU_GROUP (group, NULL, &r)
        for (long i = 0; i < soak.clients; i++)
            if (yibu_group_spawn(&group, be_a_client, (void *)(uintptr_t)(i + 1)) < 0)
                break;
    return r;
}

static void print_side(const char *side, uint64_t frames, uint64_t bytes, uint64_t expired,
                       double cpu_seconds)
{
    printf("  %s: %llu frames, %llu bytes, %llu time limits expired, %.1f s of CPU time\n", side,
           (unsigned long long)frames, (unsigned long long)bytes, (unsigned long long)expired,
           cpu_seconds);
}

static void print_sessions(void)
{
    for (int i = 0; i < ENDINGS; i++) {
        printf("  %llu sessions %s\n", (unsigned long long)soak.sessions[i], ending_names[i]);
        assert_true(soak.sessions[i] > 0);
    }
}

static void every_byte_arrives_whatever_ends_the_connections(void **state)
{
    (void)state;
    server_process server;
    soak.clients = soak_connections(200, 10000);
    int before = count_descriptors();
    soak.port = start_server_process(&server, serve);
    long blocks = soak_blocks;
    intptr_t r = yibu_run(run_clients, NULL, NULL);
    if (r < 0)
        fail_msg("the clients end with %s", yibu_error_name(r));
    server_report report = end_server_process(&server);
    assert_int_equal(count_descriptors(), before);
    assert_int_equal(soak_blocks, blocks);
    assert_true(report.most_connections >= soak.clients);
    assert_true(report.frames >= soak.frames); /* each of ours answers one */
    printf("%ld connections at once:\n", soak.clients);
    print_side("clients", soak.frames, soak.bytes, soak.expired, (double)clock() / CLOCKS_PER_SEC);
    print_side("server", report.frames, report.bytes, report.expired, report.cpu_seconds);
    print_sessions();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_arrives_whatever_ends_the_connections),
    };
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    soak_count_memory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
