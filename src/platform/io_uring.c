/* The io_uring backend.
 *
 * Operations become submission entries that reach the kernel when the loop waits, all at once;
 * with DEFER_TASKRUN their completions are worked off in that same call and never interrupt the
 * loop's thread.  The user data of an entry is its operation, with a bit set for a receive, and
 * another one for its cancel.
 *
 * An operation is complete only when its final completion entry has arrived, also after a cancel:
 * until then the kernel may write to its buffer.  It also waits for the answer to its cancel, which
 * names it.  A cancel may miss an operation that is neither waiting nor running, but on its way
 * from one to the other (-ENOENT); then it is sent again.
 *
 * A connect is connect(2) and a poll, since the kernel would read the address only when the entry
 * is submitted; a call that a kernel answers with EAGAIN (a descriptor in non-blocking mode, before
 * Linux 6.0) is followed by a poll and another try.
 *
 * An accept that follows one on the same descriptor is tried first: of connections that come
 * together the ring would hand over one a turn, and with thousands of completions waiting, turns
 * are long.
 *
 * Calls on files are attempted where they need not wait, and else queued where the kernel has the
 * operation (uring_file.c); the others are refused with -ENOTSUP.  They never turn into polls.
 *
 * A wait works off a batch of completions only.  So with thousands of connections, what a task
 * needs is still in the caches when it runs.  While more has completed than that, receives stand in
 * line (uring_line.c), and are submitted as many at a time as make a batch.
 *
 * A send that would be submitted alone is tried first: there is no batch for it to be part of.
 *
 * One thread but for wake. */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "platform/attempt.h"
#include "platform/backend.h"
#include "platform/uring.h"
#include "platform/uring_entry.h"
#include "platform/uring_file.h"
#include "platform/uring_line.h"
#include "platform/uring_memory.h"
#include "platform/uring_table.h"
#include "platform/wake_fd.h"

enum { DEFAULT_ENTRIES = 256, MAX_BATCH = YB_TURN_BUDGET };

/* Of receives in line: how many at a time at least, and how much they may bring, so that it is
 * still in the caches when it is sent on. */
enum { MIN_WINDOW = 4, WINDOW_BYTES = 65536 };

/* Bits of an entry's user data, beside the address of its operation. */
enum { IS_CANCEL = 1, IS_RECEIVE = 2, FLAGS = IS_CANCEL | IS_RECEIVE };

/* Bits of op->phase. */
enum {
    ON_POLL = 1 << 0,     /* what was queued last is a poll, not the call */
    CANCEL_SENT = 1 << 1, /* and was not answered yet */
    CANCEL_OWED = 1 << 2, /* must be sent (again) */
    ENDED = 1 << 3,       /* op->result is final; the answer to the cancel is waited for */
    CLOSED = 1 << 4,      /* its descriptor was closed: the number means another file */
    PARKED = 1 << 5,      /* withdrawn from a ring that is given up */
};

typedef struct ring_backend {
    yb_backend base;
    struct io_uring ring;
    int wake_fd;
    uint64_t wake_count; /* where the read of wake_fd goes */
    unsigned entries;    /* asked for */
    bool polled;         /* the ring is one whose descriptor tells */
    bool moving;         /* to such a ring: operations are withdrawn and parked */
    bool wake_ended;     /* while moving: the read of wake_fd */
    int accepted_fd;     /* the last that gave a connection, and may have more; -1: none */
    unsigned owed;       /* operations with CANCEL_OWED */
    unsigned left;       /* completions that the last wait left in the ring */
    bool alone;          /* it handed over one at most */
    int receive_bytes;   /* what a receive gave lately, on average */
    yb_uring_line line;  /* receives that the ring does not know yet */
    uint32_t file_verbs; /* that the kernel performs */
    yb_uring_memory memory;
    yb_uring_table under_way;
} ring_backend;

/* In the place of a result: the operation was queued again. */
static const ssize_t GOES_ON = INT64_MIN;

static uint64_t wake_tag; /* its address is the user data of the read of wake_fd */

static ring_backend *self(yb_backend *backend)
{
    return YB_CONTAINER_OF(backend, ring_backend, base);
}

static yb_op *first_of(const ring_backend *r, size_t slot)
{
    return yb_uring_table_first(&r->under_way, slot);
}

/* A free entry; submits the full queue to make room. */
static struct io_uring_sqe *next_entry(ring_backend *r)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&r->ring);
    if (YB_LIKELY(entry != NULL))
        return entry;
    int n;
    do
        n = io_uring_submit(&r->ring);
    while (n == -EINTR);
    entry = io_uring_get_sqe(&r->ring);
    if (!entry) /* the kernel refuses for want of completion entries or memory */
        return NULL;
    return entry;
}

static uint64_t data_of(const yb_op *op)
{
    return (uintptr_t)op | (op->kind == YB_OP_RECV ? IS_RECEIVE : 0);
}

/* The receives that are submitted now, with what is left in the ring, are a batch. */
static unsigned window(const ring_backend *r)
{
    unsigned max = r->base.batch;
    if (r->receive_bytes > 0 && max > WINDOW_BYTES / (unsigned)r->receive_bytes)
        max = WINDOW_BYTES / (unsigned)r->receive_bytes;
    unsigned ready = io_uring_cq_ready(&r->ring);
    return max > ready + MIN_WINDOW ? max - ready : MIN_WINDOW;
}

static void admit(ring_backend *r, unsigned max)
{
    const yb_uring_place *first;
    while (max-- > 0 && (first = yb_uring_line_first(&r->line))) {
        struct io_uring_sqe *entry = next_entry(r);
        if (!entry)
            return;
        io_uring_prep_recv(entry, first->fd, first->buffer, first->size, 0);
        entry->user_data = (uintptr_t)first->op | IS_RECEIVE;
        yb_uring_line_leave(&r->line);
    }
}

static bool lines_up(ring_backend *r, yb_op *op, uint8_t on_poll)
{
    return op->kind == YB_OP_RECV && !on_poll && (r->line.waiting > 0 || r->left > 0) &&
           yb_uring_line_add(&r->line, op);
}

/* Queues the call of op, or a poll before the call. */
static int queue(ring_backend *r, yb_op *op, uint8_t on_poll)
{
    op->phase = (uint8_t)((op->phase & ~ON_POLL) | on_poll);
    if (YB_UNLIKELY(r->moving)) {
        op->phase |= PARKED;
        return 0;
    }
    if (lines_up(r, op, on_poll))
        return 0;
    struct io_uring_sqe *entry = next_entry(r);
    if (!entry)
        return -EAGAIN;
    if (on_poll)
        yb_uring_entry_poll(entry, op);
    else
        yb_uring_entry_call(entry, op, r->memory.ready);
    entry->user_data = data_of(op);
    return 0;
}

/* Queues an operation that is new to the backend. */
static int begin(ring_backend *r, yb_op *op, uint8_t on_poll)
{
    op->phase = 0;
    int error = yb_uring_table_add(&r->under_way, op);
    if (error < 0)
        return error;
    error = queue(r, op, on_poll);
    if (error < 0)
        yb_uring_table_remove(&r->under_way, op);
    return error;
}

static int submit_file(ring_backend *r, yb_op *op)
{
    op->result = yb_file_attempt(op->file);
    if (op->result != -EAGAIN)
        return 1;
    return r->file_verbs >> op->file->verb & 1 ? begin(r, op, 0) : -ENOTSUP;
}

/* Whether more may be had from a listener at once.  Of one in blocking mode, which another process
 * may have emptied since it was asked, only the ring takes. */
static bool may_accept(const ring_backend *r, int fd)
{
    if (fd != r->accepted_fd || fd < 0)
        return false;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK);
}

static int submit_accept(ring_backend *r, yb_op *op)
{
    if (may_accept(r, op->fd)) {
        op->result = yb_attempt(op);
        if (op->result >= 0)
            return 1;
        r->accepted_fd = -1;
    }
    return begin(r, op, 0);
}

static int submit_send(ring_backend *r, yb_op *op)
{
    if (r->alone && io_uring_sq_ready(&r->ring) == 0) {
        op->result = yb_attempt(op);
        if (op->result != -EAGAIN)
            return 1;
    }
    return begin(r, op, 0);
}

static int submit(yb_backend *backend, yb_op *op)
{
    ring_backend *r = self(backend);
    if (op->kind == YB_OP_SEND || op->kind == YB_OP_SEND_ALL)
        return submit_send(r, op);
    if (op->kind == YB_OP_ACCEPT)
        return submit_accept(r, op);
    if (op->kind == YB_OP_FILE)
        return submit_file(r, op);
    if (op->kind == YB_OP_POLL)
        return begin(r, op, ON_POLL);
    if (op->kind != YB_OP_CONNECT)
        return begin(r, op, 0);
    op->result = yb_attempt(op);
    return op->result == -EAGAIN ? begin(r, op, ON_POLL) : 1;
}

static void owe_cancel(ring_backend *r, yb_op *op)
{
    if (!(op->phase & CANCEL_OWED))
        r->owed++;
    op->phase |= CANCEL_OWED;
}

static void settle_cancel(ring_backend *r, yb_op *op)
{
    if (op->phase & CANCEL_OWED)
        r->owed--;
    op->phase &= (uint8_t)~CANCEL_OWED;
}

static void send_cancel(ring_backend *r, yb_op *op)
{
    if (op->phase & (CANCEL_SENT | ENDED | PARKED))
        return;
    struct io_uring_sqe *entry = next_entry(r);
    if (!entry) {
        owe_cancel(r, op);
        return;
    }
    settle_cancel(r, op);
    op->phase |= CANCEL_SENT;
    io_uring_prep_cancel64(entry, data_of(op), 0);
    entry->user_data = data_of(op) | IS_CANCEL;
}

/* Ends an operation that the ring never knew. */
static void end_in_line(ring_backend *r, yb_op *op, int result)
{
    yb_uring_line_remove(&r->line, op);
    yb_uring_table_remove(&r->under_way, op);
    yb_op_complete_soon(op, result);
}

static void cancel(yb_backend *backend, yb_op *op)
{
    ring_backend *r = self(backend);
    if (yb_uring_line_has(&r->line, op))
        end_in_line(r, op, -ECANCELED);
    else
        send_cancel(r, op);
}

static void send_owed_cancels(ring_backend *r)
{
    for (size_t slot = 0; slot < r->under_way.count && r->owed > 0; slot++)
        for (yb_op *op = first_of(r, slot); op; op = yb_uring_table_next(op))
            if (op->phase & CANCEL_OWED)
                send_cancel(r, op);
}

static void forget_fd(yb_backend *backend, int fd)
{
    ring_backend *r = self(backend);
    yb_op *op = first_of(r, yb_uring_slot(fd));
    if (!op)
        return;
    for (yb_op *next; op; op = next) {
        next = yb_uring_table_next(op);
        op->phase |= CLOSED;
        if (yb_uring_line_has(&r->line, op))
            end_in_line(r, op, -EBADF);
        else
            send_cancel(r, op);
    }
    /* Now, while the number still means this file. */
    while (io_uring_submit(&r->ring) == -EINTR)
        ;
}

static void adopt(yb_backend *backend, int fd)
{
    (void)backend;
    (void)fd;
}

static void watch_wake(ring_backend *r)
{
    struct io_uring_sqe *entry = next_entry(r);
    YB_ASSERT(entry != NULL);
    io_uring_prep_read(entry, r->wake_fd, &r->wake_count, sizeof(r->wake_count), 0);
    io_uring_sqe_set_data(entry, &wake_tag);
}

/* Queues what was interrupted, or waits for readiness first. */
static ssize_t go_on(ring_backend *r, yb_op *op, uint8_t on_poll)
{
    return queue(r, op, on_poll) < 0 ? -ENOMEM : GOES_ON;
}

static ssize_t judge_file(ring_backend *r, yb_op *op, int result)
{
    bool cancelling = op->state == YB_OP_CANCELLING;
    bool ending = cancelling || (op->phase & CLOSED);
    if (result != -EINTR && result != -ECANCELED)
        return yb_file_settle(op->file, result);
    if (!ending && (r->moving || result == -EINTR) && go_on(r, op, 0) == GOES_ON)
        return GOES_ON;
    return yb_file_settle(op->file, !ending ? -ENOMEM : cancelling ? -ECANCELED : -EBADF);
}

/* What a completion entry means for its operation. */
static ssize_t judge(ring_backend *r, yb_op *op, int result)
{
    if (op->kind == YB_OP_FILE)
        return judge_file(r, op, result);
    bool cancelling = op->state == YB_OP_CANCELLING;
    bool ending = cancelling || (op->phase & CLOSED);
    if (result == -ECANCELED && (ending || !r->moving))
        return cancelling ? -ECANCELED : -EBADF;
    if (result == -ECANCELED)
        result = op->phase & ON_POLL ? -EAGAIN : -EINTR;
    if (op->kind == YB_OP_POLL && result >= 0)
        return (ssize_t)yb_poll_result((unsigned)result, op->events);
    if ((op->phase & ON_POLL) && result >= 0) /* ready: call (again) */
        result = op->kind == YB_OP_CONNECT && !ending ? (int)yb_attempt(op) : -EINTR;
    if (op->kind == YB_OP_SEND_ALL && result >= 0) {
        op->done += (size_t)result;
        if (op->done == op->size)
            return (ssize_t)op->size;
        result = -EINTR; /* the rest */
    }
    if (result != -EAGAIN && result != -EINTR)
        return result;
    if (ending)
        return cancelling ? -ECANCELED : -EBADF;
    return go_on(r, op, result == -EAGAIN ? ON_POLL : 0);
}

static void finish(ring_backend *r, yb_op *op, ssize_t result)
{
    yb_uring_table_remove(&r->under_way, op);
    settle_cancel(r, op);
    if (YB_UNLIKELY(r->moving))
        yb_op_complete_soon(op, result);
    else
        yb_op_complete(op, result);
}

static void complete_op(ring_backend *r, yb_op *op, int result)
{
    yb_uring_entry_note(op, result);
    ssize_t verdict = judge(r, op, result);
    if (verdict == GOES_ON)
        return;
    if (op->kind == YB_OP_RECV && verdict > 0)
        r->receive_bytes += ((int)verdict - r->receive_bytes) / 8;
    else if (op->kind == YB_OP_ACCEPT && verdict >= 0)
        r->accepted_fd = op->fd;
    if (YB_LIKELY(!(op->phase & CANCEL_SENT))) {
        finish(r, op, verdict);
        return;
    }
    op->result = verdict;
    op->phase |= ENDED;
}

/* The answer to a cancel.  -EALREADY: it runs, and will end soon. */
static void complete_cancel(ring_backend *r, yb_op *op, int result)
{
    op->phase &= (uint8_t)~CANCEL_SENT;
    if (op->phase & ENDED)
        finish(r, op, op->result);
    else if (result == -ENOENT && !(op->phase & PARKED))
        owe_cancel(r, op);
}

static void complete(ring_backend *r, uint64_t data, int result)
{
    yb_op *op = (yb_op *)(uintptr_t)(data & ~(uint64_t)FLAGS);
    if (data == (uintptr_t)&wake_tag) {
        if (r->moving)
            r->wake_ended = true;
        else
            watch_wake(r);
    } else if (data & IS_CANCEL) {
        complete_cancel(r, op, result);
    } else if (op) {
        complete_op(r, op, result);
    }
}

/* Works off a batch of receives, and of what was sent for the one before it as much again; of
 * receives alone, too, where a batch was left, since the kernel may hand over more with each wait.
 * Returns how many completions that were. */
static unsigned reap_batch(ring_backend *r)
{
    const unsigned fair = r->base.batch < MAX_BATCH / 2 ? r->base.batch : MAX_BATCH / 2;
    const unsigned receives = r->left > fair ? 2 * fair : fair;
    struct io_uring_cqe *entries[MAX_BATCH];
    const unsigned ready = io_uring_peek_batch_cqe(&r->ring, entries, 2 * fair);
    /* Copied out first: a callback may submit, and so reuse the entries. */
    struct {
        uint64_t data;
        int result;
    } batch[MAX_BATCH];
    unsigned n = 0, received = 0;
    for (; n < ready && received < receives; n++) {
        batch[n].data = entries[n]->user_data;
        batch[n].result = entries[n]->res;
        received += (batch[n].data & IS_RECEIVE) != 0;
        yb_op_fetch((const void *)(uintptr_t)batch[n].data);
    }
    io_uring_cq_advance(&r->ring, n);
    for (unsigned i = 0; i < n; i++)
        complete(r, batch[i].data, batch[i].result);
    return n;
}

/* What is left stays in the ring for the next turn, unless that would soon overflow. */
static void reap(ring_backend *r)
{
    r->alone = reap_batch(r) <= 1;
    while ((r->left = io_uring_cq_ready(&r->ring)) > r->ring.cq.ring_entries / 2)
        reap_batch(r);
}

/* Whether the kernel must be entered for completions to appear. */
static bool kernel_has_work(const ring_backend *r)
{
    unsigned flags = IO_URING_READ_ONCE(*r->ring.sq.kflags);
    return io_uring_sq_ready(&r->ring) > 0 ||
           (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static int wait_for_events(yb_backend *backend, int64_t deadline_ns)
{
    ring_backend *r = self(backend);
    admit(r, window(r));
    bool waits = r->line.waiting == 0 && io_uring_cq_ready(&r->ring) == 0;
    int64_t timeout_ns = waits ? deadline_ns : 0;
    if (timeout_ns != 0 && timeout_ns != INT64_MAX) {
        timeout_ns = deadline_ns - yb_clock_now(backend);
        if (timeout_ns < 0)
            timeout_ns = 0;
    }
    if (YB_UNLIKELY(r->owed > 0))
        send_owed_cancels(r);
    if (timeout_ns == 0 && !kernel_has_work(r)) {
        reap(r);
        return 0;
    }
    int n = yb_uring_enter(&r->ring, timeout_ns);
    reap(r);
    /* -EBUSY and -EAGAIN: completions must be worked off before more can be submitted. */
    if (n >= 0 || n == -ETIME || n == -EINTR || n == -EBUSY || n == -EAGAIN)
        return 0;
    return n;
}

static int register_memory(yb_backend *backend, void *base, size_t size)
{
    ring_backend *r = self(backend);
    return yb_uring_memory_add(&r->memory, &r->ring, base, size);
}

static void unregister_memory(yb_backend *backend, int number)
{
    ring_backend *r = self(backend);
    yb_uring_memory_remove(&r->memory, &r->ring, number);
}

static void wake(yb_backend *backend)
{
    yb_wake_fd_write(self(backend)->wake_fd);
}

static void close_backend(yb_backend *backend)
{
    ring_backend *r = self(backend);
    if (r->ring.ring_fd >= 0)
        yb_uring_close(&r->ring);
    if (r->wake_fd >= 0)
        close(r->wake_fd);
    yb_uring_table_free(&r->under_way);
    yb_uring_line_free(&r->line);
    yb_free(r);
}

/* Moving to a ring whose descriptor can be polled, with the operations under way.  What completes
 * meanwhile is called back in the loop's next turn. */

static bool in_kernel(const yb_op *op)
{
    return !(op->phase & PARKED) || (op->phase & CANCEL_SENT);
}

static bool any_in_kernel(const ring_backend *r)
{
    for (size_t slot = 0; slot < r->under_way.count; slot++)
        for (const yb_op *op = first_of(r, slot); op; op = yb_uring_table_next(op))
            if (in_kernel(op))
                return true;
    return false;
}

static void withdraw_all(ring_backend *r)
{
    r->moving = true;
    r->wake_ended = false;
    r->base.class->wake(&r->base);
    for (size_t slot = 0; slot < r->under_way.count; slot++)
        for (yb_op *op = first_of(r, slot); op; op = yb_uring_table_next(op))
            if (yb_uring_line_has(&r->line, op)) {
                yb_uring_line_remove(&r->line, op);
                op->phase |= PARKED;
            } else {
                send_cancel(r, op);
            }
    while (!r->wake_ended || any_in_kernel(r)) {
        send_owed_cancels(r);
        (void)io_uring_submit_and_wait(&r->ring, 1);
        reap(r);
    }
    r->moving = false;
}

static void submit_parked(ring_backend *r)
{
    for (size_t slot = 0; slot < r->under_way.count; slot++)
        for (yb_op *op = first_of(r, slot), *next; op; op = next) {
            next = yb_uring_table_next(op);
            op->phase &= (uint8_t)~PARKED;
            if (queue(r, op, op->phase & ON_POLL) < 0) {
                yb_uring_table_remove(&r->under_way, op);
                yb_op_complete_soon(op, -ENOMEM);
            }
        }
}

static int move_to_polled_ring(ring_backend *r)
{
    struct io_uring polled;
    int error = yb_uring_open(r->entries, true, &polled);
    if (error < 0)
        return error;
    withdraw_all(r);
    yb_uring_close(&r->ring);
    r->ring = polled;
    r->polled = true;
    yb_uring_memory_move(&r->memory, &r->ring);
    (void)io_uring_register_ring_fd(&r->ring);
    watch_wake(r);
    submit_parked(r);
    return 0;
}

static int descriptor_of(yb_backend *backend)
{
    ring_backend *r = self(backend);
    int error = r->polled ? 0 : move_to_polled_ring(r);
    if (error < 0)
        return error;
    admit(r, UINT32_MAX);
    while (io_uring_sq_ready(&r->ring) > 0 && io_uring_submit(&r->ring) == -EINTR)
        ;
    return r->ring.ring_fd;
}

static int open_backend(unsigned entries, yb_backend **ret_backend)
{
    ring_backend *r = yb_calloc(1, sizeof(*r));
    if (!r)
        return -ENOMEM;
    r->base.class = &yb_io_uring_class;
    r->ring.ring_fd = -1;
    r->accepted_fd = -1;
    r->entries = entries ? entries : DEFAULT_ENTRIES;
    r->wake_fd = -1;
    int error = yb_uring_line_init(&r->line);
    if (error < 0)
        goto fail;
    r->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (r->wake_fd < 0) {
        error = -errno;
        goto fail;
    }
    error = yb_uring_open(r->entries, false, &r->ring);
    if (error < 0) {
        r->ring.ring_fd = -1;
        goto fail;
    }
    error = yb_uring_test(&r->ring);
    if (error < 0)
        goto fail;
    r->file_verbs = yb_uring_file_verbs(&r->ring);
    (void)io_uring_register_ring_fd(&r->ring); /* saves a look-up a call; optional */
    watch_wake(r);
    *ret_backend = &r->base;
    return 0;
fail:
    close_backend(&r->base);
    return error;
}

const yb_backend_class yb_io_uring_class = {
    .name = "io_uring",
    .open = open_backend,
    .close = close_backend,
    .submit = submit,
    .cancel = cancel,
    .adopt_fd = adopt,
    .forget_fd = forget_fd,
    .wait = wait_for_events,
    .wake = wake,
    .register_memory = register_memory,
    .unregister_memory = unregister_memory,
    .descriptor = descriptor_of,
    .now = yb_clock_now,
    .random = yb_random_bytes,
};
