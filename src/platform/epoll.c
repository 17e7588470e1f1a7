/* The epoll backend: a completion-shaped interface over readiness.
 *
 * An operation is attempted at once; when it would wait, it joins the waiters of its descriptor
 * and direction, and is attempted again when epoll reports that direction.
 *
 * A descriptor is in one of two modes:
 *   FOREIGN  registered with EPOLLONESHOT anew for each wait.  Whoever owns it may close it and the
 *            number may come back as another file, whose registration is then simply missing.
 *   OWN      a socket that only Yibu closes: registered once, edge-triggered, for both directions.
 *            No edge is lost, since every wait follows an attempt that found nothing.
 * Polls for readiness always use FOREIGN, and turn an OWN descriptor into one.
 *
 * An OWN TCP socket that gave less than was asked for is empty: whatever comes next makes a new
 * edge, so the next receive waits without an attempt.  Not so once the peer has ended or urgent
 * data came, which make receives short, too, and no edge after them.  After a receive that gave all
 * that was asked for, the next has the kernel say what is left (TCP_INQ): an exchange of messages
 * that are as long as the buffer would make a receive in vain for each.
 *
 * Events of OWN descriptors are served in batches, so that with thousands of connections, what a
 * receive brought into the caches is still there when its task runs.
 *
 * Calls on files are attempted where they need not wait, and else refused with -ENOTSUP: readiness
 * says nothing about them.
 *
 * One thread but for wake. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "platform/attempt.h"
#include "platform/backend.h"
#include "platform/file_call.h"
#include "platform/valgrind.h"
#include "platform/wake_fd.h"

enum { READERS, WRITERS, POLLERS, QUEUES };
enum { CHUNK_BITS = 8, CHUNK = 1 << CHUNK_BITS, EVENTS = 256 };
static const uint32_t OWN_EVENTS = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

typedef struct descriptor {
    yb_list waiting[QUEUES];
    bool own;   /* in OWN mode */
    bool known; /* was registered: try EPOLL_CTL_MOD first */
    bool tcp;   /* OWN, and a TCP socket of which only data has been reported */
    bool empty; /* tcp, and the next receive would wait */
    bool full;  /* tcp, and the last receive gave all that was asked for */
    bool tells; /* receives can say what is left */
} descriptor;

typedef struct epoll_backend {
    yb_backend base;
    int epoll_fd;
    int wake_fd;
    bool no_pwait2; /* epoll_pwait2 is not to be had */
    bool polled;    /* others poll epoll_fd: nothing may stay in `events` */
    int next, count;
    struct epoll_event events[EVENTS]; /* from next to count: of OWN descriptors, to be served */
    size_t chunk_count;
    descriptor **chunks; /* by descriptor number; chunks never move */
} epoll_backend;

static epoll_backend *self(yb_backend *backend)
{
    return YB_CONTAINER_OF(backend, epoll_backend, base);
}

static descriptor *find(const epoll_backend *e, int fd)
{
    size_t chunk = (size_t)fd >> CHUNK_BITS;
    if (chunk >= e->chunk_count || !e->chunks[chunk])
        return NULL;
    return &e->chunks[chunk][fd & (CHUNK - 1)];
}

static int grow(epoll_backend *e, size_t chunk)
{
    size_t count = e->chunk_count ? e->chunk_count : 4;
    while (count <= chunk)
        count *= 2;
    descriptor **chunks = yb_realloc(e->chunks, count * sizeof(*chunks));
    if (!chunks)
        return -ENOMEM;
    memset(chunks + e->chunk_count, 0, (count - e->chunk_count) * sizeof(*chunks));
    e->chunks = chunks;
    e->chunk_count = count;
    return 0;
}

/* The chunk that was missing. */
static int add_chunk(epoll_backend *e, size_t chunk)
{
    if (chunk >= e->chunk_count && grow(e, chunk) < 0)
        return -ENOMEM;
    descriptor *fresh = yb_calloc(CHUNK, sizeof(*fresh));
    if (!fresh)
        return -ENOMEM;
    for (int i = 0; i < CHUNK; i++)
        for (int queue = 0; queue < QUEUES; queue++)
            yb_list_init(&fresh[i].waiting[queue]);
    e->chunks[chunk] = fresh;
    return 0;
}

/* NULL: there is no memory. */
static descriptor *find_or_add(epoll_backend *e, int fd)
{
    descriptor *d = find(e, fd);
    if (YB_LIKELY(d != NULL))
        return d;
    return add_chunk(e, (size_t)fd >> CHUNK_BITS) < 0 ? NULL : find(e, fd);
}

static yb_op *first_waiting(const descriptor *d, int queue)
{
    const yb_list *list = &d->waiting[queue];
    return yb_list_empty(list) ? NULL : YB_CONTAINER_OF(list->next, yb_op, links);
}

static int control(epoll_backend *e, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(e->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

/* Registers fd whatever the kernel knows of it: a number that was closed and came back is missing
 * where we believed it known, and the reverse. */
static int enroll(epoll_backend *e, descriptor *d, int fd, uint32_t events)
{
    int r = control(e, d->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events);
    if (r == -ENOENT)
        r = control(e, EPOLL_CTL_ADD, fd, events);
    else if (r == -EEXIST)
        r = control(e, EPOLL_CTL_MOD, fd, events);
    if (r == 0)
        d->known = true;
    return r;
}

static uint32_t wanted_events(const descriptor *d)
{
    uint32_t events = 0;
    if (first_waiting(d, READERS))
        events |= EPOLLIN | EPOLLRDHUP;
    if (first_waiting(d, WRITERS))
        events |= EPOLLOUT;
    for (yb_list *at = d->waiting[POLLERS].next; at != &d->waiting[POLLERS]; at = at->next)
        events |= yb_poll_mask(YB_CONTAINER_OF(at, yb_op, links)->events);
    return events;
}

/* Makes epoll report what the waiters of fd wait for. */
static int arm(epoll_backend *e, descriptor *d, int fd)
{
    if (d->own) {
        if (d->known)
            return 0;
        return enroll(e, d, fd, OWN_EVENTS);
    }
    uint32_t events = wanted_events(d);
    return events ? enroll(e, d, fd, events | EPOLLONESHOT) : 0;
}

static int park(epoll_backend *e, yb_op *op)
{
    descriptor *d = find_or_add(e, op->fd);
    if (!d)
        return -ENOMEM;
    int queue = op->kind == YB_OP_POLL ? POLLERS : yb_op_writes(op) ? WRITERS : READERS;
    if (queue == POLLERS)
        d->own = d->tcp = d->empty = d->full = false;
    yb_list_push_back(&d->waiting[queue], &op->links);
    int r = arm(e, d, op->fd);
    if (r < 0)
        yb_list_remove(&op->links);
    return r;
}

static bool is_tcp(int fd)
{
    int protocol;
    socklen_t length = sizeof(protocol);
    return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 &&
           protocol == IPPROTO_TCP;
}

static void adopt(yb_backend *backend, int fd)
{
    descriptor *d = find_or_add(self(backend), fd);
    /* Without memory for it the descriptor stays FOREIGN, which only costs system calls. */
    if (d) {
        d->own = true;
        d->known = d->empty = d->full = d->tells = false;
        d->tcp = is_tcp(fd);
    }
}

/* What the kernel says is left of a socket's data, or has ended; positive where it does not say. */
static int left_of(struct msghdr *message)
{
    int left = 1;
    const struct cmsghdr *part = CMSG_FIRSTHDR(message);
    if (part && part->cmsg_level == SOL_TCP && part->cmsg_type == TCP_CM_INQ)
        memcpy(&left, CMSG_DATA(part), sizeof(left));
    return left;
}

/* A receive that also learns whether the next would wait. */
static ssize_t receive_and_ask(descriptor *d, const yb_op *op)
{
    union {
        struct cmsghdr aligned;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec piece = {op->buffer, op->size};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t n;
    do
        n = recvmsg(op->fd, &message, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : 0;
    d->empty = left_of(&message) == 0;
    return n;
}

static bool make_tell(descriptor *d, int fd)
{
    const int on = 1;
    if (!d->tells)
        d->tells = setsockopt(fd, SOL_TCP, TCP_INQ, &on, sizeof(on)) == 0;
    return d->tells;
}

static ssize_t receive(descriptor *d, yb_op *op)
{
    bool asks = d->tcp && d->full && make_tell(d, op->fd);
    ssize_t n = asks ? receive_and_ask(d, op) : yb_attempt(op);
    if (n <= 0)
        return n;
    d->full = d->tcp && (size_t)n == op->size;
    if (!d->full)
        d->empty = d->tcp;
    return n;
}

static ssize_t attempt(epoll_backend *e, yb_op *op)
{
    descriptor *d = op->kind == YB_OP_RECV ? find(e, op->fd) : NULL;
    if (d)
        return receive(d, op);
    ssize_t n = yb_attempt(op);
    if (op->kind == YB_OP_ACCEPT && n >= 0)
        adopt(&e->base, (int)n);
    return n;
}

/* Whether an attempt at op would be in vain. */
static bool must_wait(const epoll_backend *e, const yb_op *op)
{
    if (op->kind == YB_OP_POLL)
        return true;
    const descriptor *d = op->kind == YB_OP_RECV ? find(e, op->fd) : NULL;
    return d && d->empty && op->size > 0;
}

static int submit(yb_backend *backend, yb_op *op)
{
    epoll_backend *e = self(backend);
    if (op->kind == YB_OP_FILE) {
        op->result = yb_file_attempt(op->file);
        return op->result == -EAGAIN ? -ENOTSUP : 1;
    }
    if (!must_wait(e, op)) {
        op->result = attempt(e, op);
        if (op->result != -EAGAIN)
            return 1;
    }
    int r = park(e, op);
    if (r == -EPERM && op->kind == YB_OP_POLL) { /* a regular file: always ready (poll(2)) */
        op->result = (ssize_t)op->events;
        return 1;
    }
    return r;
}

static void cancel(yb_backend *backend, yb_op *op)
{
    epoll_backend *e = self(backend);
    descriptor *d = find(e, op->fd);
    yb_list_remove(&op->links);
    /* The shot must not stay in the gun: a duplicate of fd would keep the registration when fd is
     * closed, and its events would be taken for those of the next file of that number. */
    if (!d->own && d->known && wanted_events(d) == 0) {
        (void)control(e, EPOLL_CTL_DEL, op->fd, 0);
        d->known = false;
    }
    yb_op_complete_soon(op, -ECANCELED);
}

static void forget_fd(yb_backend *backend, int fd)
{
    epoll_backend *e = self(backend);
    descriptor *d = find(e, fd);
    if (!d)
        return;
    for (int queue = 0; queue < QUEUES; queue++)
        for (yb_op *op; (op = first_waiting(d, queue));) {
            yb_list_remove(&op->links);
            yb_op_complete_soon(op, -EBADF);
        }
    /* A duplicate of fd elsewhere, in another process say, would keep the registration alive. */
    if (d->known)
        (void)control(e, EPOLL_CTL_DEL, fd, 0);
    d->own = d->known = d->tcp = d->empty = d->full = d->tells = false;
    for (int i = e->next; i < e->count; i++)
        if (e->events[i].data.fd == fd)
            e->events[i].data.fd = -1;
}

static void serve_queue(epoll_backend *e, descriptor *d, int queue)
{
    for (yb_op *op; (op = first_waiting(d, queue));) {
        ssize_t r = attempt(e, op);
        if (r == -EAGAIN)
            return;
        yb_list_remove(&op->links);
        yb_op_complete(op, r);
    }
}

/* Completes the polls that mask satisfies.  A callback may start a poll on the same descriptor: it
 * is not looked at in this round. */
static void serve_polls(descriptor *d, unsigned mask)
{
    yb_list round;
    yb_list_init(&round);
    for (yb_op *op; (op = first_waiting(d, POLLERS));) {
        yb_list_remove(&op->links);
        yb_list_push_back(&round, &op->links);
    }
    for (yb_list *item; (item = yb_list_pop_front(&round));) {
        yb_op *op = YB_CONTAINER_OF(item, yb_op, links);
        unsigned events = yb_poll_result(mask, op->events);
        if (events)
            yb_op_complete(op, (ssize_t)events);
        else
            yb_list_push_back(&d->waiting[POLLERS], item);
    }
}

static void serve(epoll_backend *e, int fd, unsigned mask)
{
    descriptor *d = find(e, fd);
    if (!d)
        return;
    if (mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
        d->tcp = false;
    if (mask & ~(unsigned)EPOLLOUT)
        d->empty = false;
    if (mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        serve_queue(e, d, READERS);
    if (mask & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        serve_queue(e, d, WRITERS);
    serve_polls(d, mask);
    if (d->own)
        return;
    int r = arm(e, d, fd); /* the shot is spent; others may wait still */
    if (r < 0)
        for (int queue = 0; queue < QUEUES; queue++)
            for (yb_op *op; (op = first_waiting(d, queue));) {
                yb_list_remove(&op->links);
                yb_op_complete(op, r);
            }
}

static int wait_events(epoll_backend *e, int64_t timeout_ns)
{
    struct timespec time = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
    const struct timespec *limit = timeout_ns == INT64_MAX ? NULL : &time;
    if (timeout_ns > 0 && !e->no_pwait2) {
        int n = epoll_pwait2(e->epoll_fd, e->events, EVENTS, limit, NULL);
        /* Older container runtimes forbid (EPERM) what they do not know. */
        if (n >= 0 || (errno != ENOSYS && errno != EPERM))
            return n;
        e->no_pwait2 = true;
    }
    if (timeout_ns > 0) { /* exact to the nanosecond on kernels before 5.11, too */
        struct pollfd query = {.fd = e->epoll_fd, .events = POLLIN};
        if (ppoll(&query, 1, limit, NULL) < 0)
            return -1;
    }
    return epoll_wait(e->epoll_fd, e->events, EVENTS, 0);
}

static int64_t remaining(yb_backend *backend, int64_t deadline_ns)
{
    if (deadline_ns == 0 || deadline_ns == INT64_MAX)
        return deadline_ns;
    int64_t left = deadline_ns - yb_clock_now(backend);
    return left > 0 ? left : 0;
}

static void read_wake_fd(epoll_backend *e)
{
    uint64_t count;
    (void)!read(e->wake_fd, &count, sizeof(count));
}

/* Serves what is not OWN at once: whoever owns it may close it before the next batch. */
static void sort_events(epoll_backend *e, int count)
{
    e->next = e->count = 0;
    for (int i = 0; i < count; i++) {
        struct epoll_event event = e->events[i];
        const descriptor *d = find(e, event.data.fd);
        if (event.data.fd == e->wake_fd)
            read_wake_fd(e);
        else if (d && d->own)
            e->events[e->count++] = event;
        else
            serve(e, event.data.fd, event.events);
    }
}

/* Asks the memory for the receive that waits for an event which is served soon. */
static void fetch(const epoll_backend *e, int event)
{
    const descriptor *d = event < e->count ? find(e, e->events[event].data.fd) : NULL;
    if (d)
        yb_op_fetch(YB_CONTAINER_OF(d->waiting[READERS].next, yb_op, links));
}

/* Where a poll has made the descriptor FOREIGN meanwhile, its registration reports anew. */
static void serve_batch(epoll_backend *e)
{
    for (unsigned left = e->polled ? EVENTS : e->base.batch; left > 0 && e->next < e->count;
         left--) {
        struct epoll_event event = e->events[e->next++];
        const descriptor *d = find(e, event.data.fd);
        fetch(e, e->next + 1);
        if (d && d->own)
            serve(e, event.data.fd, event.events);
    }
}

static int wait_for_events(yb_backend *backend, int64_t deadline_ns)
{
    epoll_backend *e = self(backend);
    if (e->next == e->count) {
        int n = wait_events(e, remaining(backend, deadline_ns));
        if (n < 0)
            return errno == EINTR ? 0 : -errno;
        sort_events(e, n);
    }
    serve_batch(e);
    return 0;
}

static void wake(yb_backend *backend)
{
    yb_wake_fd_write(self(backend)->wake_fd);
}

static int descriptor_of(yb_backend *backend)
{
    epoll_backend *e = self(backend);
    e->polled = true;
    for (; e->next < e->count; e->next++) /* is reported anew */
        (void)control(e, EPOLL_CTL_MOD, e->events[e->next].data.fd, OWN_EVENTS);
    return e->epoll_fd;
}

static void close_backend(yb_backend *backend)
{
    epoll_backend *e = self(backend);
    if (e->wake_fd >= 0)
        close(e->wake_fd);
    if (e->epoll_fd >= 0)
        close(e->epoll_fd);
    for (size_t i = 0; i < e->chunk_count; i++)
        yb_free(e->chunks[i]);
    yb_free(e->chunks);
    yb_free(e);
}

static int open_backend(unsigned entries, yb_backend **ret_backend)
{
    (void)entries;
    epoll_backend *e = yb_calloc(1, sizeof(*e));
    if (!e)
        return -ENOMEM;
    e->base.class = &yb_epoll_class;
    e->wake_fd = -1;
    e->no_pwait2 = YB_UNDER_VALGRIND;
    e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (e->epoll_fd >= 0)
        e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->wake_fd < 0 || control(e, EPOLL_CTL_ADD, e->wake_fd, EPOLLIN) < 0) {
        int error = errno;
        close_backend(&e->base);
        return -error;
    }
    *ret_backend = &e->base;
    return 0;
}

const yb_backend_class yb_epoll_class = {
    .name = "epoll",
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
