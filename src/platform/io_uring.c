/* The io_uring backend.
 *
 * Operations become submission entries that reach the kernel when the loop waits, all at once;
 * with DEFER_TASKRUN their completions are worked off in that same call and never interrupt the
 * loop's thread.  The user data of an entry is its operation, or NULL for what nobody waits for.
 *
 * An operation is complete only when its final completion entry has arrived, also after a cancel:
 * until then the kernel may write to its buffer.
 *
 * A connect is connect(2) and a poll, since the kernel would read the address only when the entry
 * is submitted; a call that a kernel answers with EAGAIN (a descriptor in non-blocking mode, before
 * Linux 6.0) is followed by a poll and another try.
 *
 * One thread but for wake. */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "platform/attempt.h"
#include "platform/backend.h"
#include <yibu/address.h>

enum { DEFAULT_ENTRIES = 256, BATCH = 64 };

/* In op->phase. */
enum { PHASE_CALL, PHASE_POLL };

typedef struct ring_backend {
    yb_backend base;
    struct io_uring ring;
    int wake_fd;
    uint64_t wake_count;      /* where the read of wake_fd goes */
    unsigned entries;         /* asked for */
    bool polled;              /* the ring is one whose descriptor tells */
    bool moving;              /* to such a ring: operations are withdrawn and gathered in moved */
    bool wake_ended;          /* while moving: the read of wake_fd */
    yb_list moved;
    uint32_t *in_flight;      /* operations under way, by descriptor */
    size_t in_flight_count;
} ring_backend;

static char wake_tag; /* its address is the user data of the read of wake_fd */

static ring_backend *self(yb_backend *backend)
{
    return YB_CONTAINER_OF(backend, ring_backend, base);
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

static int track(ring_backend *r, int fd)
{
    size_t index = (size_t)fd;
    if (YB_UNLIKELY(index >= r->in_flight_count)) {
        size_t count = r->in_flight_count ? r->in_flight_count : 64;
        while (count <= index)
            count *= 2;
        uint32_t *table = yb_realloc(r->in_flight, count * sizeof(*table));
        if (!table)
            return -ENOMEM;
        memset(table + r->in_flight_count, 0, (count - r->in_flight_count) * sizeof(*table));
        r->in_flight = table;
        r->in_flight_count = count;
    }
    r->in_flight[index]++;
    return 0;
}

static void prepare_send(struct io_uring_sqe *entry, yb_op *op)
{
    size_t rest = op->size - op->done;
    io_uring_prep_send(entry, op->fd, (const char *)op->source + op->done,
                       rest < YB_MAX_TRANSFER ? rest : YB_MAX_TRANSFER, MSG_NOSIGNAL);
}

static void prepare_call(struct io_uring_sqe *entry, yb_op *op)
{
    switch (op->kind) {
    case YB_OP_READ:
        io_uring_prep_read(entry, op->fd, op->buffer, (unsigned)op->size, (uint64_t)op->offset);
        break;
    case YB_OP_WRITE:
        io_uring_prep_write(entry, op->fd, op->source, (unsigned)op->size, (uint64_t)op->offset);
        break;
    case YB_OP_RECV: io_uring_prep_recv(entry, op->fd, op->buffer, op->size, 0); break;
    case YB_OP_SEND:
    case YB_OP_SEND_ALL: prepare_send(entry, op); break;
    case YB_OP_ACCEPT:
        if (op->peer)
            op->peer->length = sizeof(op->peer->storage);
        io_uring_prep_accept(entry, op->fd, op->peer ? (struct sockaddr *)&op->peer->storage : NULL,
                             op->peer ? &op->peer->length : NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        break;
    default: yb_abort("an operation of unknown kind %d was submitted", op->kind);
    }
}

static void prepare_poll(struct io_uring_sqe *entry, yb_op *op)
{
    uint64_t events = op->kind == YB_OP_POLL ? op->events
                      : yb_op_writes(op)     ? YIBU_WRITABLE
                                             : YIBU_READABLE;
    io_uring_prep_poll_add(entry, op->fd, yb_poll_mask(events));
}

static int queue(ring_backend *r, yb_op *op, uint8_t phase)
{
    op->phase = phase;
    if (YB_UNLIKELY(r->moving)) {
        r->in_flight[op->fd]--;
        yb_list_push_back(&r->moved, &op->links);
        return 0;
    }
    struct io_uring_sqe *entry = next_entry(r);
    if (!entry)
        return -EAGAIN;
    if (phase == PHASE_POLL)
        prepare_poll(entry, op);
    else
        prepare_call(entry, op);
    io_uring_sqe_set_data(entry, op);
    return 0;
}

/* Queues an operation that is new to the backend. */
static int begin(ring_backend *r, yb_op *op, uint8_t phase)
{
    int error = track(r, op->fd);
    if (error < 0)
        return error;
    error = queue(r, op, phase);
    if (error < 0)
        r->in_flight[op->fd]--;
    return error;
}

static int submit(yb_backend *backend, yb_op *op)
{
    ring_backend *r = self(backend);
    if (op->kind == YB_OP_POLL)
        return begin(r, op, PHASE_POLL);
    if (op->kind != YB_OP_CONNECT)
        return begin(r, op, PHASE_CALL);
    op->result = yb_attempt(op);
    return op->result == -EAGAIN ? begin(r, op, PHASE_POLL) : 1;
}

static void cancel(yb_backend *backend, yb_op *op)
{
    struct io_uring_sqe *entry = next_entry(self(backend));
    if (!entry)
        return; /* the operation ends by itself, or with the next cancel of its loop */
    io_uring_prep_cancel(entry, op, 0);
    io_uring_sqe_set_data(entry, NULL);
}

static void forget_fd(yb_backend *backend, int fd)
{
    ring_backend *r = self(backend);
    if ((size_t)fd >= r->in_flight_count || r->in_flight[fd] == 0)
        return;
    struct io_uring_sqe *entry = next_entry(r);
    if (!entry)
        return;
    io_uring_prep_cancel_fd(entry, fd, IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data(entry, NULL);
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

/* What a completion entry means for its operation: -EAGAIN when it goes on. */
static ssize_t judge(ring_backend *r, yb_op *op, int result)
{
    bool cancelling = op->state == YB_OP_CANCELLING;
    if (result == -ECANCELED && r->moving && !cancelling)
        result = op->phase == PHASE_POLL ? -EAGAIN : -EINTR;
    if (result == -ECANCELED)
        return cancelling ? -ECANCELED : -EBADF;
    if (op->kind == YB_OP_POLL && result != -EAGAIN)
        return result < 0 ? result : (ssize_t)yb_poll_result((unsigned)result, op->events);
    if (op->phase == PHASE_POLL && result >= 0) {
        if (op->kind == YB_OP_CONNECT)
            return yb_attempt(op);
        result = -EINTR; /* ready: call again */
    }
    if (op->kind == YB_OP_SEND_ALL && result >= 0) {
        op->done += (size_t)result;
        if (op->done == op->size)
            return (ssize_t)op->size;
        result = -EINTR; /* the rest */
    }
    if (result != -EAGAIN && result != -EINTR)
        return result;
    if (cancelling)
        return -ECANCELED;
    int error = queue(r, op, result == -EAGAIN ? PHASE_POLL : PHASE_CALL);
    return error < 0 ? -ENOMEM : -EAGAIN;
}

static void complete(ring_backend *r, void *data, int result)
{
    if (data == &wake_tag) {
        if (r->moving)
            r->wake_ended = true;
        else
            watch_wake(r);
        return;
    }
    if (!data)
        return;
    yb_op *op = data;
    ssize_t verdict = judge(r, op, result);
    if (verdict == -EAGAIN)
        return;
    r->in_flight[op->fd]--;
    if (YB_UNLIKELY(r->moving))
        yb_op_complete_soon(op, verdict);
    else
        yb_op_complete(op, verdict);
}

/* Works off every completion entry that is there; returns how many there were. */
static unsigned reap(ring_backend *r)
{
    unsigned total = 0;
    struct io_uring_cqe *entries[BATCH];
    for (unsigned n; (n = io_uring_peek_batch_cqe(&r->ring, entries, BATCH)) > 0; total += n) {
        /* Copied out first: a callback may submit, and so reuse the entries. */
        struct {
            void *data;
            int result;
        } batch[BATCH];
        for (unsigned i = 0; i < n; i++) {
            batch[i].data = io_uring_cqe_get_data(entries[i]);
            batch[i].result = entries[i]->res;
        }
        io_uring_cq_advance(&r->ring, n);
        for (unsigned i = 0; i < n; i++)
            complete(r, batch[i].data, batch[i].result);
        if (n < BATCH)
            return total + n;
    }
    return total;
}

/* Whether the kernel must be entered for completions to appear. */
static bool kernel_has_work(const ring_backend *r)
{
    unsigned flags = IO_URING_READ_ONCE(*r->ring.sq.kflags);
    return io_uring_sq_ready(&r->ring) > 0 ||
           (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static int enter(ring_backend *r, int64_t timeout_ns)
{
    if (timeout_ns == 0)
        return io_uring_submit_and_get_events(&r->ring);
    struct __kernel_timespec time = {.tv_sec = timeout_ns / 1000000000,
                                     .tv_nsec = timeout_ns % 1000000000};
    struct io_uring_cqe *entry;
    return io_uring_submit_and_wait_timeout(&r->ring, &entry, 1,
                                            timeout_ns == INT64_MAX ? NULL : &time, NULL);
}

static int wait_for_events(yb_backend *backend, int64_t deadline_ns)
{
    ring_backend *r = self(backend);
    int64_t timeout_ns = deadline_ns;
    if (deadline_ns != 0 && deadline_ns != INT64_MAX) {
        timeout_ns = deadline_ns - yb_clock_now(backend);
        if (timeout_ns < 0)
            timeout_ns = 0;
    }
    if (timeout_ns == 0 && !kernel_has_work(r)) {
        reap(r);
        return 0;
    }
    int n = enter(r, timeout_ns);
    reap(r);
    /* -EBUSY and -EAGAIN: completions must be worked off before more can be submitted. */
    if (n >= 0 || n == -ETIME || n == -EINTR || n == -EBUSY || n == -EAGAIN)
        return 0;
    return n;
}

static void wake(yb_backend *backend)
{
    const uint64_t one = 1;
    int saved = errno;
    /* It fails only when the counter is full, and then a wake-up is pending already. */
    (void)!write(self(backend)->wake_fd, &one, sizeof(one));
    errno = saved;
}

static void close_backend(yb_backend *backend)
{
    ring_backend *r = self(backend);
    if (r->ring.ring_fd >= 0)
        io_uring_queue_exit(&r->ring);
    if (r->wake_fd >= 0)
        close(r->wake_fd);
    yb_free(r->in_flight);
    yb_free(r);
}

/* Whether the ring does what this file needs: the operations, a cancel of many at once (which Linux
 * 5.19 brought), and a wait with a time limit. */
static int self_test(struct io_uring *ring)
{
    static const int needed[] = {IORING_OP_READ,   IORING_OP_WRITE,    IORING_OP_RECV,
                                 IORING_OP_SEND,   IORING_OP_ACCEPT,   IORING_OP_POLL_ADD,
                                 IORING_OP_ASYNC_CANCEL};
    if (!(ring->features & IORING_FEAT_EXT_ARG) || !(ring->features & IORING_FEAT_NODROP))
        return -EOPNOTSUPP;
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    if (!probe)
        return -EOPNOTSUPP;
    bool all = true;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        all = all && io_uring_opcode_supported(probe, needed[i]);
    io_uring_free_probe(probe);
    if (!all)
        return -EOPNOTSUPP;

    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data(entry, NULL);
    struct io_uring_cqe *completion;
    struct __kernel_timespec second = {.tv_sec = 1};
    int n = io_uring_submit_and_wait_timeout(ring, &completion, 1, &second, NULL);
    if (n < 0)
        return n;
    int result = completion ? completion->res : -EOPNOTSUPP;
    io_uring_cqe_seen(ring, completion);
    return result;
}

/* The flags that are worth most first; older kernels know fewer (-EINVAL).  DEFER_TASKRUN is not
 * for a ring that others poll: work that waits for this thread to enter the kernel wakes no poller
 * (and an eventfd registered in its stead stays silent for operations on eventfds). */
static int open_ring(unsigned entries, bool polled, struct io_uring *ret_ring)
{
    static const unsigned flags[] = {
        IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
            IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_CLAMP,
    };
    int r = -EINVAL;
    for (size_t i = polled; i < sizeof(flags) / sizeof(flags[0]) && r == -EINVAL; i++)
        r = io_uring_queue_init(entries, ret_ring, flags[i]);
    return r;
}

/* Moving to a ring whose descriptor can be polled, with the operations under way.  What completes
 * meanwhile is called back in the loop's next turn. */

static bool any_in_flight(const ring_backend *r)
{
    for (size_t fd = 0; fd < r->in_flight_count; fd++)
        if (r->in_flight[fd] > 0)
            return true;
    return false;
}

/* Withdraws every operation; false: the kernel takes no more entries. */
static bool withdraw_all(ring_backend *r)
{
    struct io_uring_sqe *entry = next_entry(r);
    if (!entry)
        return false;
    io_uring_prep_cancel64(entry, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    io_uring_sqe_set_data(entry, NULL);
    r->moving = true;
    r->wake_ended = false;
    while (!r->wake_ended || any_in_flight(r)) {
        (void)io_uring_submit_and_wait(&r->ring, 1);
        reap(r);
    }
    r->moving = false;
    return true;
}

static void submit_moved(ring_backend *r)
{
    for (yb_list *item; (item = yb_list_pop_front(&r->moved));) {
        yb_op *op = YB_CONTAINER_OF(item, yb_op, links);
        if (begin(r, op, op->phase) < 0)
            yb_op_complete_soon(op, -ENOMEM);
    }
}

static int move_to_polled_ring(ring_backend *r)
{
    struct io_uring polled;
    int error = open_ring(r->entries, true, &polled);
    if (error < 0)
        return error;
    if (!withdraw_all(r)) {
        io_uring_queue_exit(&polled);
        return -EAGAIN;
    }
    io_uring_queue_exit(&r->ring);
    r->ring = polled;
    r->polled = true;
    (void)io_uring_register_ring_fd(&r->ring);
    watch_wake(r);
    submit_moved(r);
    return 0;
}

static int descriptor_of(yb_backend *backend)
{
    ring_backend *r = self(backend);
    int error = r->polled ? 0 : move_to_polled_ring(r);
    if (error < 0)
        return error;
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
    r->entries = entries ? entries : DEFAULT_ENTRIES;
    yb_list_init(&r->moved);
    int error = 0;
    r->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (r->wake_fd < 0) {
        error = -errno;
        goto fail;
    }
    error = open_ring(r->entries, false, &r->ring);
    if (error < 0) {
        r->ring.ring_fd = -1;
        goto fail;
    }
    error = self_test(&r->ring);
    if (error < 0)
        goto fail;
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
    .descriptor = descriptor_of,
    .now = yb_clock_now,
    .random = yb_random_bytes,
};
