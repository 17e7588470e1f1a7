/* A program made of the input: operations, cancels, closes, watches, timers in any order.  Every
 * operation that was started calls back exactly once, no call comes after a removal, and the loop
 * ends with nothing left. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yibu.h>

#include "check.h"

enum { PAIRS = 4, OPS = 10, HANDLES = 4, STEPS = 200, BIG = 1 << 18 };

typedef struct slot {
    yibu_op op;
    bool active;
    int fd; /* -1: none */
    char byte;
} slot;

typedef struct program {
    yibu_loop *loop;
    int fds[2 * PAIRS];
    slot slots[OPS];
    bool watched[2 * PAIRS][2];
    yibu_handle *handles[HANDLES];
} program;

static program p;
static char big[BIG];

static void open_pair(int pair)
{
    int flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    CHECK(socketpair(AF_UNIX, flags, 0, &p.fds[2 * pair]) == 0);
}

static bool plausible(ssize_t result)
{
    return result >= 0 || result == -ECANCELED || result == -EBADF || result == -EPIPE ||
           result == -ECONNRESET || result == -EINVAL || result == -EOPNOTSUPP;
}

static void done(yibu_op *op, ssize_t result)
{
    slot *s = op->arg;
    CHECK(s->active);
    CHECK(plausible(result));
    s->active = false;
}

static int start(slot *s, unsigned kind)
{
    yibu_loop *l = p.loop;
    switch (kind % 8) {
    case 0:
        return yibu_op_recv(l, &s->op, s->fd, &s->byte, 1);
    case 1:
        return yibu_op_read(l, &s->op, s->fd, &s->byte, 1, -1);
    case 2:
        return yibu_op_send(l, &s->op, s->fd, "x", 1);
    case 3:
        return yibu_op_send_all(l, &s->op, s->fd, big, BIG, NULL);
    case 4:
        return yibu_op_poll(l, &s->op, s->fd, YIBU_READABLE);
    case 5:
        return yibu_op_poll(l, &s->op, s->fd, YIBU_READABLE | YIBU_WRITABLE);
    case 6:
        return yibu_op_write(l, &s->op, s->fd, "y", 1, -1);
    default:
        return yibu_op_sleep(l, &s->op, YIBU_US(kind));
    }
}

static void start_op(stream *in)
{
    slot *s = &p.slots[take(in) % OPS];
    if (s->active)
        return;
    s->fd = p.fds[take(in) % (2 * PAIRS)];
    s->op = (yibu_op){.callback = done, .arg = s};
    s->active = true;
    if (start(s, take(in)) < 0)
        s->active = false;
}

static void watched_ready(void *arg)
{
    char byte;
    int i = (int)((bool *)arg - &p.watched[0][0]);
    CHECK(p.watched[i / 2][i % 2]); /* not after it was removed */
    if (i % 2 == 0)
        (void)!recv(p.fds[i / 2], &byte, 1, MSG_DONTWAIT);
}

static void set_watch(int i, int direction, bool on)
{
    bool *state = &p.watched[i][direction];
    if (on) {
        int r = direction == 0 ? yibu_add_reader(p.loop, p.fds[i], watched_ready, state)
                               : yibu_add_writer(p.loop, p.fds[i], watched_ready, state);
        *state = *state || r == 0;
        return;
    }
    int removed = direction == 0 ? yibu_remove_reader(p.loop, p.fds[i])
                                 : yibu_remove_writer(p.loop, p.fds[i]);
    CHECK(removed >= 0);
    *state = false;
}

/* A pair goes and another one comes, most likely with the same numbers. */
static void replace_pair(int pair)
{
    for (int i = 2 * pair; i < 2 * pair + 2; i++) {
        set_watch(i, 0, false);
        set_watch(i, 1, false);
        CHECK(yibu_close(p.fds[i]) == 0);
    }
    open_pair(pair);
}

static void nothing(void *arg)
{
    (void)arg;
}

static void call(stream *in)
{
    yibu_handle **handle = &p.handles[take(in) % HANDLES];
    if (*handle) {
        yibu_handle_cancel(*handle);
        yibu_handle_unref(*handle);
        *handle = NULL;
        return;
    }
    unsigned delay = take(in);
    if (delay % 2)
        CHECK(yibu_call_soon(p.loop, nothing, NULL, handle) == 0);
    else
        CHECK(yibu_call_later(p.loop, YIBU_US(delay), nothing, NULL, handle) == 0);
}

static void step(stream *in)
{
    char block[4096];
    uint8_t what = take(in), which = take(in);
    int fd = p.fds[which % (2 * PAIRS)];
    switch (what % 12) {
    case 0:
    case 1:
    case 2:
        start_op(in);
        break;
    case 3:
        if (p.slots[which % OPS].active)
            (void)yibu_op_cancel(&p.slots[which % OPS].op);
        break;
    case 4:
        (void)!send(fd, "z", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
    case 5:
        (void)!recv(fd, block, sizeof(block), MSG_DONTWAIT);
        break;
    case 6:
        set_watch(which % (2 * PAIRS), take(in) % 2, take(in) % 2);
        break;
    case 7:
        replace_pair(which % PAIRS);
        break;
    case 8:
        call(in);
        break;
    case 9:
        CHECK(yibu_loop_fd(p.loop) >= 0);
        break;
    case 10:
        (void)shutdown(fd, which % 3);
        break;
    default:
        CHECK(yibu_loop_run_once(p.loop, 0) >= 0);
    }
}

static bool any_active(void)
{
    for (int i = 0; i < OPS; i++)
        if (p.slots[i].active)
            return true;
    return false;
}

static void end(void)
{
    for (int i = 0; i < 2 * PAIRS; i++)
        for (int direction = 0; direction < 2; direction++)
            set_watch(i, direction, false);
    for (int i = 0; i < HANDLES; i++) {
        yibu_handle_cancel(p.handles[i]);
        yibu_handle_unref(p.handles[i]);
        p.handles[i] = NULL;
    }
    for (int i = 0; i < OPS; i++)
        if (p.slots[i].active)
            (void)yibu_op_cancel(&p.slots[i].op);
    while (any_active())
        CHECK(yibu_loop_run_once(p.loop, YIBU_FOREVER) >= 0);
    CHECK(yibu_loop_free(p.loop) == 0);
    for (int i = 0; i < 2 * PAIRS; i++)
        close(p.fds[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    stream in = {data, data + size};
    memset(&p, 0, sizeof(p));
    CHECK(yibu_loop_new(NULL, &p.loop) == 0);
    for (int pair = 0; pair < PAIRS; pair++)
        open_pair(pair);
    for (int i = 0; i < STEPS && in.at < in.end; i++)
        step(&in);
    end();
    return 0;
}
